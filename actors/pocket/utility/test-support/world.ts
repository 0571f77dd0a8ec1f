import { defineActor, listen, type Peer } from '../../../../runtime/actor.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import type { ReplyOf, RequestOf } from '../../../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../../../runtime/single-thread.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import type { Actor } from '../../chain/actor.ts';
import { blockHash, decodeHeader, encodeHeader } from '../../chain/block.ts';
import { encodeQc, STEP_COMMIT } from '../../chain/consensus.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { equalBytes, fromHex, toHex } from '../../chain/hex.ts';
import { transactionHash } from '../../chain/transaction.ts';
import { consensusProtocol } from '../../consensus/protocol.ts';
import { p2pProtocol } from '../../p2p/protocol.ts';
import { type AccountRow, persistenceProtocol } from '../../persistence/protocol.ts';
import { utilityConfigSchema } from '../config.ts';
import utility from '../index.ts';
import { type UtilityProtocol, utilityProtocol } from '../protocol.ts';

type Asks = (typeof persistenceProtocol)['ask'];
type Stage = RequestOf<Asks['stage']>;

interface State {
  readonly height: bigint;
  readonly hash: Uint8Array;
  readonly timestamp_ms: bigint;
  readonly accounts: ReadonlyMap<string, bigint>;
  readonly pools: ReadonlyMap<string, bigint>;
  readonly replayed: ReadonlySet<string>;
  readonly staged: Stage | null;
}

/** What persistence does, in memory; it outlives the actors, as a database does. */
export class Store {
  tip: State;
  readonly validators: Actor[];
  readonly states = new Map<string, State>();
  readonly journal = new Map<string, { number: bigint; bytes: Uint8Array }>();
  journalWrites = 0;
  reads = 0;
  /** Set to let the next questions of a kind fail. */
  failing = new Set<string>();
  #journaled = 0n;

  constructor(genesis: string) {
    const { accounts, pools, validators } = parseGenesis(genesis);
    this.validators = validators;
    const byAddress = (rows: AccountRow[]) => new Map(rows.map(({ address, amount }) => [toHex(address), amount]));
    this.tip = {
      height: 0n,
      hash: new Uint8Array(32).fill(1),
      timestamp_ms: 0n,
      accounts: byAddress(accounts),
      pools: byAddress(pools),
      replayed: new Set(),
      staged: null,
    };
    this.states.set(toHex(this.tip.hash), this.tip);
  }

  read({ at, accounts, pools, replayKeys }: RequestOf<Asks['read']>): ReplyOf<Asks['read']> {
    this.#mayFail('read');
    this.reads++;
    const state = at === null ? this.tip : this.#state(at);
    const rows = (keys: Uint8Array[], from: ReadonlyMap<string, bigint>) =>
      keys.flatMap((address) => {
        const amount = from.get(toHex(address));
        return amount === undefined ? [] : [{ address, amount }];
      });
    return {
      height: state.height,
      timestamp_ms: state.timestamp_ms,
      stateHash: stateHash(state),
      accounts: rows(accounts, state.accounts),
      pools: rows(pools, state.pools),
      replayed: replayKeys.filter((key) => state.replayed.has(toHex(key))),
    };
  }

  stage(question: Stage): ReplyOf<Asks['stage']> {
    const header = decodeHeader(question.header);
    const parent = this.#state(header.parentHash);
    const put = (from: ReadonlyMap<string, bigint>, rows: AccountRow[]) =>
      new Map([...from, ...rows.map(({ address, amount }): [string, bigint] => [toHex(address), amount])]);
    const state: State = {
      height: header.height,
      hash: header.parentHash,
      timestamp_ms: header.timestamp_ms,
      accounts: put(parent.accounts, question.changes.accounts),
      pools: put(parent.pools, question.changes.pools),
      replayed: new Set([...parent.replayed, ...question.receipts.map(({ replayKey }) => toHex(replayKey))]),
      staged: question,
    };
    const computed = stateHash(state);
    if (header.stateHash.length > 0 && !equalBytes(header.stateHash, computed)) {
      throw new CodedError('STATE_HASH_MISMATCH', 'another state');
    }
    // No transaction here changes the validators.
    const set = { valSetHash: VALIDATORS_HASH, nextValSetHash: VALIDATORS_HASH };
    const complete = { ...header, ...set, stateHash: computed, stateTreeHashes: [{ name: 'account', root: computed }] };
    const hash = blockHash(complete);
    this.states.set(toHex(hash), { ...state, hash });
    return { header: encodeHeader(complete), blockHash: hash };
  }

