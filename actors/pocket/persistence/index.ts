import type { Logger } from 'pino';
import { type Context, defineActor, type Envelope } from '../../../runtime/actor.ts';
import { CodedError } from '../../../runtime/errors.ts';
import type { ReplyOf } from '../../../runtime/protocol.ts';
import { blockHash, decodeHeader, encodeBlock, encodeHeader } from '../chain/block.ts';
import { parseGenesis } from '../chain/genesis.ts';
import { equalBytes, toHex } from '../chain/hex.ts';
import type { Validator } from '../chain/validators.ts';
import type { PersistenceStart } from './config.ts';
import { BalanceCache } from './core/balance-cache.ts';
import { ChainState } from './core/chain-state.ts';
import type { ProofLimits } from './core/recent-states.ts';
import type { StagedBlock } from './core/staging.ts';
import { TREE_NAMES } from './core/tries.ts';
import { type ValidatorRules, validatorRules } from './core/validators.ts';
import { Database } from './io/database.ts';
import { Journal } from './io/journal.ts';
import { migrate } from './io/migrate.ts';
import { openChain } from './io/open-chain.ts';
import { deleteProposals, insertProposal } from './io/proposals.ts';
import { readBalances, readBlock, readBlocks, readExtent, readHashAt, readHeaders } from './io/read-chain.ts';
import { Snapshots } from './io/snapshots.ts';
import { writeBlock } from './io/write-block.ts';
import { type PersistenceMetrics, persistenceMetrics } from './metrics.ts';
import {
  type AccountRow,
  type ChangeSet,
  type ProofParts,
  type ProofRequest,
  persistenceProtocol,
  type ReceiptRow,
  type Tip,
} from './protocol.ts';
import { prove } from './proving.ts';

/** A server that comes up with the node, or replays its log after a crash, is waited for. */
const CONNECT_TIMEOUT_MS = 20_000;
/** Journal asks that wait for one write together. */
const PARALLEL_BULK = 256;
/** Sync reads that interleave. */
const PARALLEL_SYNC = 4;

/** A Database has two clients at least; the reading one never connects. */
const SNAPSHOT_CONNECTIONS = 2;

type ReadAnswer = ReplyOf<(typeof persistenceProtocol)['ask']['read']>;
type Ctx = Context<typeof persistenceProtocol, PersistenceStart>;

interface StageRequest {
  header: Uint8Array;
  transactions: Uint8Array[];
  changes: ChangeSet;
  receipts: ReceiptRow[];
}
interface ReadRequest {
  at: Uint8Array | null;
  accounts: Uint8Array[];
  pools: Uint8Array[];
  replayKeys: Uint8Array[];
}

/**
 * Turns asks into work on the chain state and the database. Asks of the consensus lane (read, stage, commit)
 * come one after the other; memory follows the database, never the other way round.
 */
class Persistence {
  readonly #context: Ctx;
  readonly #log: Logger;
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #snapshots: Snapshots;
  readonly #rules: ValidatorRules;
  /** Another one after a snapshot was restored. */
  #chain: ChainState;
  readonly #metrics: PersistenceMetrics;
  #cache = new BalanceCache();
  #restoring = false;

  constructor(
    context: Ctx,
    parts: {
      database: Database;
      journal: Journal;
      snapshots: Snapshots;
      rules: ValidatorRules;
      chain: ChainState;
      metrics: PersistenceMetrics;
    },
  ) {
    this.#context = context;
    this.#log = context.log;
    this.#database = parts.database;
    this.#journal = parts.journal;
    this.#snapshots = parts.snapshots;
    this.#rules = parts.rules;
    this.#chain = parts.chain;
    this.#metrics = parts.metrics;
    this.#measure();
  }

  tip(): Tip {
    const { header, hash, commitQc, voters, validators } = this.#chain.tip;
    return {
      height: header.height,
      blockHash: hash,
      stateHash: header.stateHash,
      timestamp_ms: header.timestamp_ms,
      commitQc,
      voters: [...voters.list],
      validators: [...validators.active.list],
    };
  }

  validators({ at }: { at: Uint8Array | null }) {
    const { validators, voters } = this.#chain.view(at);
    return { actors: validators.actors, voters: voters.list.map(({ address }) => address) };
  }

