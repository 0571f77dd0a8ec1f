import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Behaviour, Context, Peer } from '../../../runtime/actor.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { CodedError } from '../../../runtime/errors.ts';
import type { MainProtocol } from '../../../runtime/main-protocol.ts';
import type { Protocol } from '../../../runtime/protocol.ts';
import { systemRandom } from '../../../runtime/random.ts';
import type { ConsensusProtocol } from '../consensus/protocol.ts';
import type { P2pProtocol } from '../p2p/protocol.ts';
import type { PersistenceProtocol } from '../persistence/protocol.ts';
import type { UtilityProtocol } from '../utility/protocol.ts';
import { type RpcConfig, type RpcStart, rpcConfigSchema } from './config.ts';
import definition from './index.ts';
import type { RpcProtocol } from './protocol.ts';

/** What the tests answer in place of the actors that rpc uses. */
export interface Peers {
  utility: { ready: boolean } & Pick<Asks<UtilityProtocol>, 'submit' | 'pending'>;
  consensus: Pick<Asks<ConsensusProtocol>, 'state'>;
  p2p: Pick<Asks<P2pProtocol>, 'peers'>;
  persistence: Pick<Asks<PersistenceProtocol>, 'prove'>;
  main: Pick<Asks<MainProtocol>, 'status'>;
}

type Asks<P extends Protocol> = {
  [K in keyof P['ask'] & string]: (body: Parameters<Peer<P>['ask']>[1]) => Promise<object>;
};

/** A database that refuses connections at once: port 1 of this machine. */
const NO_DATABASE = 'postgresql://nobody@127.0.0.1:1/none';

export interface TestNode {
  readonly url: string;
  readonly metrics: Registry;
  readonly behaviour: Behaviour<RpcProtocol>;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as sent, for exact integers. */
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
}

/** A well node of which nothing was asked yet. */
export function wellPeers(): Peers {
  const self = { peerId: 'me', address: '', multiaddr: '/ip4/127.0.0.1', connected: true, direction: '' };
  return {
    utility: {
      ready: true,
      submit: async (body) => ({
        results: (body as { transactions: Uint8Array[] }).transactions.map((_, index) => ({
          code: 0,
          hash: String(index).padStart(64, '0'),
          message: '',
        })),
      }),
      pending: async () => ({ transactions: [], total: 0 }),
    },
    consensus: {
      state: async () => ({
        height: 8n,
        round: 1,
        step: 2,
        leader: '',
        isLeader: false,
        manual: false,
        syncing: false,
        quorum: true,
        sync: { state: 'pacemaker', target: 7n, rate_blocks_per_s: 0.5, eta_s: 0, peers: 1, snapshot: null },
      }),
    },
    p2p: { peers: async () => ({ self, peers: [{ ...self, peerId: 'you' }] }) },
    persistence: {
      prove: async () => {
        throw new CodedError('BLOCK_NOT_FOUND', 'a well node without a chain');
      },
    },
    main: { status: async () => ({ actors: [] }) },
  };
}

/** Starts the actor on a free port with the given peers. Stop it with `behaviour.stop()`. */
export async function startNode(
  peers: Peers,
  config: Partial<RpcConfig> = {},
  database: string = NO_DATABASE,
): Promise<TestNode> {
  let url = '';
  const metrics = new Registry();
  const log = pino(
    { level: 'info' },
    {
      write(line) {
        url = JSON.parse(line).url ?? url;
      },
    },
  );
  const context: Context<RpcProtocol, RpcStart> = {
    name: 'rpc',
    incarnation: 1,
    config: {
      rpc: { ...rpcConfigSchema.parse({ port: 0 }), ...config },
      database: { url: database, schema: 'potoroo' },
      version: '1.2.3',
    },
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    peer: <Q extends Protocol>(protocol: Q) => fakePeer(peers[protocol.name as keyof Peers]) as Peer<Q>,
    emit: () => {},
    observe: async () => [],
    fail: (error) => {
      throw error;
    },
  };
  const behaviour = await definition.start(context);
  try {
    await behaviour.ready?.();
  } catch (error) {
    await behaviour.stop();
    throw error;
  }
  return {
    get url() {
      return url;
    },
    metrics,
    behaviour,
    get: (path) => call(`${url}${path}`, {}),
    post: (path, body) =>
      call(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** Sends a request and reads the whole answer. */
export async function call(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : text };
}

function fakePeer(handlers: object): Peer<Protocol> {
  return {
    tell: () => false,
    ask: (async (type: string, body: object) => {
      const handler = (handlers as Record<string, unknown>)[type];
      if (typeof handler !== 'function') throw new CodedError('MESSAGE_UNKNOWN', `the test has no answer to ${type}`);
      return handler(body);
    }) as Peer<Protocol>['ask'],
    get ready() {
      return (handlers as { ready?: boolean }).ready ?? true;
    },
  };
}
