import { allBlockHashes, type BlockHashes } from '../block-hashes.ts';
import type { NodeClient } from '../node-client.ts';

/** What the nodes say about one and the same chain. */
export interface Verdict {
  /** Block hash and state hash are the same on all nodes at every height up to `height`. */
  readonly equal: boolean;
  /** The last height that was compared. */
  readonly height: number;
  /** Where and how they differ, or empty. */
  readonly difference: string;
  /** Accepted transactions that every node has exactly once. */
  readonly committed: number;
  /** Accepted transactions that some node has more than once. */
  readonly repeated: number;
  /** Times between consecutive blocks above `from`, ms. */
  readonly intervals_ms: readonly number[];
}

/**
 * Compares all nodes, height by height from genesis on, and looks for the accepted transactions.
 * @param from intervals are measured above this height
 * @param to the last height
 */
export async function verifyChain(
  clients: readonly NodeClient[],
  range: { from: number; to: number },
  accepted: readonly string[],
): Promise<Verdict> {
  const found = clients.map(() => new Map<string, number>(accepted.map((hash) => [hash, 0])));
  const chains = clients.map((client) => allBlockHashes(client, 0, range.to));
  const intervals_ms: number[] = [];
  let height = -1;
  let difference = '';
  let previous: BlockHashes | undefined;
  try {
    while (difference === '') {
      const rows = await Promise.all(
        chains.map(async (chain) => (await chain.next()).value as BlockHashes | undefined),
      );
      if (rows.every((row) => row === undefined)) break;
      difference = differenceOf(rows, clients);
      if (difference !== '') break;
      const row = rows[0]!;
      height = row.height;
      rows.forEach((one, index) => {
        count(found[index]!, one!.hashes);
      });
      if (previous !== undefined && previous.height > range.from) {
        intervals_ms.push(row.timestamp_ms - previous.timestamp_ms);
      }
      previous = row;
    }
  } finally {
    await Promise.all(chains.map((chain) => chain.return(undefined)));
  }
  if (difference === '' && height < range.to) difference = `no node has the blocks from ${height + 1} to ${range.to}`;
  const times = (hash: string): number[] => found.map((one) => one.get(hash) ?? 0);
  return {
    equal: difference === '',
    height,
    difference,
    committed: accepted.filter((hash) => times(hash).every((n) => n === 1)).length,
    repeated: accepted.filter((hash) => times(hash).some((n) => n > 1)).length,
    intervals_ms,
  };
}

function count(found: Map<string, number>, hashes: readonly string[]): void {
  for (const hash of hashes) {
    const before = found.get(hash);
    if (before !== undefined) found.set(hash, before + 1);
  }
}

function differenceOf(rows: readonly (BlockHashes | undefined)[], clients: readonly NodeClient[]): string {
  const first = rows.find((row) => row !== undefined)!;
  for (const [index, row] of rows.entries()) {
    const { url } = clients[index]!;
    if (row === undefined || row.height !== first.height) return `${url} has no block ${first.height}`;
    if (row.block_hash !== first.block_hash) return `${url} has another block ${first.height}`;
    if (row.state_hash !== first.state_hash) return `${url} has another state after block ${first.height}`;
  }
  return '';
}
