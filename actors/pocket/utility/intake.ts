import { CodedError, toErrorRecord } from '../../../runtime/errors.ts';
import { toHex } from '../chain/hex.ts';
import { MAX_TRANSACTION_BYTES, transactionHash } from '../chain/transaction.ts';
import { p2pProtocol } from '../p2p/protocol.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import { admit, checkDuplicate, type TipView } from './core/admission.ts';
import { isForGood, RESULT_DUPLICATE, RESULT_OK, resultOf } from './core/codes.ts';
import { checkTerms, evidenceIn, type Prepared, payersOf, prepare } from './core/prepared.ts';
import type { LedgerRules } from './core/rules.ts';
import { byAddress, validatorsByAddress } from './core/view.ts';
import type { MempoolKeeper, UtilityContext } from './keeper.ts';
import type { UtilityMetrics } from './metrics.ts';
import type { SubmitResult } from './protocol.ts';
import type { Verifier } from './verifier.ts';

/** Transactions of one question. */
const MAX_SUBMITTED = 1_000;
/** Submitted transactions waiting: about three seconds of work, less than the deadline of the question. */
const MAX_WAITING = 20_000;
/** Gossiped transactions waiting. */
const MAX_GOSSIP_WAITING = 20_000;
/** Transactions judged with one question to persistence and one journal write: about 30 ms of work. */
const BATCH = 256;
/** Wait before persistence is asked again, ms. */
const RETRY_MS = 500;

type Source = 'submit' | 'gossip' | 'journal';

interface Submission {
  readonly transactions: readonly Uint8Array[];
  resolve(results: SubmitResult[]): void;
  reject(error: unknown): void;
}

/**
 * The way into the mempool. One batch is in hand at a time: what the journal held first, then submissions, then
 * gossip, so that nothing accepted before a restart finds the mempool full of what came later.
 */
export class Intake {
  readonly #context: UtilityContext;
  readonly #rules: LedgerRules;
  readonly #keeper: MempoolKeeper;
  readonly #verifier: Verifier;
  readonly #metrics: UtilityMetrics;
  readonly #submissions: Submission[] = [];
  readonly #gossip: Uint8Array[] = [];
  #waiting = 0;
  /** Number of the last journaled transaction taken back; null once all are. */
  #journalAt: bigint | null = 0n;
  #mustReconcile = true;
  #running = false;
  #stopped = false;

  constructor(
    context: UtilityContext,
    rules: LedgerRules,
    keeper: MempoolKeeper,
    verifier: Verifier,
    metrics: UtilityMetrics,
  ) {
    this.#context = context;
    this.#rules = rules;
    this.#keeper = keeper;
    this.#verifier = verifier;
    this.#metrics = metrics;
  }

  /** Resolves when the accepted transactions are durable. @throws SUBMIT_TOO_MANY, INTAKE_FULL, persistence's */
  submit(transactions: readonly Uint8Array[]): Promise<SubmitResult[]> {
    if (transactions.length > MAX_SUBMITTED) {
      throw new CodedError('SUBMIT_TOO_MANY', `Submit at most ${MAX_SUBMITTED} transactions at once.`);
    }
    if (this.#waiting + transactions.length > MAX_WAITING) {
      throw new CodedError('INTAKE_FULL', 'The node is busy with other transactions; submit again in some seconds.');
    }
    this.#waiting += transactions.length;
    return new Promise((resolve, reject) => {
      this.#submissions.push({ transactions, resolve, reject });
      this.#wake();
    });
  }

  /** Takes gossip; what is too much pushes out the oldest that waits. */
  gossip(transactions: readonly Uint8Array[]): void {
    this.#metrics.gossipIn.inc(transactions.length);
    for (const bytes of transactions) {
      // Larger ones are refused anyway; kept, they would make the bound on the count no bound on the memory.
      if (bytes.length <= MAX_TRANSACTION_BYTES) this.#gossip.push(Uint8Array.from(bytes));
    }
    const excess = this.#gossip.length - MAX_GOSSIP_WAITING;
    if (excess > 0) {
      this.#gossip.splice(0, excess);
      this.#metrics.gossipDropped.inc({ reason: 'in_full' }, excess);
    }
    this.#wake();
  }

  /** Judges the mempool anew before anything else is admitted: events of persistence may have been lost. */
  reconcile(): void {
    this.#mustReconcile = true;
    this.#wake();
  }

