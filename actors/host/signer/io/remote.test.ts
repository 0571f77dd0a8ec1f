import '../../../../net/promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import { createKey } from '../../../../config/keystore.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { hasCode } from '../../../../runtime/errors.ts';
import { systemRandom } from '../../../../runtime/random.ts';
import { verify } from '../../../../wasm/ed25519.ts';
import { consensusSignBytes, MESSAGE_VOTE, STEP_COMMIT, STEP_PREPARE } from '../../../pocket/chain/consensus.ts';
import { vrfVerify } from '../../../pocket/chain/ecvrf.ts';
import { electionInput } from '../../../pocket/chain/sortition.ts';
import { TEST_NETWORK, testValidators } from '../../../pocket/chain/testing.ts';
import { remoteSignerMetrics, signerMetrics } from '../metrics.ts';
import { Signer } from '../signer.ts';
import { RemoteClient, type RemoteClientOptions } from './remote-client.ts';
import { RemoteServer } from './remote-server.ts';

const home = mkdtempSync(join(tmpdir(), 'potoroo-remote-'));
after(() => rmSync(home, { recursive: true }));
const validators = testValidators(4);
const { seed, publicKey } = validators[0]!;
const { path: keyFile } = await createKey(home, { unencrypted: true, name: 'validator', seed });
const [serverKey, nodeKey, otherKey] = await Promise.all([1, 2, 3].map(() => generateKeyPair('Ed25519')));
const blockHash = new Uint8Array(32).fill(9);
const voteAt = (height: bigint) => {
  return { type: MESSAGE_VOTE, height, round: 0, step: STEP_PREPARE, blockHash, justify: null };
};

/** What has to be ended, the last first. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const nodeId = nodeKey!.publicKey.toString();
const otherId = otherKey!.publicKey.toString();

interface Served {
  readonly server: RemoteServer;
  readonly address: string;
  stop(): Promise<void>;
}

/** A signer as `potoroo signer serve` runs it; `record` names its record, `port` where it was before. */
async function served(record: string, options: { port?: number; networkId?: string } = {}): Promise<Served> {
  const networkId = options.networkId ?? TEST_NETWORK;
  const log = pino({ level: 'silent' });
  const signer = await Signer.open(
    {
      signer: { key_file: keyFile, record_file: join(home, record), remote: '', remote_key_file: '' },
      networkId,
      validators,
    },
    { clock: systemClock, log, metrics: signerMetrics(new Registry()) },
  );
  const server = await RemoteServer.listen({
    listen: `/ip4/127.0.0.1/tcp/${options.port ?? 0}`,
    key: serverKey!,
    allowed: new Set([nodeId, otherId]),
    networkId,
    answers: signer.answers(() => undefined),
    clock: systemClock,
    log,
  });
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await server.stop();
    signer.close();
  };
  ends.push(stop);
  return { server, address: server.addresses[0]!, stop };
}

/** A log that keeps what is at least a warning. */
function listening(): { log: Logger; warnings: Record<string, unknown>[] } {
  const warnings: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
  return { log, warnings };
}

async function node(address: string, rest: Partial<RemoteClientOptions> = {}): Promise<RemoteClient> {
  const client = await RemoteClient.start({
    address,
    key: nodeKey!,
    networkId: TEST_NETWORK,
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    metrics: remoteSignerMetrics(new Registry()),
    ...rest,
  });
  ends.push(() => client.stop());
  return client;
}

/** Asks until it is answered, as consensus does. */
async function persist<T>(once: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + 30_000; ; await sleep(20)) {
    try {
      return await once();
    } catch (error) {
      if (!hasCode(error, 'SIGNER_UNREACHABLE') || performance.now() > end) throw error;
    }
  }
}

const portOf = (address: string): number => Number(/tcp\/(\d+)/.exec(address)![1]);

/** Passes bytes on and keeps them, as somebody on the line could. */
async function tapped(port: number): Promise<{ port: number; seen: Buffer[]; server: Server }> {
  const seen: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('data', (chunk) => seen.push(chunk));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, seen, server };
}

