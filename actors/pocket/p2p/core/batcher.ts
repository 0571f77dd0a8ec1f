import { encodeList, LENGTH_BYTES, type ListLimits } from './list.ts';

/** A gossiped message costs about the same whatever its size (FACTS: unbatched gossip takes four times the CPU). */
export const BATCH_BYTES = 64 * 1024;
/** A transaction waits for company at most this long: a tenth of the shortest sensible block interval. */
export const BATCH_DELAY_ms = 20;

export interface Batch {
  readonly bytes: Uint8Array;
  readonly transactions: number;
}

/** What a batch may hold; the same limits are put on batches of peers. */
export function batchLimits(maxTransactionBytes: number): ListLimits & { readonly maxBytes: number } {
  const maxBytes = Math.max(BATCH_BYTES, maxTransactionBytes + LENGTH_BYTES);
  return { maxItems: Math.floor(maxBytes / (LENGTH_BYTES + 1)), maxItemBytes: maxTransactionBytes, maxBytes };
}

/** Collects transactions into batches. It never holds more than one batch: a full one is handed over at once. */
export class Batcher {
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #since_ms = 0;

  /** Adds a transaction; answers the batch that had no room for it, if there was one. */
  add(transaction: Uint8Array, now_ms: number): Batch | undefined {
    const bytes = LENGTH_BYTES + transaction.length;
    const full = this.#bytes + bytes > BATCH_BYTES ? this.take() : undefined;
    if (this.#waiting.length === 0) this.#since_ms = now_ms;
    this.#waiting.push(transaction);
    this.#bytes += bytes;
    return full;
  }

  /** When the waiting transactions are to be sent; undefined when none wait. */
  get due_ms(): number | undefined {
    return this.#waiting.length === 0 ? undefined : this.#since_ms + BATCH_DELAY_ms;
  }

  take(): Batch | undefined {
    if (this.#waiting.length === 0) return undefined;
    const batch = { bytes: encodeList(this.#waiting), transactions: this.#waiting.length };
    this.#waiting = [];
    this.#bytes = 0;
    return batch;
  }
}
