import '../../../../net/promise-with-resolvers.ts';
import { createServer } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Peer } from '../../../../runtime/actor.ts';
import { type Clock, systemClock } from '../../../../runtime/clock.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { systemRandom } from '../../../../runtime/random.ts';
import { publicKeyOf, sign } from '../../../../wasm/ed25519.ts';
import type { SignerProtocol } from '../../../host/signer/protocol.ts';
import { addressOf } from '../../chain/address.ts';
import { certificateSignBytes, encodeCertificate } from '../../chain/certificate.ts';
import { type Genesis, genesisValidators, parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import type { PersistenceProtocol, Tip } from '../../persistence/protocol.ts';
import { p2pConfigSchema } from '../config.ts';
import { Network } from './network.ts';

/** Seeds of test validators. */
export const seedOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);
export const addressOfValidator = (index: number): Uint8Array => addressOf(publicKeyOf(seedOf(index)));

export function testGenesis(validators: number, networkId = 'test'): string {
  const list = Array.from({ length: validators }, (_, index) => {
    const publicKey = publicKeyOf(seedOf(index));
    const address = toHex(addressOf(publicKey));
    const key = { address, public_key: toHex(publicKey), output: address };
    return {
      ...key,
      service_url: 'host:1',
      staked_amount: '1000',
      chains: [],
      paused_height: -1,
      unstaking_height: -1,
    };
  });
  return JSON.stringify({ genesis_time: '2026-01-01T00:00:00Z', chain_id: networkId, validators: list });
}

/** What a test may change in the certificate a node presents. */
export interface Forgery {
  networkId?: string;
  peerId?: string;
  lifetime_ms?: number;
}

/** A signer of the seed; `down` makes that many asks fail first. */
export function testSigner(seed: Uint8Array, networkId: string, forgery: Forgery = {}, down = 0): Peer<SignerProtocol> {
  const publicKey = publicKeyOf(seed);
  let failures = down;
  const certify = ({ peerId, expires_ms }: { peerId: string; expires_ms: number }): Uint8Array => {
    const { lifetime_ms } = forgery;
    const unsigned = {
      networkId: forgery.networkId ?? networkId,
      peerId: forgery.peerId ?? peerId,
      expires_ms: lifetime_ms === undefined ? expires_ms : Date.now() + lifetime_ms,
      publicKey,
    };
    return encodeCertificate({ ...unsigned, signature: sign(seed, certificateSignBytes(unsigned)) });
  };
  return {
    ready: true,
    tell: () => true,
    ask: async (type: string, body: object) => {
      if (failures-- > 0) throw new CodedError('ACTOR_RESTARTED', 'the signer is down');
      if (type === 'identity') return { publicKey, address: addressOf(publicKey) };
      const wanted = body as { peerId: string; expires_ms: number };
      return { certificate: certify(wanted), expires_ms: wanted.expires_ms };
    },
  } as Peer<SignerProtocol>;
}

/** Persistence at genesis, which answers that its validators are these. */
export function testPersistence(genesis: Genesis): Peer<PersistenceProtocol> {
  return { ready: true, tell: () => true, ask: async () => testTip(genesis) } as unknown as Peer<PersistenceProtocol>;
}

export function testTip(genesis: Genesis, height = 0n): Tip {
  const list = [...genesisValidators(genesis).list];
  const hash = new Uint8Array(32);
  const blocks = { blockHash: hash, stateHash: hash, timestamp_ms: 0n, commitQc: null };
  return { height, ...blocks, voters: list, validators: list };
}

export interface TestNode {
  readonly network: Network;
  readonly key: PrivateKey;
  readonly received: { from: string; message: Uint8Array }[];
  readonly batches: { transactions: Uint8Array[]; peerId: string }[];
  readonly connected: number[];
  /** Addresses of the last `connected`, hex. */
  readonly known: () => readonly string[];
  readonly address: string;
  readonly port: number;
  /** Value of a counter, summed over the labels that match. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  stop(): Promise<void>;
}

export interface TestNodeOptions {
  index?: number;
  seed?: Uint8Array;
  genesis?: Genesis;
  peers?: string[];
  port?: number;
  key?: PrivateKey;
  signer?: Peer<SignerProtocol>;
  persistence?: Peer<PersistenceProtocol>;
  maxObservers?: number;
  maxConnections?: number;
  wanted?: () => boolean;
  clock?: Clock;
}

const GENESIS = parseGenesis(testGenesis(4));

export async function testNode(options: TestNodeOptions): Promise<TestNode> {
  const genesis = options.genesis ?? GENESIS;
  const port = options.port ?? (await freePort());
  const key = options.key ?? (await generateKeyPair('Ed25519'));
  const metrics = new Registry();
  const received: TestNode['received'] = [];
  const batches: TestNode['batches'] = [];
  const connected: number[] = [];
  let known: string[] = [];
  const config = p2pConfigSchema.parse({
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    peers: options.peers ?? [],
    key_file: 'unused',
    ...(options.maxObservers === undefined ? {} : { max_observers: options.maxObservers }),
    ...(options.maxConnections === undefined ? {} : { max_connections: options.maxConnections }),
  });
  const network = await Network.listen(
    {
      config,
      genesis,
      key,
      signer: options.signer ?? testSigner(options.seed ?? seedOf(options.index ?? 0), genesis.networkId),
      persistence: options.persistence ?? testPersistence(genesis),
      clock: options.clock ?? systemClock,
      random: systemRandom,
      log: pino({ level: process.env.TEST_LOG ?? 'silent' }),
      metrics,
    },
    {
      consensusMessage: (from, message) => received.push({ from: toHex(from), message: Uint8Array.from(message) }),
      transactions: (transactions, peerId) => batches.push({ transactions, peerId }),
      transactionsWanted: options.wanted ?? (() => true),
      connected: (validators, addresses) => {
        connected.push(validators);
        known = addresses.map(toHex);
      },
    },
  );
  network.start();
  return {
    network,
    key,
    received,
    batches,
    connected,
    known: () => known,
    port,
    address: `/ip4/127.0.0.1/tcp/${port}/p2p/${network.peerId}`,
    metric: async (name, labels = {}) => {
      const values = (await metrics.getSingleMetric(name)?.get())?.values ?? [];
      const matching = values.filter((one) =>
        Object.entries(labels).every(([key, value]) => one.labels[key] === value),
      );
      return matching.reduce((sum, { value }) => sum + value, 0);
    },
    stop: () => network.stop(),
  };
}

/** Fully meshed validators. Each knows all addresses, its own included. */
export async function testMesh(count: number, options: TestNodeOptions = {}): Promise<TestNode[]> {
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const peers = ports.map((port) => `/ip4/127.0.0.1/tcp/${port}`);
  const nodes = await Promise.all(ports.map((port, index) => testNode({ ...options, index, port, peers })));
  await until(() => nodes.every(({ network }) => network.provenValidators === count - 1), 'the mesh');
  return nodes;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    // Whoever dials in meanwhile is sent away: `close` waits for connections.
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(holds: () => boolean | Promise<boolean>, what: string, timeout_ms = 10_000): Promise<void> {
  const end = Date.now() + timeout_ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${timeout_ms} ms`);
    await pause(10);
  }
}
