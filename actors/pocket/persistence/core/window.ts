import type { TrieEntry } from '../../../../wasm/trie.ts';

/** A committed or staged transaction, as the replay window needs it. */
export interface WindowEntry {
  readonly replayKey: Uint8Array;
  /** Last height at which it may be committed; 0: unbound, remembered for ever. */
  readonly validUntilHeight: bigint;
  readonly bytes: Uint8Array;
}

/**
 * When the committed transactions leave the trie `transactions`. The state of height h holds those with
 * `validUntilHeight >= h`, and the unbound ones; so block h removes those whose last height was h - 1.
 */
export class ReplayWindow {
  readonly #byLastHeight = new Map<bigint, Uint8Array[]>();

  /** Takes what a block at `height` brought. */
  add(height: bigint, entries: readonly WindowEntry[]): void {
    for (const entry of entries) {
      if (entry.validUntilHeight === 0n || !isInWindow(entry, height)) continue;
      const keys = this.#byLastHeight.get(entry.validUntilHeight);
      if (keys === undefined) this.#byLastHeight.set(entry.validUntilHeight, [entry.replayKey]);
      else keys.push(entry.replayKey);
    }
  }

  /** Keys whose last height this was. */
  lastAt(height: bigint): readonly Uint8Array[] {
    return this.#byLastHeight.get(height) ?? [];
  }

  /** Forgets what block `height` removed. */
  advance(height: bigint): void {
    this.#byLastHeight.delete(height - 1n);
  }
}

/** True if the state of `height` remembers the transaction. */
export function isInWindow(entry: WindowEntry, height: bigint): boolean {
  return entry.validUntilHeight === 0n || entry.validUntilHeight >= height;
}

/** What block `height` changes in the trie `transactions`. */
export function windowEntries(
  height: bigint,
  expired: readonly Uint8Array[],
  added: readonly WindowEntry[],
): TrieEntry[] {
  return [
    ...expired.map((key) => ({ key, value: null })),
    ...added
      .filter((entry) => isInWindow(entry, height))
      .map(({ replayKey, bytes }) => ({ key: replayKey, value: bytes })),
  ];
}
