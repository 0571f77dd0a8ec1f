import { CodedError } from '../runtime/errors.ts';
import { digestOf, encodeInner, type ProofHasher } from './trie-encoding.ts';

/** What the root of the whole needs to know about one shard, see `TrieOptions.shard`. A trie has both. */
export interface Shard {
  readonly root: Uint8Array;
  readonly size: number;
}

/**
 * The root of the trie that 2^bits shards are together, in the order of their index: the root which one trie with all
 * their leaves has, also where shards are empty or hold a single leaf.
 * @throws CodedError TRIE_OPTIONS_INVALID
 */
export function combineShards(hasher: ProofHasher, shards: readonly Shard[]): Uint8Array {
  const { digestBytes } = hasher.spec;
  const isWhole = shards.length > 0 && Number.isInteger(Math.log2(shards.length));
  if (!isWhole || shards.some(({ root }) => root.length !== digestBytes)) {
    throw new CodedError('TRIE_OPTIONS_INVALID', 'A trie is made of 2^n shards, each with a root of its kind.', {
      shards: shards.length,
    });
  }
  let level = shards;
  while (level.length > 1) {
    const pairs = level;
    level = Array.from({ length: pairs.length / 2 }, (_, i) =>
      parent(hasher, pairs[2 * i] as Shard, pairs[2 * i + 1] as Shard),
    );
  }
  return Uint8Array.from((level[0] as Shard).root);
}

/** A leaf that is alone floats up as it is, and nothing stays nothing; all else is hashed. */
function parent(hasher: ProofHasher, left: Shard, right: Shard): Shard {
  const size = left.size + right.size;
  if (size <= 1) return left.size === 1 ? left : right;
  const encoding = encodeInner(hasher.spec, left.root, right.root);
  return { root: digestOf(hasher.spec, hasher.sha256([[encoding]])[0] as Uint8Array, encoding), size };
}