  commit(hash: Uint8Array): State {
    this.tip = this.#state(hash);
    for (const { hash: one } of this.tip.staged?.receipts ?? []) this.journal.delete(toHex(one));
    return this.tip;
  }

  write(transactions: Uint8Array[]): void {
    this.#mayFail('journal');
    this.journalWrites++;
    for (const bytes of transactions) {
      const key = toHex(transactionHash(bytes));
      if (!this.journal.has(key)) this.journal.set(key, { number: ++this.#journaled, bytes: Uint8Array.from(bytes) });
    }
  }

  page(after: bigint, limit: number): { transactions: Uint8Array[]; last: bigint } {
    const rows = [...this.journal.values()].filter(({ number }) => number > after).slice(0, limit);
    return { transactions: rows.map(({ bytes }) => bytes), last: rows.at(-1)?.number ?? after };
  }

  #state(hash: Uint8Array): State {
    const state = this.states.get(toHex(hash));
    if (state === undefined) throw new CodedError('PARENT_UNKNOWN', 'no such block');
    return state;
  }

  #mayFail(what: string): void {
    if (this.failing.delete(what)) throw new CodedError('DATABASE_DOWN', 'ordered to fail');
  }
}

const VALIDATORS_HASH = sha256(new TextEncoder().encode('validators'));

function stateHash({ accounts, pools, replayed }: Omit<State, 'hash'>): Uint8Array {
  const rows = (map: ReadonlyMap<string, bigint>) => [...map].filter(([, n]) => n > 0n).sort();
  return sha256(new TextEncoder().encode(String([rows(accounts), '|', rows(pools), '|', [...replayed].sort()])));
}

/** Utility has no use for snapshots. */
function unasked(): never {
  throw new Error('utility asked for a snapshot');
}

function persistenceOf(store: Store) {
  return defineActor<typeof persistenceProtocol, object>({
    protocol: persistenceProtocol,
    uses: [],
    listens: [],
    start: (context) => ({
      tell: {},
      ask: {
        tip: () => {
          const { height, hash, timestamp_ms } = store.tip;
          return {
            height,
            blockHash: hash,
            stateHash: stateHash(store.tip),
            timestamp_ms,
            commitQc: null,
            voters: [],
            validators: [],
          };
        },
        read: (question) => store.read(question),
        validators: () => ({ actors: store.validators, voters: store.validators.map(({ address }) => address) }),
        stage: (question) => store.stage(question),
        commit: ({ blockHash }) => {
          const { height, hash, timestamp_ms, staged } = store.commit(blockHash);
          context.emit('committed', {
            height,
            blockHash: hash,
            stateHash: stateHash(store.tip),
            timestamp_ms,
            hashes: staged!.receipts.map((receipt) => receipt.hash),
            replayKeys: staged!.receipts.map((receipt) => receipt.replayKey),
            accounts: staged!.changes.accounts,
            validators: null,
          });
          return { height, validators: [] };
        },
        block: () => ({ block: null }),
        blocks: () => ({ blocks: [] }),
        prove: () => {
          throw new Error('utility proves nothing');
        },
        headers: unasked,
        snapshots: unasked,
        manifest: unasked,
        chunk: unasked,
        restoreBegin: unasked,
        restoreChunk: unasked,
        restoreEnd: unasked,
        journal: ({ transactions }) => {
          store.write(transactions);
          return {};
        },
        journaled: ({ after, limit }) => store.page(after, limit),
        forget: ({ hashes }) => {
          for (const hash of hashes) store.journal.delete(toHex(hash));
          return {};
        },
      },
      stop: () => undefined,
    }),
  });
}

