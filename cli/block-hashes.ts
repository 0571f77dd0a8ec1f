import { z } from 'zod';
import { CodedError } from '../runtime/errors.ts';
import type { NodeClient } from './node-client.ts';

/** Heights that a node answers at once. */
export const MAX_HASH_BLOCKS = 200;

const rowSchema = z.object({
  height: z.int().min(0),
  block_hash: z.string(),
  state_hash: z.string(),
  timestamp_ms: z.number(),
  hashes: z.array(z.string()),
});
export type BlockHashes = z.infer<typeof rowSchema>;
const rowsSchema = z.array(rowSchema);

/**
 * Hashes of the committed heights from `from` to `to`; fewer where the node is not that far, or where its
 * answer would grow too large.
 */
export async function blockHashes(client: NodeClient, from: number, to: number): Promise<BlockHashes[]> {
  const last = Math.min(to, from + MAX_HASH_BLOCKS - 1);
  const answer = rowsSchema.safeParse(await client.getJson(`/v1/query/tx_hashes?from=${from}&to=${last}`));
  if (answer.success) return answer.data;
  throw new CodedError('NODE_ANSWER', `${client.url}/v1/query/tx_hashes answered in another shape`);
}

/** All committed heights of the range in order, page by page. Ends early where the node has no more. */
export async function* allBlockHashes(client: NodeClient, from: number, to: number): AsyncGenerator<BlockHashes> {
  for (let next = from; next <= to; ) {
    const rows = await blockHashes(client, next, to);
    if (rows.length === 0) return;
    yield* rows;
    next = rows.at(-1)!.height + 1;
  }
}

const heightSchema = z.object({ height: z.int().min(0) });

/** Latest committed height of a node. */
export async function latestHeight(client: NodeClient): Promise<number> {
  const answer = heightSchema.safeParse(await client.getJson('/v1/query/height'));
  if (answer.success) return answer.data.height;
  throw new CodedError('NODE_ANSWER', `${client.url}/v1/query/height answered in another shape`);
}
