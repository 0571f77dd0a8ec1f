import '../../../../net/promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { encodeFrame } from '../../../../net/frame.ts';
import type { Peer } from '../../../../runtime/actor.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import {
  decodeSyncResponse,
  encodeSyncRequest,
  encodeSyncResponse,
  MAX_SYNC_SNAPSHOTS,
  type SyncRequest,
  type SyncResponse,
} from '../../chain/sync.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';
import { FRAME_HELLO, FRAME_SYNC } from '../core/frame-kinds.ts';
import { encodeHello, P2P_VERSION } from '../core/handshake.ts';
import { encodeAnswer, MAX_SERVED_BLOCKS, MAX_SERVED_BYTES } from '../core/sync-answer.ts';
import { CONSENSUS_PROTOCOL } from './outbound-link.ts';
import { SYNC_PROTOCOL } from './sync-client.ts';
import {
  addressOfValidator,
  seedOf,
  type TestNode,
  testGenesis,
  testNode,
  testSigner,
  testTip,
  until,
} from './testing.ts';

const GENESIS = parseGenesis(testGenesis(4));
const HASH = new Uint8Array(32).fill(9);
const BLOCK = new Uint8Array(1_000).fill(5);

/** Holds what it was asked, and answers as the test wants. */
class FakePersistence {
  readonly asked: { type: string; body: Record<string, unknown> }[] = [];
  answer: (type: string, body: Record<string, unknown>) => Promise<object> = async () => ({ blocks: [] });
  readonly peer = {
    ready: true,
    tell: () => true,
    ask: (type: string, body: Record<string, unknown>) => {
      if (type === 'tip') return Promise.resolve(testTip(GENESIS, 7n));
      this.asked.push({ type, body });
      return this.answer(type, body);
    },
  } as unknown as Peer<PersistenceProtocol>;
}

const blocks = (count: number) => encodeSyncRequest({ kind: 'blocks', from: 7n, count });

describe('sync', () => {
  const store = new FakePersistence();
  let server: TestNode;
  let client: TestNode;
  before(async () => {
    server = await testNode({ index: 0, persistence: store.peer });
    client = await testNode({ index: 1, peers: [server.address] });
    await until(() => client.network.provenValidators === 1, 'the proof');
    await until(() => server.network.provenValidators === 1, 'the proof');
  });
  after(() => Promise.all([server.stop(), client.stop()]));
  const ask = (request: Uint8Array, timeout_ms = 5_000) =>
    client.network.request(addressOfValidator(0), request, timeout_ms);

  it('brings blocks, of several megabytes, with the limits of the server', async () => {
    const block = new Uint8Array(700_000).fill(1);
    store.answer = async () => ({ blocks: Array.from({ length: 6 }, () => ({ block, commitQc: Uint8Array.of(1) })) });
    const response = decodeSyncResponse(await ask(blocks(200)));
    assert.ok(response.kind === 'blocks' && response.blocks.length === 6);
    assert.deepEqual(store.asked.at(-1), {
      type: 'blocks',
      body: { from: 7n, count: MAX_SERVED_BLOCKS, maxBytes: MAX_SERVED_BYTES },
    });
  });

  it('brings one block, or the word that there is none', async () => {
    const request = encodeSyncRequest({ kind: 'block', blockHash: HASH });
    store.answer = async () => ({ block: BLOCK });
    const found = decodeSyncResponse(await ask(request));
    assert.ok(found.kind === 'block' && found.block?.length === 1_000);
    store.answer = async () => ({ block: null });
    assert.deepEqual(decodeSyncResponse(await ask(request)), { kind: 'block', block: null });
    assert.ok((await server.metric('potoroo_p2p_sync_requests_total', { side: 'served', outcome: 'ok' })) >= 3);
  });

  it('brings what the peer has, headers, and parts of snapshots', async () => {
    const { blockHash: tipHash } = testTip(GENESIS);
    const headers = [{ header: HASH, commitQc: HASH, validators: new Uint8Array() }];
    const snapshots = Array.from({ length: MAX_SYNC_SNAPSHOTS + 2 }, (_, index) => BigInt(index + 1));
    const answers: Record<string, object> = {
      snapshots: { heights: snapshots, earliest: 3n },
      headers: { headers },
      manifest: { manifest: null },
      chunk: { chunk: HASH },
    };
    store.answer = async (type) => answers[type]!;
    const exchanges: [SyncRequest, SyncResponse][] = [
      [
        { kind: 'metadata' },
        { kind: 'metadata', metadata: { minHeight: 3n, maxHeight: 7n, tipHash, snapshots: snapshots.slice(2) } },
      ],
      [
        { kind: 'headers', from: 4n, count: 2 },
        { kind: 'headers', headers },
      ],
      [
        { kind: 'manifest', height: 4n },
        { kind: 'manifest', manifest: null },
      ],
      [
        { kind: 'chunk', height: 4n, index: 1 },
        { kind: 'chunk', chunk: HASH },
      ],
    ];
    for (const [request, response] of exchanges) {
      assert.deepEqual(decodeSyncResponse(await ask(encodeSyncRequest(request))), response);
    }
    assert.deepEqual(store.asked.at(-1), { type: 'chunk', body: { height: 4n, index: 1 } });
    store.answer = async () => ({ headers: [headers[0], headers[0]] });
    await assert.rejects(ask(encodeSyncRequest({ kind: 'headers', from: 4n, count: 1 })), { code: 'PEER_PROTOCOL' });
  });

  it('fails in time, and goes on afterwards', async () => {
    store.answer = () => new Promise(() => undefined);
    await assert.rejects(ask(blocks(1), 300), { code: 'DEADLINE_EXCEEDED' });
    store.answer = async () => {
      throw new CodedError('ACTOR_RESTARTED', 'persistence is down');
    };
    await assert.rejects(ask(blocks(1)), { code: 'PEER_UNREACHABLE' });
    await assert.rejects(client.network.request(addressOfValidator(3), blocks(1), 1_000), { code: 'PEER_UNREACHABLE' });
    store.answer = async () => ({ blocks: [] });
    assert.deepEqual(decodeSyncResponse(await ask(blocks(1))), { kind: 'blocks', blocks: [] });
  });

  it('has a bound on requests in work, at the client and at the server', async () => {
    const release: (() => void)[] = [];
    store.answer = () => new Promise((resolve) => release.push(() => resolve({ blocks: [] })));
    const results = Array.from({ length: 6 }, () =>
      ask(blocks(1)).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    );
    await until(() => release.length === 4, 'the first four');
    for (const one of release) one();
    assert.deepEqual(await Promise.all(results), ['ok', 'ok', 'ok', 'ok', 'PEER_UNREACHABLE', 'PEER_UNREACHABLE']);
  });
});

