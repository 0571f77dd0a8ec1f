import { toHex } from '../../chain/hex.ts';
import type { AccountRow } from '../protocol.ts';

/** About 10 MB. Most reads are for the senders of waiting transactions, again and again. */
const MAX_ENTRIES = 50_000;

/** The latest committed balances of accounts that were asked for, by hex address; null for one that is absent. */
export class BalanceCache {
  readonly #amounts = new Map<string, bigint | null>();

  /** Undefined if unknown. */
  get(address: string): bigint | null | undefined {
    const amount = this.#amounts.get(address);
    if (amount === undefined) return undefined;
    // Used last, dropped last.
    this.#amounts.delete(address);
    this.#amounts.set(address, amount);
    return amount;
  }

  put(address: string, amount: bigint | null): void {
    this.#amounts.delete(address);
    this.#amounts.set(address, amount);
    if (this.#amounts.size <= MAX_ENTRIES) return;
    const oldest = this.#amounts.keys().next();
    if (!oldest.done) this.#amounts.delete(oldest.value);
  }

  /** Brings what is cached to the state of the next block. */
  apply(changes: readonly AccountRow[]): void {
    for (const { address, amount } of changes) {
      const key = toHex(address);
      if (this.#amounts.has(key)) this.#amounts.set(key, amount);
    }
  }
}
