import { fromHex } from '../../chain/hex.ts';
import type { AccountRow } from '../../persistence/protocol.ts';

/** Balances over a parent's: what is written is what is read next. */
export class Balances {
  readonly #parent: ReadonlyMap<string, bigint>;
  readonly #written = new Map<string, bigint>();

  constructor(parent: ReadonlyMap<string, bigint>) {
    this.#parent = parent;
  }

  get(address: string): bigint {
    return this.#written.get(address) ?? this.#parent.get(address) ?? 0n;
  }

  add(address: string, amount: bigint): void {
    this.#written.set(address, this.get(address) + amount);
  }

  /** The balances that differ from the parent's, by ascending address. */
  changes(): AccountRow[] {
    return [...this.#written]
      .filter(([address, amount]) => amount !== (this.#parent.get(address) ?? 0n))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, amount]) => ({ address: fromHex(address), amount }));
  }
}
