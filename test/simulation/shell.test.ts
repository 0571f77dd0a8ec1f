import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SignerStart } from '../../actors/host/signer/config.ts';
import signer from '../../actors/host/signer/index.ts';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { validatorSet } from '../../actors/pocket/chain/validators.ts';
import { type ConsensusStart, consensusConfigSchema } from '../../actors/pocket/consensus/config.ts';
import consensus from '../../actors/pocket/consensus/index.ts';
import { consensusProtocol } from '../../actors/pocket/consensus/protocol.ts';
import { p2pProtocol } from '../../actors/pocket/p2p/protocol.ts';
import { persistenceProtocol } from '../../actors/pocket/persistence/protocol.ts';
import { utilityProtocol } from '../../actors/pocket/utility/protocol.ts';
import { createKey } from '../../config/keystore.ts';
import { defineActor, type Peer } from '../../runtime/actor.ts';
import { CodedError, hasCode } from '../../runtime/errors.ts';
import { defineProtocol } from '../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../runtime/single-thread.ts';
import { publicKeyOf } from '../../wasm/ed25519.ts';
import { Disk, GENESIS_MS } from './disk.ts';
import { NETWORK_ID } from './keys.ts';

const home = mkdtempSync(join(tmpdir(), 'potoroo-consensus-'));
after(() => rmSync(home, { recursive: true }));

const seed = new Uint8Array(32).fill(3);
const publicKey = publicKeyOf(seed);
const address = addressOf(publicKey);
const disk = new Disk(validatorSet([{ address, publicKey, serviceUrl: 'node1:1' }]));

const genesis = JSON.stringify({
  genesis_time: new Date(GENESIS_MS).toISOString(),
  chain_id: NETWORK_ID,
  accounts: [],
  validators: [
    {
      address: toHex(address),
      public_key: toHex(publicKey),
      service_url: 'node1:1',
      staked_amount: '1',
      output: toHex(address),
    },
  ],
});

function unasked(): never {
  throw new CodedError('UNASKED', 'consensus does not ask this');
}

/** Database and ledger of the simulation, as actors. */
const persistence = defineActor({
  protocol: persistenceProtocol,
  uses: [],
  listens: [],
  start: () => ({
    tell: {},
    ask: {
      tip: () => disk.tip(),
      commit: ({ blockHash, commitQc }) => {
        disk.commit(blockHash.slice(), commitQc.slice());
        return { height: disk.tip().height };
      },
      block: ({ blockHash }) => ({ block: disk.find(blockHash) }),
      read: unasked,
      stage: unasked,
      blocks: unasked,
      journal: unasked,
      journaled: unasked,
      forget: unasked,
    },
    stop: () => undefined,
  }),
});
const utility = defineActor({
  protocol: utilityProtocol,
  uses: [],
  listens: [],
  start: () => ({
    tell: {},
    ask: {
      propose: (plan) => {
        const block = disk.propose(copied(plan), []);
        return { block, blockHash: new Uint8Array(32) };
      },
      execute: ({ block }) => {
        disk.execute(block.slice());
        return { blockHash: new Uint8Array(32) };
      },
      submit: unasked,
      pending: unasked,
    },
    stop: () => undefined,
  }),
});
const p2p = defineActor({
  protocol: p2pProtocol,
  uses: [],
  listens: [],
  start: () => ({
    tell: { broadcast: () => undefined, send: () => undefined, gossip: () => undefined },
    ask: { request: unasked, peers: unasked },
    stop: () => undefined,
  }),
});

/** What arrives in a frame is a view of it. */
function copied<T extends object>(fields: T): T {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Uint8Array.from(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

test('the actor runs a chain with the real signer, and goes on when either of them is killed', async () => {
  const { path } = await createKey(home, { unencrypted: true, name: 'validator', seed });
  let peer: Peer<typeof consensusProtocol> | undefined;
  const probe = defineActor({
    protocol: defineProtocol('probe', {}),
    uses: [consensusProtocol],
    listens: [],
    start(context) {
      peer = context.peer(consensusProtocol);
      return { tell: {}, ask: {}, stop: () => undefined };
    },
  });
  const config: { signer: SignerStart; consensus: ConsensusStart } = {
    signer: {
      signer: { key_file: path, record_file: join(home, 'record') },
      networkId: NETWORK_ID,
      validators: [{ address, publicKey, serviceUrl: 'node1:1' }],
    },
    consensus: { consensus: consensusConfigSchema.parse({}), genesis },
  };
  const actors = [signer, persistence, utility, p2p, consensus, probe].map((definition) => ({
    definition,
    config: new Map<string, unknown>(Object.entries(config)).get(definition.protocol.name) ?? {},
  })) as unknown as HostedActor[];
  const host = new SingleThreadHost(actors, { seed: 1n, start_ms: GENESIS_MS });
  await host.start();
  const committed = () => disk.committed.length;

  await host.advance(10_500);
  assert.ok(committed() >= 9, `${committed()} blocks`);
  for (const name of ['signer', 'consensus', 'utility', 'persistence']) {
    const before = committed();
    await host.kill(name);
    await host.advance(700);
    await host.restart(name);
    await host.advance(6_000);
    assert.ok(committed() >= before + 3, `${committed() - before} blocks after ${name} was killed`);
  }

  const state = peer!.ask('state', {});
  await host.advance(1);
  assert.equal((await state).height, BigInt(committed()) + 1n);
  const refused = peer!.ask('trigger', {}).catch((error: unknown) => error);
  await host.advance(1);
  assert.ok(hasCode(await refused, 'NOT_MANUAL'));
  await host.stop();
});