  /** Hands transactions to the network. */
  spread(transactions: Uint8Array[]): void {
    if (transactions.length === 0) return;
    const sent = this.#context.peer(p2pProtocol).tell('gossip', { transactions });
    if (sent) this.#metrics.gossipOut.inc(transactions.length);
    else this.#metrics.gossipDropped.inc({ reason: 'out_busy' }, transactions.length);
  }

  stop(): void {
    this.#stopped = true;
  }

  #wake(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#run().catch((error: unknown) => this.#context.fail(error));
  }

  async #run(): Promise<void> {
    // Asked and cleared without an await between: work that comes after the last question wakes a new run.
    while (this.#hasWork() && !this.#stopped) await this.#step();
    this.#running = false;
  }

  #hasWork(): boolean {
    return this.#isBehind() || this.#submissions.length > 0 || this.#gossip.length > 0;
  }

  #isBehind(): boolean {
    return this.#mustReconcile || this.#journalAt !== null;
  }

  /** One batch, of the most urgent source. */
  #step(): Promise<void> {
    if (this.#isBehind()) return this.#catchUp();
    return this.#submissions.length > 0 ? this.#takeSubmissions() : this.#takeGossip();
  }

  async #takeGossip(): Promise<void> {
    const batch = this.#gossip.splice(0, BATCH);
    try {
      await this.#judge(batch, 'gossip');
    } catch (error) {
      this.#metrics.gossipDropped.inc({ reason: 'in_failed' }, batch.length);
      this.#context.log.warn({ error: toErrorRecord(error), transactions: batch.length }, 'gossip not judged');
    }
  }

  /** Nothing is admitted until it is known where the chain and the journal stand, so this is tried until it works. */
  async #catchUp(): Promise<void> {
    try {
      if (this.#mustReconcile) {
        this.#mustReconcile = false;
        await this.#keeper.reconcile();
      } else {
        await this.#takeJournal(this.#journalAt ?? 0n);
      }
    } catch (error) {
      this.#mustReconcile = true;
      this.#context.log.warn({ error: toErrorRecord(error) }, 'mempool waits for persistence');
      await new Promise<void>((resolve) => this.#context.clock.after(RETRY_MS, resolve));
    }
  }

  async #takeJournal(after: bigint): Promise<void> {
    const persistence = this.#context.peer(persistenceProtocol);
    const { transactions, last } = await persistence.ask('journaled', { after, limit: BATCH });
    if (transactions.length === 0) {
      this.#journalAt = null;
      this.#context.log.info({ transactions: this.#keeper.mempool.size }, 'mempool restored from the journal');
      return;
    }
    const results = await this.#judge(transactions, 'journal');
    const hopeless = transactions.filter((_, i) => isForGood(results[i]!.code));
    this.#keeper.forget(hopeless.map((bytes) => transactionHash(bytes)));
    this.#journalAt = last;
  }

  async #takeSubmissions(): Promise<void> {
    const taken: Submission[] = [];
    let count = 0;
    while (this.#submissions.length > 0 && count < BATCH) {
      const next = this.#submissions.shift()!;
      taken.push(next);
      count += next.transactions.length;
    }
    try {
      const all = taken.flatMap(({ transactions }) => transactions);
      const results = await this.#judge(all, 'submit');
      let at = 0;
      for (const { transactions, resolve } of taken) {
        resolve(results.slice(at, at + transactions.length));
        at += transactions.length;
      }
    } catch (error) {
      // Nobody was answered, so everybody submits again; what is in the mempool already is journaled then.
      for (const { reject } of taken) reject(error);
    } finally {
      this.#waiting -= count;
    }
  }

  async #judge(transactions: readonly Uint8Array[], source: Source): Promise<SubmitResult[]> {
    const results: SubmitResult[] = transactions.map(() => ({ code: RESULT_OK, hash: '', message: '' }));
    const prepared = await this.#examine(transactions, results, source);
    const tip = await this.#readTip(prepared.filter((one) => one !== null));
    await this.#verifier.prove(prepared, tip.validators, (error, i) => {
      prepared[i] = null;
      Object.assign(results[i]!, resultOf(error));
    });
    const accepted: Prepared[] = [];
    prepared.forEach((one, i) => {
      if (one === null) return;
      const refusal = attempt(() =>
        admit(this.#keeper.mempool, one, tip, this.#keeper.recent, this.#rules, source === 'journal'),
      );
      if (refusal === null) accepted.push(this.#noted(one));
      else Object.assign(results[i]!, refusal);
    });
    this.#keeper.announce();
    if (source === 'submit') this.spread(await this.#journal(results));
    if (source === 'journal') this.spread(accepted.map(({ bytes }) => bytes));
    for (const { code } of results) this.#metrics.admissions.inc({ source, code: String(code) });
    return results;
  }

  /** All checks that need no state but the height; null where one failed and its result says which. */
  async #examine(
    transactions: readonly Uint8Array[],
    results: SubmitResult[],
    source: Source,
  ): Promise<(Prepared | null)[]> {
    const { mempool } = this.#keeper;
    const prepared: (Prepared | null)[] = transactions.map(() => null);
    const check = async <T>(items: readonly T[], work: (item: T, i: number) => void): Promise<void> =>
      this.#verifier.each(items, (item, i) => {
        const refusal = attempt(() => work(item, i));
        if (refusal === null) return;
        prepared[i] = null;
        Object.assign(results[i]!, refusal);
      });
    await check(transactions, (bytes, i) => {
      const hash = transactionHash(bytes);
      results[i]!.hash = toHex(hash);
      const one = mempool.get(results[i]!.hash) ?? this.#decode(bytes, hash);
      checkTerms(one, this.#rules, this.#keeper.nextHeight);
      checkDuplicate(mempool, one);
      if (source !== 'journal') mempool.checkRoom(one);
      prepared[i] = one;
    });
    await this.#verifier.ahead(prepared.filter((one) => one !== null));
    await check(prepared, (one) => {
      if (one === null || this.#verifier.isValid(one)) return;
      throw new CodedError('TX_SIGNATURE_INVALID', 'The signature does not fit the transaction and its public key.');
    });
    return prepared;
  }

  /** A copy of its own: the message the bytes came in is larger, and would be kept alive by them. */
  #decode(bytes: Uint8Array, hash: Uint8Array): Prepared {
    this.#verifier.decoding();
    return prepare(Uint8Array.from(bytes), hash);
  }

  /** An operator whose validator signs twice, through a copied key or a record that was lost, hears of it here. */
  #noted(one: Prepared): Prepared {
    const evidence = evidenceIn(one);
    if (evidence !== null) {
      const about = { validator: toHex(evidence.address), height: evidence.first.height, hash: one.hashHex };
      this.#context.log.warn(about, 'a validator has signed two things that exclude each other; evidence is admitted');
    }
    return one;
  }

  async #readTip(prepared: readonly Prepared[]): Promise<TipView> {
    if (prepared.length === 0) {
      return { height: 0n, accounts: new Map(), replayed: new Set(), validators: new Map() };
    }
    const persistence = this.#context.peer(persistenceProtocol);
    const needsValidators = prepared.some((one) => evidenceIn(one) !== null);
    const [read, { actors }] = await Promise.all([
      persistence.ask('read', {
        at: null,
        accounts: [...payersOf(prepared).values()],
        pools: [],
        replayKeys: prepared.map(({ replayKey }) => replayKey),
      }),
      needsValidators ? persistence.ask('validators', { at: null }) : { actors: [] },
    ]);
    return {
      height: read.height,
      accounts: byAddress(read.accounts),
      replayed: new Set(read.replayed.map(toHex)),
      validators: validatorsByAddress(actors),
    };
  }

  /**
   * Makes durable what its sender will be told is accepted: the new ones, and those that gossip had brought
   * before their sender came. Returns what was written.
   */
  async #journal(results: readonly SubmitResult[]): Promise<Uint8Array[]> {
    const { mempool } = this.#keeper;
    const told = results.filter(({ code }) => code === RESULT_OK || code === RESULT_DUPLICATE);
    const hashes = new Set(told.map(({ hash }) => hash).filter((hash) => !mempool.isJournaled(hash)));
    const missing = [...hashes].map((hash) => mempool.get(hash)).filter((one) => one !== undefined);
    if (missing.length === 0) return [];
    const transactions = missing.map(({ bytes }) => bytes);
    await this.#context.peer(persistenceProtocol).ask('journal', { transactions });
    for (const { hashHex } of missing) mempool.markJournaled(hashHex);
    return transactions;
  }
}

/** Null, or the result that the refusal is answered with. */
function attempt(action: () => void): { code: number; message: string } | null {
  try {
    action();
    return null;
  } catch (error) {
    return resultOf(error);
  }
}
