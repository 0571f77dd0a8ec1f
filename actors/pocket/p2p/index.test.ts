import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Context, Envelope, Peer } from '../../../runtime/actor.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { Protocol } from '../../../runtime/protocol.ts';
import { systemRandom } from '../../../runtime/random.ts';
import { decodeSyncResponse, encodeSyncRequest } from '../chain/sync.ts';
import { type P2pStart, p2pConfigSchema } from './config.ts';
import definition from './index.ts';
import { addressOfValidator, freePort, seedOf, testGenesis, testSigner, until } from './io/testing.ts';
import type { P2pProtocol } from './protocol.ts';

const folder = mkdtempSync(join(tmpdir(), 'potoroo-p2p-'));
const stops: (() => unknown)[] = [];
after(async () => {
  for (const stop of stops) await stop();
  rmSync(folder, { recursive: true });
});

const ENVELOPE: Envelope = { from: 'test', trace: '', deadline_ms: Date.now() + 60_000 };

async function actor(index: number, port: number, peers: string[]) {
  const emitted: { type: string; body: Record<string, unknown> }[] = [];
  const persistence = { ready: true, tell: () => true, ask: async () => ({ block: Uint8Array.of(1, 2, 3) }) };
  const utility = { ready: true, tell: () => true, ask: async () => ({}) };
  const others: Record<string, unknown> = { signer: testSigner(seedOf(index), 'test'), persistence, utility };
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const context: Context<P2pProtocol, P2pStart> = {
    name: 'p2p',
    incarnation: 1,
    config: {
      p2p: p2pConfigSchema.parse({ listen, peers, key_file: join(folder, `${index}.key`) }),
      genesis: testGenesis(2),
    },
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    metrics: new Registry(),
    peer: <Q extends Protocol>(protocol: Q) => others[protocol.name] as Peer<Q>,
    emit: (type, body) => emitted.push({ type, body: body as unknown as Record<string, unknown> }),
    observe: async () => [],
    fail: (error) => assert.fail(error as Error),
  };
  const behaviour = await definition.start(context);
  stops.push(() => behaviour.stop());
  await behaviour.ready?.();
  return {
    behaviour,
    emitted,
    events: (type: string) => emitted.filter((one) => one.type === type).map(({ body }) => body),
  };
}

describe('the p2p actor', () => {
  it('speaks its protocol', async () => {
    const ports = [await freePort(), await freePort()];
    // One of them dials: where both do, one of two connections is given up, with what is on its way there.
    const first = await actor(0, ports[0]!, []);
    const second = await actor(1, ports[1]!, [`/ip4/127.0.0.1/tcp/${ports[0]}`]);
    await until(() => [first, second].every(({ events }) => events('connected').at(-1)?.validators === 1), 'the peers');

    await first.behaviour.tell.broadcast({ message: Uint8Array.of(1) }, ENVELOPE);
    await first.behaviour.tell.send({ to: addressOfValidator(1), message: Uint8Array.of(2) }, ENVELOPE);
    await until(() => second.events('consensusMessage').length === 2, 'the messages');
    assert.deepEqual(second.events('consensusMessage')[0]!.from, addressOfValidator(0));

    const listed = await first.behaviour.ask.peers({}, ENVELOPE);
    assert.ok(listed.peers.some(({ address, connected }) => connected && address.length === 40));
    const request = encodeSyncRequest({ kind: 'block', blockHash: new Uint8Array(32) });
    const reply = await second.behaviour.ask.request({ to: addressOfValidator(0), request }, ENVELOPE);
    assert.ok(decodeSyncResponse(reply.response).kind === 'block');

    await until(async () => {
      await first.behaviour.tell.gossip(
        { transactions: [Uint8Array.of(3, first.emitted.length, Math.random() * 256)] },
        ENVELOPE,
      );
      return second.events('transactions').length > 0;
    }, 'the gossip');

    const before = first.events('connected').length;
    first.behaviour.rebound?.('consensus');
    assert.equal(first.events('connected').length, before + 1);
  });
});
