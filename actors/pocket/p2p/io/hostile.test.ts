import '../../../../net/promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { encodeFrame, type Frame, FrameReader } from '../../../../net/frame.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { FRAME_HELLO, FRAME_MESSAGES, FRAME_VERDICT } from '../core/frame-kinds.ts';
import { decodeVerdict, encodeHello, type Hello, P2P_VERSION, type Verdict } from '../core/handshake.ts';
import { encodeList } from '../core/list.ts';
import { gossipTopic } from './gossip.ts';
import { CONSENSUS_PROTOCOL } from './outbound-link.ts';
import { SYNC_PROTOCOL } from './sync-client.ts';
import {
  addressOfValidator,
  freePort,
  pause,
  seedOf,
  type TestNode,
  testGenesis,
  testNode,
  testSigner,
  until,
} from './testing.ts';

const VIOLATIONS = 'potoroo_p2p_violations_total';
const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const clean of cleanups.reverse()) await clean();
});

async function node(options: Parameters<typeof testNode>[0] = {}): Promise<TestNode> {
  const made = await testNode(options);
  cleanups.push(() => made.stop());
  return made;
}

type Attacker = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

/** A libp2p node that says what a test wants. */
async function attacker(): Promise<Attacker> {
  const made = await createLibp2p({
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), pubsub: gossipsub({ globalSignaturePolicy: StrictNoSign }) },
  });
  cleanups.push(() => made.stop());
  return made;
}

async function openConsensus(from: Attacker, to: TestNode): Promise<{ stream: Stream; connection: Connection }> {
  const connection = await from.dial(multiaddr(to.address));
  return { stream: await connection.newStream(CONSENSUS_PROTOCOL), connection };
}

function hello(change: Partial<Hello> = {}): Uint8Array {
  const certificate = new Uint8Array(0);
  return encodeFrame(FRAME_HELLO, encodeHello({ version: P2P_VERSION, networkId: 'test', certificate, ...change }));
}

function verdictOn(stream: Stream): Promise<Verdict> {
  return new Promise((resolve) => {
    const reader = new FrameReader(10_000);
    stream.addEventListener('message', ({ data }) => {
      reader.push(data.subarray(), ({ kind, payload }: Frame) => {
        if (kind === FRAME_VERDICT) resolve(decodeVerdict(payload));
      });
    });
  });
}

async function certificateOf(index: number, peerId: string, lifetime_ms = 60_000): Promise<Uint8Array> {
  const signer = testSigner(seedOf(index), 'test', { lifetime_ms });
  return (await signer.ask('certify', { peerId, expires_ms: 0 })).certificate;
}

/** Makes the victim believe that the attacker is a validator; `then` gets the stream that the victim opened. */
async function proveAs(index: number, peer: Attacker, victim: TestNode, then: (stream: Stream) => void): Promise<void> {
  await peer.handle(CONSENSUS_PROTOCOL, (stream) => {
    const reader = new FrameReader(1_000_000);
    let accepted = false;
    stream.addEventListener('message', ({ data }) => {
      if (accepted) return;
      reader.push(data.subarray(), () => {
        accepted = true;
        stream.send(encodeFrame(FRAME_VERDICT, Uint8Array.of(1, 0)));
        then(stream);
      });
    });
  });
  const { stream } = await openConsensus(peer, victim);
  stream.send(hello({ certificate: await certificateOf(index, peer.peerId.toString()) }));
  await until(() => victim.network.provenValidators === 1, 'the proof');
}

/** Opens a stream, writes these bytes, and waits until the other end has closed it. */
async function provoke(victim: TestNode, bytes: Uint8Array, reason: string): Promise<void> {
  const before = await victim.metric(VIOLATIONS, { reason });
  const { stream } = await openConsensus(await attacker(), victim);
  stream.send(bytes);
  await until(() => stream.status !== 'open', `the end of the stream (${reason})`);
  await until(async () => (await victim.metric(VIOLATIONS, { reason })) === before + 1, `the count of ${reason}`);
}

