import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import postgres from 'postgres';
import { Registry } from 'prom-client';
import type { Behaviour, Context, Envelope } from '../../../../runtime/actor.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { systemRandom } from '../../../../runtime/random.ts';
import { publicKeyOf, sign } from '../../../../wasm/ed25519.ts';
import { sha3_256 } from '../../../../wasm/hash.ts';
import type { Actor } from '../../chain/actor.ts';
import { addressOf } from '../../chain/address.ts';
import { BLOCK_VERSION, bodyRoot, decodeHeader, encodeHeader, type Header } from '../../chain/block.ts';
import { encodeQc, STEP_COMMIT, voteSignBytes } from '../../chain/consensus.ts';
import { toHex } from '../../chain/hex.ts';
import { POOL_DAO } from '../../chain/pools.ts';
import { decodeTransaction, replayKey, signTransaction } from '../../chain/transaction.ts';
import type { PersistenceStart } from '../config.ts';
import persistence from '../index.ts';
import { type EmbeddedDatabase, startEmbedded } from '../io/embedded.ts';
import type { ActorKey, ChangeSet, PersistenceProtocol, ReceiptRow, Tip } from '../protocol.ts';

export const silent = pino({ level: 'silent' });

/** A real server in a folder of its own. */
export interface TestServer {
  readonly url: string;
  readonly embedded: EmbeddedDatabase;
  readonly home: string;
  stop(): Promise<void>;
}