/** One utility actor with its peers modelled, in virtual time. */
export class World {
  readonly store: Store;
  readonly host: SingleThreadHost;
  /** Hex hashes handed to the network. */
  readonly gossiped: string[] = [];
  /** What consensus heard of the mempool. */
  readonly heard: number[] = [];
  emitGossip: (transactions: Uint8Array[]) => void = () => undefined;
  emitConnected: (validators: number) => void = () => undefined;
  #utility: Peer<UtilityProtocol> | undefined;
  #persistence: Peer<typeof persistenceProtocol> | undefined;

  constructor(genesis: string, settings: object = {}) {
    this.store = new Store(genesis);
    const utilityConfig = utilityConfigSchema.parse(settings);
    const actors = [
      { definition: persistenceOf(this.store), config: {} },
      { definition: this.#p2p(), config: {} },
      { definition: utility, config: { genesis, utility: utilityConfig } },
      { definition: this.#consensus(), config: {} },
    ];
    this.host = new SingleThreadHost(actors as unknown as HostedActor[], { seed: 1n, start_ms: 1_000_000 });
  }

  get utility(): Peer<UtilityProtocol> {
    return this.#utility!;
  }

  /** Lets a question travel and its answer come back. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    const outcome = promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await this.host.advance(2_000);
    const settled = await outcome;
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  async submit(...transactions: Uint8Array[]): Promise<number[]> {
    const { results } = await this.settle(this.utility.ask('submit', { transactions }));
    return results.map(({ code }) => code);
  }

  propose(proposer: Uint8Array, rest: object = {}) {
    const { height, hash, timestamp_ms } = this.store.tip;
    return this.settle(
      this.utility.ask('propose', {
        parent: hash,
        height: height + 1n,
        timestamp_ms: timestamp_ms + 500n,
        proposer,
        quorumCertificate: height === 0n ? new Uint8Array() : this.#certificate(hash, height),
        ...rest,
      }),
    );
  }

  /** A commit QC of all validators, with signatures that nobody here looks at. */
  #certificate(blockHash: Uint8Array, height: bigint): Uint8Array {
    const signatures = this.store.validators.map(({ address }) => ({ address, signature: new Uint8Array(64).fill(1) }));
    return encodeQc({ height, round: 0, step: STEP_COMMIT, blockHash, signatures });
  }

  commit(hash: Uint8Array): Promise<object> {
    return this.settle(this.#persistence!.ask('commit', { blockHash: hash, commitQc: new Uint8Array([1]) }));
  }

  balance(hex: string): bigint {
    return this.store.tip.accounts.get(hex) ?? 0n;
  }

  async pendingHashes(): Promise<string[]> {
    const { transactions } = await this.settle(this.utility.ask('pending', { page: 1, perPage: 1_000 }));
    return transactions.map(({ hash }) => toHex(fromHex(hash)));
  }

  #p2p() {
    return defineActor<typeof p2pProtocol, object>({
      protocol: p2pProtocol,
      uses: [],
      listens: [],
      start: (context) => {
        this.emitGossip = (transactions) => context.emit('transactions', { transactions, peerId: 'other' });
        this.emitConnected = (validators) => context.emit('connected', { validators, addresses: [] });
        return {
          tell: {
            broadcast: () => undefined,
            send: () => undefined,
            accuse: () => undefined,
            gossip: ({ transactions }) => {
              this.gossiped.push(...transactions.map((bytes) => toHex(transactionHash(bytes))));
            },
          },
          ask: {
            request: () => ({ response: new Uint8Array() }),
            peers: () => {
              throw new CodedError('UNUSED', 'not modelled');
            },
          },
          stop: () => undefined,
        };
      },
    });
  }

  #consensus() {
    const unused = () => {
      throw new CodedError('UNUSED', 'not modelled');
    };
    return defineActor<typeof consensusProtocol, object>({
      protocol: consensusProtocol,
      uses: [utilityProtocol, persistenceProtocol],
      listens: [utilityProtocol],
      start: (context) => {
        this.#utility = context.peer(utilityProtocol);
        this.#persistence = context.peer(persistenceProtocol);
        return {
          tell: {},
          ask: { state: unused, trigger: unused, setManual: unused },
          on: listen(utilityProtocol, { mempool: ({ transactions }) => void this.heard.push(transactions) }),
          stop: () => undefined,
        };
      },
    });
  }
}