describe('peers that cannot be of this network', () => {
  const cases: [string, Parameters<typeof testNode>[0], string, string][] = [
    ['another network', { genesis: parseGenesis(testGenesis(4, 'other')) }, 'HELLO_WRONG_NETWORK', 'wrong_network'],
    [
      'a certificate of another network',
      { signer: testSigner(seedOf(1), 'test', { networkId: 'other' }) },
      'CERTIFICATE_WRONG_NETWORK',
      'wrong_network',
    ],
    [
      'an expired certificate',
      { signer: testSigner(seedOf(1), 'test', { lifetime_ms: -1 }) },
      'CERTIFICATE_EXPIRED',
      'certificate_expired',
    ],
    [
      'the certificate of another peer',
      { signer: testSigner(seedOf(1), 'test', { peerId: '12D3KooWother' }) },
      'CERTIFICATE_WRONG_PEER',
      'certificate_invalid',
    ],
  ];
  for (const [what, options, code, reason] of cases) {
    it(`are refused: ${what}`, async () => {
      const victim = await node({ index: 0 });
      const peer = await node({ ...options, peers: [victim.address] });
      await until(async () => (await victim.metric(VIOLATIONS, { reason })) > 0, code);
      const refused = { outcome: 'refused' };
      await until(
        async () => (await peer.metric('potoroo_p2p_handshakes_total', { ...refused, direction: 'out' })) > 0,
        'the reason',
      );
      await until(() => victim.network.connections === 0, 'the end of the connection');
      assert.equal(victim.network.provenValidators, 0);
      assert.deepEqual(victim.connected, []);
      peer.network.broadcast(Uint8Array.of(1));
      assert.equal(victim.received.length, 0);
    });
  }

  it('learn why', async () => {
    const victim = await node();
    const { stream } = await openConsensus(await attacker(), victim);
    const verdict = verdictOn(stream);
    stream.send(hello({ version: 7 }));
    assert.deepEqual(await verdict, {
      accepted: false,
      code: 'HELLO_WRONG_VERSION',
      reason: 'this node speaks p2p version 1, the peer 7',
    });
  });

  it('leave room: observers are admitted up to a limit, and cannot speak', async () => {
    const victim = await node({ maxObservers: 1 });
    const first = await openConsensus(await attacker(), victim);
    first.stream.send(hello());
    assert.equal((await verdictOn(first.stream)).accepted, true);
    const second = await openConsensus(await attacker(), victim);
    second.stream.send(hello());
    assert.equal((await verdictOn(second.stream)).code, 'HELLO_OBSERVERS_FULL');
    first.stream.send(encodeFrame(FRAME_MESSAGES, encodeList([Uint8Array.of(1)])));
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'message_unproven' })) === 1, 'the offence');
    assert.equal(victim.received.length, 0);
  });
});

describe('a certificate', () => {
  it('ends with its time, unless it is renewed on the stream', async () => {
    const victim = await node();
    const peer = await attacker();
    const { stream } = await openConsensus(peer, victim);
    const peerId = peer.peerId.toString();
    stream.send(hello({ certificate: await certificateOf(1, peerId, 400) }));
    stream.send(encodeFrame(FRAME_MESSAGES, encodeList([Uint8Array.of(1)])));
    await until(() => victim.received.length === 1, 'the first message');
    stream.send(hello({ certificate: await certificateOf(1, peerId, 900) }));
    await pause(500);
    stream.send(encodeFrame(FRAME_MESSAGES, encodeList([Uint8Array.of(2)])));
    await until(() => victim.received.length === 2, 'the second message');
    assert.equal(victim.received[0]!.from, toHex(addressOfValidator(1)));
    await until(() => stream.status !== 'open', 'the end');
    assert.equal(await victim.metric(VIOLATIONS, { reason: 'certificate_expired' }), 1);
  });
});