export async function testServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'potoroo-test-'));
  const home = join(folder, 'home');
  // Root cannot write a database in a folder that only root enters: the state folder must be outside.
  const stateFolder = mkdtempSync(join(tmpdir(), 'potoroo-state-'));
  const embedded = await startEmbedded({ home, log: silent, stateFolder });
  return {
    url: embedded.url,
    embedded,
    home,
    async stop() {
      await embedded.stop();
      for (const directory of [folder, stateFolder]) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A connection for looking at what the actor wrote, as psql would. */
export function connect(url: string, schema = 'potoroo'): postgres.Sql {
  return postgres(url, {
    host: decodeURIComponent(new URL(url).hostname),
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
    connection: { search_path: schema },
  });
}

/** A key for each number from 1 to 65,535. */
export function seedOf(index: number): Uint8Array {
  const seed = new Uint8Array(32).fill(index % 256);
  seed[0] = (index % 256) ^ (index >> 8);
  return seed;
}

export function address(index: number): Uint8Array {
  return addressOf(publicKeyOf(seedOf(index)));
}

/** Number of the only validator of `testGenesis`, as `address` takes it. */
export const VALIDATOR = 99;

/** One validator, and accounts 1 to `accounts` with a million each. */
export function testGenesis(options: { accounts?: number; window?: number; chain?: string } = {}): string {
  const key = publicKeyOf(seedOf(VALIDATOR));
  const validator = toHex(addressOf(key));
  return JSON.stringify({
    genesis_time: '2026-01-31T12:00:00.000Z',
    chain_id: options.chain ?? 'test',
    tx_window_blocks: options.window ?? 10,
    accounts: Array.from({ length: options.accounts ?? 3 }, (_, index) => ({
      address: toHex(address(index + 1)),
      amount: '1000000',
    })),
    validators: [
      {
        address: validator,
        public_key: toHex(key),
        service_url: 'localhost:1',
        staked_amount: '1000000000000',
        output: validator,
        chains: [],
      },
    ],
    applications: [
      {
        address: validator,
        public_key: toHex(key),
        chains: ['0001', 'a"b,'.replace(/[^a-z]/g, 'x')],
        staked_amount: '5',
        output: validator,
      },
    ],
  });
}

type Asks = Behaviour<PersistenceProtocol>['ask'];
type Ask<K extends keyof Asks> = (body: Parameters<Asks[K]>[0]) => Promise<Awaited<ReturnType<Asks[K]>>>;

/** The actor without its runtime. */
export interface TestActor {
  readonly ask: { [K in keyof Asks]: Ask<K> };
  /** Heights of the events `committed`. */
  readonly committed: bigint[];
  readonly metrics: Registry;
  stop(): Promise<void>;
}

export async function startActor(
  url: string,
  options: {
    schema?: string;
    genesis?: string;
    timeout_ms?: number;
    proofHeights?: number;
    snapshots?: string;
    interval?: number;
  } = {},
): Promise<TestActor> {
  const committed: bigint[] = [];
  const ownSnapshots = join(tmpdir(), `potoroo-snapshots-${randomUUID()}`);
  const snapshots = options.snapshots ?? ownSnapshots;
  const metrics = new Registry();
  const context: Context<PersistenceProtocol, PersistenceStart> = {
    name: 'persistence',
    incarnation: 1,
    config: {
      database: {
        url,
        schema: options.schema ?? 'potoroo',
        pool_size: 3,
        proof_heights: options.proofHeights ?? 100,
        proof_memory_mb: 256,
        snapshot_interval_blocks: options.interval ?? 0,
      },
      genesis: options.genesis ?? testGenesis(),
      snapshots,
    },
    clock: systemClock,
    random: systemRandom,
    log: silent,
    metrics,
    peer: () => {
      throw new Error('persistence asks nobody');
    },
    emit: (_type, body) => {
      committed.push(body.height);
    },
    observe: async () => [],
    fail: (error) => {
      throw error;
    },
  };
  const behaviour = await persistence.start(context);
  await behaviour.ready?.();
  const envelope = (): Envelope => ({
    from: 'test',
    trace: '',
    deadline_ms: Date.now() + (options.timeout_ms ?? 10_000),
  });
  const ask = Object.fromEntries(
    Object.entries(behaviour.ask).map(([name, handler]) => [
      name,
      async (body: never) => (handler as (body: never, envelope: Envelope) => unknown)(body, envelope()),
    ]),
  ) as unknown as TestActor['ask'];
  const stop = async () => {
    await behaviour.stop();
    rmSync(ownSnapshots, { recursive: true, force: true });
  };
  return { ask, committed, metrics, stop };
}

/** What a block on `tip` does, for `stage`: one transaction for each entry of `payments`. */
export function draft(
  parent: Pick<Tip, 'height' | 'blockHash'>,
  options: {
    payments?: Payment[];
    time?: bigint;
    tag?: string;
    parentQc?: Uint8Array;
    actors?: Actor[];
    removedActors?: ActorKey[];
  } = {},
): { header: Uint8Array; transactions: Uint8Array[]; changes: ChangeSet; receipts: ReceiptRow[] } {
  const payments = options.payments ?? [];
  const height = parent.height + 1n;
  const transactions = payments.map((payment, index) =>
    transactionOf(payment, `${options.tag ?? ''}${height}/${index}`),
  );
  const header: Header = {
    height,
    networkId: 'test',
    stateHash: new Uint8Array(),
    prevStateHash: new Uint8Array(),
    proposerAddress: address(VALIDATOR),
    quorumCertificate: options.parentQc ?? (height > 1n ? qcOf(parent.blockHash, parent.height) : new Uint8Array()),
    timestamp_ms: options.time ?? 1_800_000_000_000n + height,
    stateTreeHashes: [],
    valSetHash: new Uint8Array(),
    nextValSetHash: new Uint8Array(),
    version: BLOCK_VERSION,
    parentHash: parent.blockHash,
    bodyRoot: bodyRoot(transactions),
  };
  return {
    header: encodeHeader(header),
    transactions,
    changes: {
      accounts: payments.map(({ to, balance }) => ({ address: to, amount: balance })),
      pools: [{ address: POOL_DAO, amount: height * 10n }],
      actors: options.actors ?? [],
      removedActors: options.removedActors ?? [],
    },
    receipts: payments.map((payment, index) => receiptOf(payment, transactions[index] as Uint8Array)),
  };
}

export interface Payment {
  readonly to: Uint8Array;
  /** Of `to` after it. */
  readonly balance: bigint;
  readonly validUntil: bigint;
  readonly code?: number;
}

function transactionOf({ to, balance, validUntil }: Payment, nonce: string): Uint8Array {
  const message = { type: 'utility.MessageSend' as const, from: address(1), to, amount: balance || 1n };
  const networkId = validUntil === 0n ? '' : 'test';
  return signTransaction({ message, nonce, networkId, validUntilHeight: validUntil }, seedOf(1)).bytes;
}

function receiptOf(payment: Payment, bytes: Uint8Array): ReceiptRow {
  return {
    hash: sha3_256(bytes),
    replayKey: replayKey(decodeTransaction(bytes)),
    validUntilHeight: payment.validUntil,
    code: payment.code ?? 0,
    error: payment.code === undefined ? '' : 'insufficient amount',
    signer: address(1),
    recipient: payment.to,
    messageType: 'utility.MessageSend',
  };
}

/** The commit QC of the genesis validator. In one round or another, it proves the same and has other bytes. */
export function qcOf(blockHash: Uint8Array, height = 1n, round = 0): Uint8Array {
  const vote = { height, round, step: STEP_COMMIT, blockHash };
  const signature = sign(seedOf(VALIDATOR), voteSignBytes({ networkId: 'test', ...vote }));
  return encodeQc({ ...vote, signatures: [{ address: address(VALIDATOR), signature }] });
}

/** Stages and commits one block on the tip. */
export async function advance(actor: TestActor, options: Parameters<typeof draft>[1] = {}): Promise<Tip> {
  const tip = await actor.ask.tip({});
  const { blockHash } = await actor.ask.stage(draft(tip, options));
  await actor.ask.commit({ blockHash, commitQc: qcOf(blockHash, tip.height + 1n) });
  return actor.ask.tip({});
}

/** Stages and commits one block on the tip, with a certificate that the validator of `testGenesis` signed. */
export async function decide(actor: TestActor, changes: Partial<ChangeSet>): Promise<void> {
  const block = draft(await actor.ask.tip({}));
  const { header, blockHash } = await actor.ask.stage({ ...block, changes: { ...block.changes, ...changes } });
  const { height, networkId } = decodeHeader(header);
  const vote = { height, round: 0, step: STEP_COMMIT, blockHash };
  const signature = sign(new Uint8Array(32).fill(VALIDATOR), voteSignBytes({ networkId, ...vote }));
  const commitQc = encodeQc({ ...vote, signatures: [{ address: address(VALIDATOR), signature }] });
  await actor.ask.commit({ blockHash, commitQc });
}
