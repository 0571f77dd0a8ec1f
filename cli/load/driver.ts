import { z } from 'zod';
import { toErrorRecord } from '../../runtime/errors.ts';
import { NodeClient } from '../node-client.ts';
import { Follower } from './follower.ts';
import { Ledger, type LedgerFigures } from './ledger.ts';
import { type SignedTransaction, TransactionSource } from './transactions.ts';

/** Transactions of one request: it travels in about 150 KB and is admitted in some ms. */
const MAX_BATCH = 250;
/** Requests in flight per node. */
const CONCURRENCY = 2;
/**
 * `max` keeps this many uncommitted. More only makes blocks larger: the chain commits no more per second, and
 * every transaction waits longer.
 */
const MAX_OPEN_CLOSED_LOOP = 2_000;
/** A fixed rate keeps at most this many uncommitted; beyond, the chain cannot follow and the rate is not kept. */
const MAX_OPEN_FIXED_RATE = 20_000;
/** How often what is due is sent. */
const TICK_ms = 20;
/** Signed in advance: so much time at the rate, within bounds. */
const AHEAD_s = 2;
const MAX_AHEAD = 500;
/** Signed between two looks at the sockets, about 5 ms. */
const SIGN_SLICE = 25;
/** Wait of a node that refused for want of room; doubles up to the cap. */
const BACKOFF_ms = 50;
const BACKOFF_CAP_ms = 2_000;

/** Answers that mean: the transaction is in the node's care. */
const ACCEPTED = new Set([0, 35, 95]);
/** Answers that mean: not now (MEMPOOL_FULL, SENDER_LIMIT). */
const LATER = new Set([212, 213]);

const answerSchema = z.object({ results: z.array(z.object({ code: z.int(), hash: z.string(), message: z.string() })) });

export interface LoadOptions {
  /** RPC URLs of the nodes. */
  readonly urls: readonly string[];
  /** Transactions per second, or as many as are committed. */
  readonly rate: number | 'max';
  readonly seed: Uint8Array;
  readonly networkId: string;
  readonly txWindowBlocks: number;
  /** Keep the hashes of what was accepted. */
  readonly remember: boolean;
}

export interface LoadFigures extends LedgerFigures {
  /** Transactions that were due and not sent, because too many were uncommitted. */
  readonly skipped: number;
}

interface Target {
  readonly index: number;
  readonly client: NodeClient;
  readonly follower: Follower;
  inFlight: number;
  /** Not before, ms. */
  resume_ms: number;
  backoff_ms: number;
}

