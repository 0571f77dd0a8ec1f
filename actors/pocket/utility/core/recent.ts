import { toHex } from '../../chain/hex.ts';
import type { AccountRow } from '../../persistence/protocol.ts';

/**
 * Blocks remembered: an answer of persistence is at most some hundred ms old when it is used, and heights are
 * at least that far apart.
 */
const RECENT_BLOCKS = 16;

interface RecentBlock {
  readonly height: bigint;
  readonly replayKeys: ReadonlySet<string>;
  readonly accounts: ReadonlyMap<string, bigint>;
}

/**
 * The last committed blocks. A transaction may be committed between the moment persistence is asked about it
 * and the moment the answer is used; these blocks are laid over the answer.
 */
export class RecentBlocks {
  readonly #blocks: RecentBlock[] = [];

  add(height: bigint, replayKeys: readonly string[], accounts: readonly AccountRow[]): void {
    this.#blocks.push({
      height,
      replayKeys: new Set(replayKeys),
      accounts: new Map(accounts.map(({ address, amount }) => [toHex(address), amount])),
    });
    if (this.#blocks.length > RECENT_BLOCKS) this.#blocks.shift();
  }

  /** True if the transaction was committed after the height. */
  replayedSince(height: bigint, replayKey: string): boolean {
    return this.#blocks.some((block) => block.height > height && block.replayKeys.has(replayKey));
  }

  /** The balance at the last block after the height that changed it. */
  balanceSince(height: bigint, address: string): bigint | undefined {
    for (const block of [...this.#blocks].reverse()) {
      if (block.height <= height) return undefined;
      const amount = block.accounts.get(address);
      if (amount !== undefined) return amount;
    }
    return undefined;
  }
}