  async read(request: ReadRequest, envelope: Envelope): Promise<ReadAnswer> {
    const done = this.#metrics.readSeconds.startTimer();
    const [chain, cache] = [this.#chain, this.#cache];
    const view = chain.view(request.at);
    const accounts = new Lookup(request.accounts, view.overlay.account, (key) => cache.get(key));
    const pools = new Lookup(request.pools, view.overlay.pool, () => undefined);
    this.#metrics.cacheLookups.inc({ result: 'hit' }, request.accounts.length - accounts.missing.length);
    this.#metrics.cacheLookups.inc({ result: 'miss' }, accounts.missing.length);
    // Before the wait: a commit meanwhile releases the tries of the view.
    const replayed = request.replayKeys.filter((key) => view.tries.has('transactions', key));
    if (accounts.missing.length + pools.missing.length > 0) {
      const keys = { accounts: accounts.missing, pools: pools.missing };
      const { height } = chain.tip.header;
      const rows = await this.#database.run(envelope.deadline_ms, (sql) => readBalances(sql, height, keys));
      // The rows of this height are gone with the chain that it was in.
      if (chain !== this.#chain) return this.read(request, envelope);
      accounts.fill(rows.accounts, (key, amount) => cache.put(key, amount));
      pools.fill(rows.pools, () => undefined);
    }
    done();
    return {
      height: view.header.height,
      timestamp_ms: view.header.timestamp_ms,
      stateHash: view.header.stateHash,
      accounts: accounts.rows,
      pools: pools.rows,
      replayed,
    };
  }

  async stage(
    request: StageRequest,
    { deadline_ms }: Envelope,
  ): Promise<{ header: Uint8Array; blockHash: Uint8Array }> {
    const done = this.#metrics.stageSeconds.startTimer();
    const header = decodeHeader(request.header);
    const isComplete = header.stateHash.length > 0;
    if (isComplete && (await this.#isKnown(blockHash(header), header.height, deadline_ms))) {
      return { header: request.header, blockHash: blockHash(header) };
    }
    this.#requireChain();
    const chain = this.#chain;
    const { transactions, changes, receipts } = request;
    const hashed = this.#metrics.hashSeconds.startTimer();
    const block = chain.execute({ header, transactions, changes, receipts });
    hashed();
    if (chain.staged(block.hash) !== undefined) {
      block.tries.release();
    } else {
      await this.#database.run(deadline_ms, (sql) => insertProposal(sql, block));
      await this.#makeRoom(chain.stage(block), deadline_ms);
    }
    this.#metrics.staged.set(this.#chain.stagedBlocks);
    done();
    return { header: encodeHeader(block.header), blockHash: block.hash };
  }

  async commit(
    { blockHash: hash, commitQc }: { blockHash: Uint8Array; commitQc: Uint8Array },
    { deadline_ms, trace }: Envelope,
  ): Promise<{ height: bigint; validators: Validator[] }> {
    const path = this.#chain.pathTo(hash);
    if (path.length === 0) this.#requireTip(hash);
    for (const [index, block] of path.entries()) {
      // A child's header carries the QC that decided its parent.
      const qc = path[index + 1]?.header.quorumCertificate ?? commitQc;
      await this.#commitOne(block, qc, deadline_ms, trace);
    }
    const { header, validators } = this.#chain.tip;
    return { height: header.height, validators: [...validators.active.list] };
  }

  async block({ blockHash: hash }: { blockHash: Uint8Array }, { deadline_ms }: Envelope) {
    const staged = this.#chain.staged(hash);
    if (staged !== undefined) {
      return { block: encodeBlock({ header: staged.header, transactions: [...staged.transactions] }) };
    }
    return { block: await this.#database.run(deadline_ms, (sql) => readBlock(sql, hash)) };
  }

  async blocks(range: { from: bigint; count: number; maxBytes: number }, { deadline_ms }: Envelope) {
    return { blocks: await this.#database.run(deadline_ms, (sql) => readBlocks(sql, range)) };
  }

  prove(request: ProofRequest, { deadline_ms }: Envelope): Promise<ProofParts> {
    return prove({ chain: this.#chain, database: this.#database }, request, deadline_ms);
  }

  async journal({ transactions }: { transactions: Uint8Array[] }, { deadline_ms }: Envelope): Promise<object> {
    const done = this.#metrics.journalSeconds.startTimer();
    if (transactions.length > 0) await this.#journal.add(transactions, deadline_ms);
    this.#metrics.journal.set(this.#journal.size);
    done();
    return {};
  }

  journaled({ after, limit }: { after: bigint; limit: number }, { deadline_ms }: Envelope) {
    return this.#journal.page(after, limit, deadline_ms);
  }

  async forget({ hashes }: { hashes: Uint8Array[] }, { deadline_ms }: Envelope): Promise<object> {
    if (hashes.length > 0) await this.#journal.forget(hashes, deadline_ms);
    this.#metrics.journal.set(this.#journal.size);
    return {};
  }

  async headers(range: { from: bigint; count: number }, { deadline_ms }: Envelope) {
    return { headers: await this.#database.run(deadline_ms, (sql) => readHeaders(sql, range, this.#rules)) };
  }

  async snapshots(_body: object, { deadline_ms }: Envelope) {
    const { blocksFrom } = await this.#database.run(deadline_ms, readExtent);
    // Genesis is not served as a block.
    return { heights: this.#snapshots.heights, earliest: blocksFrom > 1n ? blocksFrom : 1n };
  }

  async manifest({ height }: { height: bigint }) {
    return { manifest: await this.#snapshots.manifest(height) };
  }

  async chunk({ height, index }: { height: bigint; index: number }) {
    return { chunk: await this.#snapshots.chunk(height, index) };
  }

  async restoreBegin({ manifest }: { manifest: Uint8Array }) {
    return { missing: await this.#snapshots.begin(manifest, this.#chain.tip.header.height) };
  }

  async restoreChunk({ index, chunk }: { index: number; chunk: Uint8Array }): Promise<object> {
    await this.#snapshots.put(index, chunk);
    return {};
  }

  /**
   * While it runs, reads go on on the chain as it was. A commit that had its turn before is waited for by the
   * transaction; none begins after.
   */
  async restoreEnd(_body: object, { deadline_ms, trace }: Envelope): Promise<Tip> {
    this.#requireChain();
    this.#restoring = true;
    try {
      const { tip, window } = await this.#snapshots.restore(deadline_ms);
      this.#chain.release();
      this.#chain = new ChainState(tip, window, proofLimits(this.#context.config));
      this.#cache = new BalanceCache();
    } finally {
      this.#restoring = false;
    }
    const { voters, commitQc, ...block } = this.tip();
    this.#context.emit('committed', { ...block, hashes: [], replayKeys: [], accounts: [] }, trace);
    await this.#journal.count(deadline_ms);
    this.#measure();
    return { ...block, voters, commitQc };
  }

  async stop(): Promise<void> {
    await this.#snapshots.stop();
    await this.#database.close();
  }

  async #commitOne(block: StagedBlock, commitQc: Uint8Array, deadline_ms: number, trace: string): Promise<void> {
    this.#requireChain();
    const done = this.#metrics.commitSeconds.startTimer();
    const result = await this.#database.transaction(deadline_ms, (tx) => writeBlock(tx, block, commitQc));
    done();
    const before = this.#chain.tip.validators;
    this.#chain.commit(block, commitQc);
    this.#snapshots.committed(block.header.height);
    this.#cache.apply(block.changes.accounts);
    if (result.written) this.#journal.left(result.unjournaled);
    else await this.#journal.count(deadline_ms);
    this.#metrics.rows.inc(result.rows);
    this.#measure();
    const { header, hash, receipts, changes } = block;
    this.#log.info({ height: header.height, txs: receipts.length, block: toHex(hash), trace }, 'block committed');
    this.#context.emit(
      'committed',
      {
        height: header.height,
        blockHash: hash,
        stateHash: header.stateHash,
        timestamp_ms: header.timestamp_ms,
        hashes: receipts.map((receipt) => receipt.hash),
        replayKeys: receipts.map((receipt) => receipt.replayKey),
        accounts: changes.accounts,
        validators: block.validators === before ? null : [...block.validators.active.list],
      },
      trace,
    );
  }

  /** True for a block that is staged or committed: staging it again changes nothing. */
  async #isKnown(hash: Uint8Array, height: bigint, deadline_ms: number): Promise<boolean> {
    if (this.#chain.staged(hash) !== undefined) return true;
    if (height > this.#chain.tip.header.height) return false;
    const stored = await this.#database.run(deadline_ms, (sql) => readHashAt(sql, height));
    return stored !== null && equalBytes(stored, hash);
  }

  /** @throws SNAPSHOT_RESTORING where the chain is about to be another one */
  #requireChain(): void {
    if (!this.#restoring) return;
    throw new CodedError('SNAPSHOT_RESTORING', 'a snapshot is being restored: ask for the tip when that is done.', {
      tip: this.#chain.tip.header.height,
    });
  }

  /** What is not staged may be committed already: the answer was lost. @throws BLOCK_NOT_STAGED */
  #requireTip(hash: Uint8Array): void {
    if (equalBytes(hash, this.#chain.tip.hash)) return;
    throw new CodedError('BLOCK_NOT_STAGED', `block ${toHex(hash)} is not staged: execute it, then commit`, {
      block: toHex(hash),
      tip: this.#chain.tip.header.height,
    });
  }

  async #makeRoom(evicted: readonly StagedBlock[], deadline_ms: number): Promise<void> {
    if (evicted.length === 0) return;
    this.#metrics.evicted.inc(evicted.length);
    this.#log.warn(
      { blocks: evicted.length },
      'too many undecided blocks: the ones not asked for longest were dropped',
    );
    const hashes = evicted.map(({ hash }) => hash);
    await this.#database.run(deadline_ms, (sql) => deleteProposals(sql, hashes));
  }

  #measure(): void {
    const { header, tries } = this.#chain.tip;
    this.#metrics.height.set(Number(header.height));
    this.#metrics.staged.set(this.#chain.stagedBlocks);
    this.#metrics.journal.set(this.#journal.size);
    this.#metrics.proofHeights.set(this.#chain.proofHeights);
    this.#metrics.proofBytes.set(tries.others_bytes);
    for (const tree of TREE_NAMES) this.#metrics.trieLeaves.set({ tree }, tries.size(tree));
  }
}

/** Collects balances from the overlay and the cache, and says which must be asked of the database. */
class Lookup {
  readonly rows: AccountRow[] = [];
  readonly missing: Uint8Array[] = [];

  constructor(
    addresses: readonly Uint8Array[],
    overlay: (key: string) => bigint | undefined,
    cached: (key: string) => bigint | null | undefined,
  ) {
    for (const address of addresses) {
      const key = toHex(address);
      const amount = overlay(key) ?? cached(key);
      if (amount === undefined) this.missing.push(address);
      else if (amount !== null) this.rows.push({ address, amount });
    }
  }

  /** Takes the answer of the database; what it leaves out is absent. */
  fill(found: readonly AccountRow[], remember: (key: string, amount: bigint | null) => void): void {
    this.rows.push(...found);
    const amounts = new Map(found.map(({ address, amount }) => [toHex(address), amount]));
    for (const address of this.missing) remember(toHex(address), amounts.get(toHex(address)) ?? null);
  }
}

function proofLimits({ database }: PersistenceStart): ProofLimits {
  return { heights: database.proof_heights, memory_bytes: database.proof_memory_mb * 2 ** 20 };
}

async function open(context: Ctx): Promise<Persistence> {
  const { config, clock, log } = context;
  const metrics = persistenceMetrics(context.metrics);
  const connect = (poolSize: number) => {
    const { url, schema } = config.database;
    return new Database({ url, schema, poolSize, clock, log, onRetry: () => metrics.retries.inc() });
  };
  const database = connect(config.database.pool_size);
  try {
    const connected_ms = clock.now() + CONNECT_TIMEOUT_MS;
    await migrate(database, { schema: config.database.schema, deadline_ms: connected_ms, log });
    const started_ms = clock.now();
    const genesis = parseGenesis(config.genesis);
    const chain = await openChain(database, {
      genesis,
      proofs: proofLimits(config),
      deadline_ms: connected_ms,
      log,
    });
    const journal = new Journal(database);
    await journal.count(connected_ms);
    const facts = { height: chain.tip.header.height, staged: chain.stagedBlocks, journaled: journal.size };
    log.info({ database: database.address, ...facts, took_ms: clock.now() - started_ms }, 'chain opened');
    const snapshots = new Snapshots({
      directory: config.snapshots,
      interval: config.database.snapshot_interval_blocks,
      genesis,
      database,
      openDatabase: () => connect(SNAPSHOT_CONNECTIONS),
      clock,
      log,
      metrics,
    });
    await snapshots.open(chain.tip.header.height, connected_ms);
    return new Persistence(context, { database, journal, snapshots, rules: validatorRules(genesis), chain, metrics });
  } catch (error) {
    await database.close();
    throw error;
  }
}

export default defineActor<typeof persistenceProtocol, PersistenceStart>({
  protocol: persistenceProtocol,
  uses: [],
  listens: [],
  start(context) {
    let persistence!: Persistence;
    return {
      parallel: { bulk: PARALLEL_BULK, sync: PARALLEL_SYNC },
      tell: {},
      ask: {
        tip: () => persistence.tip(),
        validators: (body) => persistence.validators(body),
        read: (body, envelope) => persistence.read(body, envelope),
        stage: (body, envelope) => persistence.stage(body, envelope),
        commit: (body, envelope) => persistence.commit(body, envelope),
        block: (body, envelope) => persistence.block(body, envelope),
        blocks: (body, envelope) => persistence.blocks(body, envelope),
        prove: (body, envelope) => persistence.prove(body, envelope),
        headers: (body, envelope) => persistence.headers(body, envelope),
        snapshots: (body, envelope) => persistence.snapshots(body, envelope),
        manifest: (body) => persistence.manifest(body),
        chunk: (body) => persistence.chunk(body),
        restoreBegin: (body) => persistence.restoreBegin(body),
        restoreChunk: (body) => persistence.restoreChunk(body),
        restoreEnd: (body, envelope) => persistence.restoreEnd(body, envelope),
        journal: (body, envelope) => persistence.journal(body, envelope),
        journaled: (body, envelope) => persistence.journaled(body, envelope),
        forget: (body, envelope) => persistence.forget(body, envelope),
      },
      // Not in `start`: a database that is away must not hold up the replacement of others.
      async ready() {
        persistence = await open(context);
      },
      stop: () => persistence?.stop(),
    };
  },
});