describe('sync with a peer that does not keep to it', () => {
  it('serves nobody without a handshake', async (t) => {
    const store = new FakePersistence();
    const server = await testNode({ index: 0, persistence: store.peer });
    t.after(() => server.stop());
    const peer = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
    t.after(() => peer.stop());
    const connection = await peer.dial(multiaddr(server.address));
    const stream = await connection.newStream(SYNC_PROTOCOL);
    await until(() => stream.status !== 'open', 'the refusal');
    assert.equal(await server.metric('potoroo_p2p_violations_total', { reason: 'sync_before_handshake' }), 1);
    assert.equal(store.asked.length, 0);
  });

  it('limits the rate of one peer, and tells it so', async (t) => {
    const store = new FakePersistence();
    const now_ms = Date.now();
    // Its clock stands, so that no tokens come back.
    const clock = { ...systemClock, now: () => now_ms };
    const server = await testNode({ index: 0, persistence: store.peer, clock });
    t.after(() => server.stop());
    const client = await testNode({ index: 1, peers: [server.address] });
    t.after(() => client.stop());
    await until(() => client.network.provenValidators + server.network.provenValidators === 2, 'the proof');
    for (let n = 0; n < 50; n++) {
      const ask = () => client.network.request(addressOfValidator(0), blocks(1), 5_000);
      await Promise.all([ask(), ask(), ask(), ask()]);
    }
    const refused = client.network.request(addressOfValidator(0), blocks(1), 5_000);
    await assert.rejects(refused, { code: 'PEER_UNREACHABLE', data: { busy: true } });
    assert.equal(await server.metric('potoroo_p2p_violations_total', { reason: 'sync_rate' }), 1);
    assert.equal(store.asked.length, 200);
  });

  it('takes no answer that does not fit, and counts it', async (t) => {
    const client = await testNode({ index: 1 });
    t.after(() => client.stop());
    const peer = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
    t.after(() => peer.stop());
    const answers = [
      encodeFrame(FRAME_SYNC, encodeAnswer(Uint8Array.of(1, 2, 3))),
      encodeFrame(FRAME_SYNC, Uint8Array.of(77)),
      encodeFrame(FRAME_SYNC, encodeAnswer(encodeSyncResponse({ kind: 'block', block: null }))),
    ];
    const left = [...answers];
    await peer.handle(SYNC_PROTOCOL, (stream) => void stream.send(left.shift()!));
    const connection = await peer.dial(multiaddr(client.address));
    const stream = await connection.newStream(CONSENSUS_PROTOCOL);
    const signer = testSigner(seedOf(0), 'test', { lifetime_ms: 60_000 });
    const { certificate } = await signer.ask('certify', { peerId: peer.peerId.toString(), expires_ms: 0 });
    const hello = encodeHello({ version: P2P_VERSION, networkId: 'test', certificate });
    stream.send(encodeFrame(FRAME_HELLO, hello));
    await until(() => client.network.peers().peers.some(({ address }) => address !== ''), 'the proof');
    for (const _ of answers) {
      await assert.rejects(client.network.request(addressOfValidator(0), blocks(1), 2_000), { code: 'PEER_PROTOCOL' });
    }
    assert.equal(await client.metric('potoroo_p2p_violations_total', { reason: 'sync_answer' }), 3);
  });
});