describe('garbage', () => {
  it('on the port is closed and counted, and harms nobody', async () => {
    const victim = await node({ index: 0 });
    const peer = await node({ index: 1, peers: [victim.address] });
    const sockets = Array.from({ length: 10 }, () => connect(victim.port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
      // Unread, the end of the connection would not be noticed.
      socket.resume();
      socket.write(randomBytes(2_000));
    }
    await until(() => sockets.every((socket) => socket.closed), 'the end of the connections');
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'upgrade_failed' })) === 10, 'the count');
    await until(() => victim.network.provenValidators === 1 && peer.network.provenValidators === 1, 'the peer');
  });

  it('that says nothing is given up, and one host has few such connections', async () => {
    const victim = await node();
    const sockets = Array.from({ length: 30 }, () => connect(victim.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {});
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'too_many_pending' })) === 14, 'the limit');
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'upgrade_failed' })) === 16, 'the timeout');
    for (const socket of sockets) socket.destroy();
  });

  it('on a stream, too large frames and unexpected ones reset it and are counted', async () => {
    const victim = await node();
    const large = Buffer.alloc(5);
    large.writeUInt32BE(4_000_000_000);
    await provoke(victim, large, 'frame_too_large');
    await provoke(victim, Buffer.alloc(5), 'frame_malformed');
    await provoke(victim, encodeFrame(FRAME_HELLO, Uint8Array.of(0)), 'hello_malformed');
    await provoke(victim, encodeFrame(FRAME_MESSAGES, Uint8Array.of(0)), 'hello_malformed');
    await provoke(victim, encodeFrame(FRAME_HELLO, new Uint8Array(5_000)), 'frame_too_large');
    const other = await attacker();
    const certificate = await certificateOf(1, other.peerId.toString());
    const { stream } = await openConsensus(other, victim);
    stream.send(hello({ certificate }));
    await until(() => victim.network.peers().peers.some(({ address }) => address !== ''), 'the proof');
    stream.send(encodeFrame(FRAME_MESSAGES, randomBytes(500)));
    await until(() => stream.status !== 'open', 'the end');
    assert.equal(victim.received.length, 0);
  });

  it('random, on all streams, ends no node; a peer that goes on is shut out', async () => {
    const victim = await node();
    const peer = await attacker();
    for (let n = 0; n < 40; n++) {
      try {
        const connection = await peer.dial(multiaddr(victim.address));
        const stream = await connection.newStream([CONSENSUS_PROTOCOL, SYNC_PROTOCOL][n % 2]!);
        const start = n % 3 === 0 ? hello({ certificate: randomBytes(n) }) : new Uint8Array(0);
        stream.send(Buffer.concat([start, randomBytes(1 + n * 50)]));
        if (n % 5 === 0) stream.abort(new Error('gone'));
        await pause(5);
      } catch {
        // Shut out.
      }
    }
    assert.ok((await victim.metric('potoroo_p2p_bans_total')) >= 1);
    await assert.rejects(
      peer.dial(multiaddr(victim.address)).then((connection) => connection.newStream(CONSENSUS_PROTOCOL)),
    );
    const honest = await node({ index: 1, peers: [victim.address] });
    await until(
      () => victim.network.provenValidators === 1 && honest.network.provenValidators === 1,
      'the honest peer',
    );
  });

  it('in gossip is counted and not passed on', async () => {
    const victim = await node({ index: 0 });
    const honest = await node({ index: 1, peers: [victim.address] });
    const peer = await attacker();
    peer.services.pubsub.subscribe(gossipTopic('test'));
    await peer.dial(multiaddr(victim.address));
    await until(() => peer.services.pubsub.getSubscribers(gossipTopic('test')).length === 1, 'the subscription');
    await peer.services.pubsub.publish(gossipTopic('test'), randomBytes(1_000));
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'gossip_malformed' })) === 1, 'the count');
    await peer.services.pubsub.publish(gossipTopic('test'), encodeList([new Uint8Array(20_000)]));
    await until(async () => (await victim.metric(VIOLATIONS, { reason: 'gossip_malformed' })) === 2, 'the count');
    assert.equal(honest.batches.length + victim.batches.length, 0);
    assert.equal(await honest.metric(VIOLATIONS, { reason: 'gossip_malformed' }), 0);
  });
});

describe('limits', () => {
  it('hold the number of connections', async () => {
    const victim = await node({ maxConnections: 8 });
    await Promise.all(
      Array.from({ length: 12 }, async () => (await attacker()).dial(multiaddr(victim.address)).catch(() => undefined)),
    );
    await until(() => victim.network.connections <= 8, 'the limit');
    assert.ok((await victim.metric(VIOLATIONS, { reason: 'too_many_connections' })) >= 1);
  });

  it('name the port and the configuration key when the port is busy', async () => {
    const port = await freePort();
    await node({ port });
    await assert.rejects(node({ port }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'PORT_BUSY');
      assert.match(error.message, new RegExp(`port ${port} .*p2p\\.listen`));
      return true;
    });
  });

  it('part with a validator that takes no gossip, so that both start anew', async () => {
    const clock = {
      ...systemClock,
      after: (delay_ms: number, run: () => void) => systemClock.after(delay_ms / 20, run),
    };
    const victim = await node({ index: 0, clock });
    const peer = await attacker();
    await proveAs(1, peer, victim, () => undefined);
    await until(() => victim.network.connections === 0, 'the end of the connection');
    assert.equal(await victim.metric('potoroo_p2p_gossip_repairs_total'), 1);
    assert.equal(await victim.metric(VIOLATIONS), 0);
  });

  it('bound the queue to a peer that does not read, and drop the oldest', async () => {
    const victim = await node({ index: 0 });
    const peer = await attacker();
    await proveAs(1, peer, victim, (stream) => stream.pause());
    const message = new Uint8Array(100_000);
    for (let n = 0; n < 300; n++) {
      victim.network.broadcast(message);
      if (n % 50 === 0) await pause(1);
    }
    await until(
      async () => (await victim.metric('potoroo_p2p_dropped_total', { what: 'consensus_out' })) > 100,
      'the drops',
    );
    const queued = await victim.metric('potoroo_p2p_queued_messages');
    assert.ok(queued > 10 && queued <= 90, `${queued} queued`);
  });
});
