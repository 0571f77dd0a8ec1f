import { hashMany } from '../../../wasm/hash-many.ts';
import { sha256Batch } from '../../../wasm/sha256-batch.ts';

const HASH_BYTES = 32;
const INNER_BYTES = 1 + 2 * HASH_BYTES;

/**
 * Merkle root as in RFC 6962: SHA-256, leaf = H(0x00 ‖ bytes), inner = H(0x01 ‖ left ‖ right), the left half being
 * the largest power of two below the count; so no list has the root of another. Of no leaves: 32 zero bytes.
 */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(HASH_BYTES);
  // Level by level with an odd last node carried up gives the same tree as the recursive definition.
  let level = hashMany('sha256', leaves.map(encodeLeaf));
  while (level.length > HASH_BYTES) level = levelAbove(level);
  return level;
}

function encodeLeaf(leaf: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length);
  bytes.set(leaf, 1);
  return bytes;
}

/** @param level digests, one after the other */
function levelAbove(level: Uint8Array): Uint8Array {
  const pairs = Math.floor(level.length / (2 * HASH_BYTES));
  const odd = level.subarray(pairs * 2 * HASH_BYTES);
  const above = new Uint8Array(pairs * HASH_BYTES + odd.length);
  sha256Batch(
    pairs,
    INNER_BYTES,
    (i, buffer, offset) => {
      buffer[offset] = 1;
      buffer.set(level.subarray(i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES), offset + 1);
    },
    (i, buffer, offset) => above.set(buffer.subarray(offset, offset + HASH_BYTES), i * HASH_BYTES),
  );
  above.set(odd, pairs * HASH_BYTES);
  return above;
}