/** Sends transactions to all nodes in turn and keeps the books about them. */
export class LoadDriver {
  readonly #options: LoadOptions;
  readonly #ledger: Ledger;
  readonly #source: TransactionSource;
  readonly #targets: Target[];
  readonly #ahead: number;
  /** Signed, never sent. */
  readonly #fresh: SignedTransaction[] = [];
  /** Sent without an answer, or refused for want of room: to be sent again, identical. */
  #again: SignedTransaction[] = [];
  #height = 0n;
  #skipped = 0;
  /** Due by the rate and not yet sent. */
  #due = 0;
  #last_ms = 0;
  #turn = 0;
  #halted = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#ledger = new Ledger({ remember: options.remember });
    this.#source = new TransactionSource(options);
    this.#ahead = options.rate === 'max' ? MAX_AHEAD : Math.min(MAX_AHEAD, Math.ceil(options.rate * AHEAD_s));
    this.#targets = options.urls.map((url, index) => {
      const client = new NodeClient(url, { connections: CONCURRENCY + 1 });
      const follower = new Follower(client, (height, hashes) => this.#onBlock(index, height, hashes));
      return { index, client, follower, inFlight: 0, resume_ms: 0, backoff_ms: 0 };
    });
  }

  /** @throws NODE_UNREACHABLE */
  async start(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.follower.start()));
    while (this.#fresh.length < this.#ahead) this.#sign();
    this.#last_ms = Date.now();
    this.#tick();
  }

  /** No new transactions from here on; those without an answer are still sent again. */
  halt(): void {
    this.#halted = true;
    this.#fresh.length = 0;
  }

  figures(): LoadFigures {
    return { ...this.#ledger.figures(), skipped: this.#skipped };
  }

  acceptedHashes(): readonly string[] {
    return this.#ledger.acceptedHashes();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { client, follower } of this.#targets) {
      follower.stop();
      client.close();
    }
  }

  #onBlock(node: number, height: number, hashes: readonly string[]): void {
    const now = Date.now();
    if (BigInt(height) > this.#height) this.#height = BigInt(height);
    for (const hash of hashes) this.#ledger.seen(hash, node, now);
  }

  #tick(): void {
    if (this.#closed) return;
    this.#accrue();
    this.#sendAll();
    for (let n = 0; n < SIGN_SLICE && !this.#halted && this.#fresh.length < this.#ahead; n++) this.#sign();
    // Without a backlog of signatures the next tick can wait.
    const busy = !this.#halted && this.#options.rate === 'max' && this.#fresh.length < MAX_BATCH;
    this.#timer = setTimeout(() => this.#tick(), busy ? 0 : TICK_ms);
  }

  #sign(): void {
    this.#fresh.push(this.#source.next(this.#height));
  }

  /** Adds up what is due since the last tick; what cannot be sent is not caught up with. */
  #accrue(): void {
    const now = Date.now();
    const { rate } = this.#options;
    const elapsed_s = (now - this.#last_ms) / 1_000;
    this.#last_ms = now;
    if (this.#halted || this.#ledger.full) this.#due = 0;
    else if (rate === 'max') this.#due = Math.max(0, MAX_OPEN_CLOSED_LOOP - this.#ledger.open);
    else {
      this.#due += rate * elapsed_s;
      const room = Math.max(0, MAX_OPEN_FIXED_RATE - this.#ledger.open);
      if (this.#due > room) {
        this.#skipped += Math.floor(this.#due - room);
        this.#due = room;
      }
    }
  }

  #sendAll(): void {
    for (let tried = 0; tried < this.#targets.length; ) {
      const target = this.#targets[this.#turn++ % this.#targets.length]!;
      const batch = this.#usable(target) ? this.#takeBatch() : [];
      if (batch.length === 0) tried++;
      else void this.#send(target, batch);
    }
  }

  #usable({ inFlight, resume_ms }: Target): boolean {
    return inFlight < CONCURRENCY && Date.now() >= resume_ms;
  }

  /** Repeats first; then what is due, signed on the spot if the stock is used up. */
  #takeBatch(): SignedTransaction[] {
    const batch = this.#again.splice(0, MAX_BATCH);
    const wanted = Math.min(MAX_BATCH - batch.length, Math.floor(this.#due));
    // In the closed loop small batches are not worth their request.
    if (this.#options.rate === 'max' && wanted < SIGN_SLICE) return batch;
    const fresh = this.#fresh.splice(0, wanted);
    this.#due -= fresh.length;
    return [...batch, ...fresh];
  }

  async #send(target: Target, batch: SignedTransaction[]): Promise<void> {
    target.inFlight++;
    const now = Date.now();
    for (const { hash } of batch) this.#ledger.sending(hash, now);
    try {
      const body = { raw_hex_bytes: batch.map(({ bytes }) => bytes) };
      const { results } = answerSchema.parse(await target.client.postJson('/v1/client/broadcast_txs_sync', body));
      this.#settle(target, batch, results);
    } catch (error) {
      this.#unanswered(target, batch, error);
    } finally {
      target.inFlight--;
    }
  }

  #settle(
    target: Target,
    batch: readonly SignedTransaction[],
    results: readonly { code: number; message: string }[],
  ): void {
    let full = false;
    for (const [index, transaction] of batch.entries()) {
      const result = results[index];
      if (result === undefined) this.#again.push(transaction);
      else if (ACCEPTED.has(result.code)) this.#ledger.accepted(transaction.hash, target.index);
      else if (LATER.has(result.code)) {
        full = true;
        this.#refusedForNow(transaction, result.message);
      } else this.#ledger.refused(transaction.hash, reasonOf(result));
    }
    this.#pace(target, full);
  }

  /** Refused for want of room: it comes again, unless the load is over; then it was never submitted. */
  #refusedForNow(transaction: SignedTransaction, message: string): void {
    if (this.#halted) this.#ledger.refused(transaction.hash, reasonOf({ code: 0, message }));
    else this.#again.push(transaction);
  }

  /** Nothing is known about these: only identical bytes may be sent again. */
  #unanswered(target: Target, batch: readonly SignedTransaction[], error: unknown): void {
    const status = (toErrorRecord(error).data as { status?: number }).status ?? 0;
    // 4xx: the request itself is at fault, and no repeat mends it.
    if (status >= 400 && status < 500) {
      for (const { hash } of batch) this.#ledger.refused(hash, toErrorRecord(error).code);
    } else this.#again.push(...batch);
    this.#pace(target, true);
  }

  #pace(target: Target, slower: boolean): void {
    target.backoff_ms = slower ? Math.min(BACKOFF_CAP_ms, target.backoff_ms * 2 || BACKOFF_ms) : 0;
    target.resume_ms = Date.now() + target.backoff_ms;
  }
}

/** A node's messages begin with the code in words. */
function reasonOf({ code, message }: { code: number; message: string }): string {
  return /^[A-Z][A-Z0-9_]+(?=:)/.exec(message)?.[0] ?? `CODE_${code}`;
}
