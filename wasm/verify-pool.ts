import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { CodedError } from '../runtime/errors.ts';
import { verifyBatch } from './ed25519.ts';
import { PUBLIC_KEY_BYTES, packedBytes, packSignatures, SIGNATURE_BYTES, type SignedMessage } from './verify-format.ts';

export type { SignedMessage } from './verify-format.ts';

/**
 * Up to this many signatures are verified at once where they arrive. Measured on two busy cores: a task occupies the
 * caller for 0.07 to 0.1 ms whatever its size, and its answer comes 0.3 ms later than one made in place. Eight signatures
 * in place hold the actor up for less than 0.3 ms (one: 0.1 ms), which no consensus message notices and which saves
 * waking a thread, the first time starting one. Of sixteen, the hand-over is a fifth of the work or less.
 */
export const IN_PLACE_MAX = 8;

/**
 * Signatures per task: a batch is shared among the threads, but in parts no smaller than this, for more of them together cost
 * less each (64: 22 µs, 256: 16 µs) ...
 */
const TASK_SIGNATURES_MIN = 64;
/** ... and no larger: 4 ms of work, little to do again after a crash. */
const TASK_SIGNATURES_MAX = 256;

/** Signatures accepted but not yet answered. One core needs 0.2 s for them; older ones are stale news. */
const PENDING_SIGNATURES_MAX = 8192;
/** Bytes of the same, packed, for the rare large messages. */
const PENDING_BYTES_MAX = 32 * 1024 * 1024;

/** Idle threads end after this, and a node that sees no bursts has none. A new one needs 50 ms. */
const IDLE_MS = 30_000;

export interface VerifyPoolOptions {
  /** Threads at most: the cores that the actors leave free. */
  readonly threads: number;
  /** Module that does the work; tests put a failing one here. */
  readonly worker?: URL;
}

/** Counters since the start, for the metrics of the actor that owns the pool. */
export interface VerifyPoolCounts {
  /** Signatures verified on the caller's thread. */
  readonly inPlace: number;
  /** Signatures verified by the pool. */
  readonly pooled: number;
  /** Signatures refused because the queue was full. */
  readonly refused: number;
  /** Tasks repeated because the thread that had them died. */
  readonly retried: number;
}

/**
 * Verifies large batches of signatures on threads of its own, under the rule of ed25519.ts.
 * Its queue is bounded: callers look at `ready` and stop taking work from outside while it is false.
 */
export class VerifyPool {
  readonly #pool: Piscina<Uint8Array, Uint8Array>;
  readonly #threads: number;
  readonly #counts = { inPlace: 0, pooled: 0, refused: 0, retried: 0 };
  #pendingSignatures = 0;
  #pendingBytes = 0;
  #closed = false;

  constructor(options: VerifyPoolOptions) {
    // The worker is compiled with this file, or is run as it is by a Node that strips types.
    const worker = options.worker ?? new URL(`./verify-worker${extname(import.meta.url)}`, import.meta.url);
    this.#threads = Math.max(1, options.threads);
    this.#pool = new Piscina({
      filename: worker.href,
      minThreads: 0,
      maxThreads: this.#threads,
      idleTimeout: IDLE_MS,
      // Waiting in Atomics.wait would keep a thread deaf to its termination and was slower in every measurement.
      atomics: 'disabled',
    });
  }

  /** False while the queue is more than half full: the moment to stop taking work from outside. */
  get ready(): boolean {
    return this.#pendingSignatures < PENDING_SIGNATURES_MAX / 2 && this.#pendingBytes < PENDING_BYTES_MAX / 2;
  }

  get counts(): VerifyPoolCounts {
    return { ...this.#counts };
  }

  /**
   * The verdicts, in the order of the items. Items with a key or signature of a wrong length are invalid.
   * The items must not be changed before the answer.
   * @throws CodedError VERIFY_QUEUE_FULL: nothing was verified; VERIFY_POOL_FAILED: threads died twice over one task;
   * VERIFY_POOL_CLOSED; KERNEL_MISSING, KERNEL_FAILED
   */
  async verifyBatch(items: readonly SignedMessage[]): Promise<boolean[]> {
    if (this.#closed) throw closed();
    if (items.length <= IN_PLACE_MAX) {
      this.#counts.inPlace += items.length;
      return verifyBatch(items);
    }
    const wellFormed = items.filter(isWellFormed);
    const bytes = wellFormed.reduce((sum, item) => sum + packedBytes(item), 0);
    this.#reserve(wellFormed.length, bytes);
    try {
      const tasks = tasksOf(wellFormed, this.#threads).map((task) => this.#run(task));
      // All of them, even if one fails: what still runs still counts as pending.
      await Promise.allSettled(tasks);
      const verdicts = (await Promise.all(tasks)).flat();
      this.#counts.pooled += wellFormed.length;
      let next = 0;
      return items.map((item) => isWellFormed(item) && verdicts[next++] === true);
    } finally {
      this.#pendingSignatures -= wellFormed.length;
      this.#pendingBytes -= bytes;
    }
  }

  /** Ends the threads; what they still had fails with VERIFY_POOL_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.destroy();
  }

  #reserve(signatures: number, bytes: number): void {
    const full =
      this.#pendingSignatures + signatures > PENDING_SIGNATURES_MAX || this.#pendingBytes + bytes > PENDING_BYTES_MAX;
    if (full) {
      this.#counts.refused += signatures;
      throw new CodedError('VERIFY_QUEUE_FULL', 'Too many signatures wait for verification; send less, or later.', {
        pending: this.#pendingSignatures,
        refused: signatures,
        limit: PENDING_SIGNATURES_MAX,
      });
    }
    this.#pendingSignatures += signatures;
    this.#pendingBytes += bytes;
  }

  /** Verification itself never throws: a task fails only with its thread, and is then tried once more on another. */
  async #run(task: readonly SignedMessage[]): Promise<boolean[]> {
    try {
      return await this.#runOnce(task);
    } catch {
      if (this.#closed) throw closed();
      this.#counts.retried++;
    }
    try {
      return await this.#runOnce(task);
    } catch (error) {
      if (this.#closed) throw closed();
      const message = 'Two threads died over the same signatures; see the log for the reason.';
      throw new CodedError('VERIFY_POOL_FAILED', message, { signatures: task.length }, { cause: error });
    }
  }

  async #runOnce(task: readonly SignedMessage[]): Promise<boolean[]> {
    const packed = packSignatures(task);
    const verdicts = await this.#pool.run(packed, { transferList: [packed.buffer] });
    return Array.from(verdicts, (verdict) => verdict === 1);
  }
}

function isWellFormed({ publicKey, signature }: SignedMessage): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && signature.length === SIGNATURE_BYTES;
}

function tasksOf(items: readonly SignedMessage[], threads: number): SignedMessage[][] {
  const share = Math.ceil(items.length / threads);
  const size = Math.min(TASK_SIGNATURES_MAX, Math.max(TASK_SIGNATURES_MIN, share));
  const tasks: SignedMessage[][] = [];
  for (let i = 0; i < items.length; i += size) tasks.push(items.slice(i, i + size));
  return tasks;
}

function closed(): CodedError {
  return new CodedError('VERIFY_POOL_CLOSED', 'The pool that verifies signatures has been closed.');
}