describe('a remote signer', () => {
  it('answers all that a signer is asked, with the errors it refuses with', async () => {
    const { address } = await served('all');
    const client = await node(address);
    assert.deepEqual(client.identity().publicKey, publicKey);
    const { signature } = await client.ask('sign', voteAt(5n));
    assert.ok(verify(publicKey, consensusSignBytes({ ...voteAt(5n), networkId: TEST_NETWORK }), signature));
    const again = await client.ask('sign', voteAt(5n));
    assert.deepEqual(again.signature, signature, 'same request, same answer');
    const conflict = client.ask('sign', { ...voteAt(5n), blockHash: new Uint8Array(32) });
    await assert.rejects(conflict, { code: 'SIGN_CONFLICT', data: { height: 5n, round: 0, step: 2, type: 2 } });
    await assert.rejects(client.ask('sign', { ...voteAt(5n), step: STEP_COMMIT }), { code: 'SIGN_INVALID' });
    await assert.rejects(client.ask('witness', { qc: new Uint8Array([1]) }), { code: 'QC_MALFORMED' });
    const record = await client.ask('record', {});
    assert.deepEqual(record, { height: 5n, round: 0, step: STEP_PREPARE, prepareQc: null, lockedQc: null });
    const place = { height: 5n, round: 0, parentHash: blockHash };
    const { proof } = await client.ask('prove', place);
    assert.ok(vrfVerify(publicKey, electionInput({ ...place, networkId: TEST_NETWORK }), proof));
    const certify = { peerId: nodeId, expires_ms: Date.now() + 60_000 };
    assert.ok((await client.ask('certify', certify)).certificate.length > 64);
  });

  it('may go and come back: the asks between fail as transient, and what was signed stays signed', async () => {
    const first = await served('back');
    const { log, warnings } = listening();
    const client = await node(first.address, { log });
    const { signature } = await client.ask('sign', voteAt(1n));
    await first.stop();
    await assert.rejects(client.ask('sign', voteAt(2n)), { code: 'SIGNER_UNREACHABLE' });
    assert.deepEqual(client.identity().publicKey, publicKey, 'known from before');
    // Several attempts fail meanwhile.
    await sleep(1_500);
    await served('back', { port: portOf(first.address) });
    assert.deepEqual((await persist(() => client.ask('sign', voteAt(1n)))).signature, signature);
    assert.deepEqual(
      warnings.map(({ msg }) => msg),
      ['the remote signer is away: nothing is signed until it is back'],
      'said once',
    );
  });

  it('is waited for by a node that starts first', async () => {
    const { address, stop } = await served('late');
    await stop();
    const { log, warnings } = listening();
    const client = await node(address, { log });
    assert.throws(() => client.identity(), { code: 'SIGNER_UNREACHABLE' });
    assert.match(String(warnings[0]!.msg), /--allow/);
    assert.equal(warnings[0]!.own_peer_id, nodeId);
    await served('late', { port: portOf(address) });
    await persist(async () => client.identity());
  });

  it('is refused by a node that expects another one, and refuses a node that it does not know', async () => {
    const { address } = await served('strict');
    const impostor = await node(address.replace(/p2p\/.*/, `p2p/${otherId}`));
    await assert.rejects(impostor.ask('sign', voteAt(1n)), { code: 'SIGNER_UNREACHABLE' });
    const stranger = await node(address, { key: await generateKeyPair('Ed25519') });
    await assert.rejects(stranger.ask('sign', voteAt(1n)), { code: 'SIGNER_UNREACHABLE' });
    const known = await node(address);
    assert.equal((await known.ask('record', {})).height, 0n, 'nothing was signed for either');
  });

  it('of another network says so', async () => {
    const { address } = await served('network', { networkId: 'other' });
    const { log, warnings } = listening();
    const client = await node(address, { log });
    await assert.rejects(client.ask('record', {}), { code: 'SIGNER_UNREACHABLE' });
    assert.equal(warnings[0]!.code, 'SIGNER_LINK_NETWORK');
  });

  it('answers the node that came last, and tells the other one', async () => {
    const { address } = await served('twice');
    const { log, warnings } = listening();
    const first = await node(address, { log });
    await first.ask('sign', voteAt(1n));
    const second = await node(address, { key: otherKey! });
    await assert.rejects(second.ask('sign', { ...voteAt(1n), blockHash: new Uint8Array(32) }), {
      code: 'SIGN_CONFLICT',
    });
    await persist(async () =>
      assert.ok(
        warnings.length > 0 ||
          (await first.ask('record', {}).then(
            () => false,
            () => false,
          )),
      ),
    );
    assert.equal(warnings[0]?.reason, 'another node took it over');
    assert.equal((await second.ask('record', {})).height, 1n);
  });

  it('sends nothing in clear: neither key nor signature nor network', async () => {
    const { address } = await served('clear');
    const tap = await tapped(portOf(address));
    const client = await node(address.replace(/tcp\/\d+/, `tcp/${tap.port}`));
    const { signature } = await client.ask('sign', voteAt(3n));
    const bytes = Buffer.concat(tap.seen);
    assert.ok(bytes.length > 500, 'the tap sees the connection');
    for (const secret of [seed, signature, publicKey, Buffer.from(TEST_NETWORK), blockHash]) {
      assert.equal(bytes.indexOf(secret), -1);
    }
  });

  it('goes on, whatever a node of its own sends', async () => {
    const { address } = await served('hostile');
    for (const bytes of [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(100_000, 7)]) {
      const socket = connect(portOf(address), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    const hostile = await node(address);
    await assert.rejects(hostile.ask('sign', { ...voteAt(1n), height: '1' as unknown as bigint }), {
      code: 'SIGNER_UNREACHABLE',
    });
    await persist(() => hostile.ask('sign', voteAt(1n)));
    const many = Array.from({ length: 100 }, () => hostile.ask('record', {}));
    const outcomes = await Promise.allSettled(many);
    const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    assert.ok(refused.length > 0 && refused.every(({ reason }) => hasCode(reason, 'MAILBOX_FULL')), 'bounded');
    assert.ok(outcomes.length - refused.length > 30, 'and those within the bound are answered');
  });
});
