import { CodedError } from '../runtime/errors.ts';

/** How a trie turns keys and values into leaves. Tries with different options have different roots. */
export interface TrieOptions {
  /** True: a sum trie; every leaf has a weight, every digest carries the sum and the count below it. Default false. */
  readonly sum?: boolean;
  /** 'sha256' (default): a leaf holds the digest of its value. 'none': the value itself. */
  readonly valueHasher?: 'sha256' | 'none';
  /** 'sha256' (default): the path is the digest of the key. A number: the path is the first so many bytes of the key. */
  readonly pathHasher?: 'sha256' | number;
  /**
   * The trie is one of 2^bits that together are a whole one: the one of the paths whose first bits are `index`. Its root is
   * that of a subtree at depth `bits`; `combineShards` makes the root of the whole of them. Default: the whole.
   */
  readonly shard?: { readonly bits: number; readonly index: number };
}

export const HASH_BYTES = 32;
/** Sum and count, each a big-endian u64, behind the hash in every digest of a sum trie. */
export const TOTALS_BYTES = 16;
/** The start and end of an extension are single bytes in its encoding. */
const PATH_BYTES_MAX = 32;
/** A path in the memory of the kernel, with zeros behind a shorter one. */
export const PATH_ROOM = 32;
/** 65,536 instances are more than a machine holds. */
const SHARD_BITS_MAX = 16;
const WEIGHT_MAX = 2n ** 64n - 1n;

/** The options, resolved: what every part of the trie needs to know about it. */
export interface TrieSpec {
  readonly sum: boolean;
  readonly hashesValues: boolean;
  readonly hashesPaths: boolean;
  readonly pathBytes: number;
  /** Depth of the trie: bits of a path. */
  readonly pathBits: number;
  readonly digestBytes: number;
  /** Digest of an empty subtree: zero bytes. */
  readonly placeholder: Uint8Array;
  /** The trie holds the paths whose first `shardBits` bits are `shardIndex`; 0 and 0: all. */
  readonly shardBits: number;
  readonly shardIndex: number;
}

/** @throws CodedError TRIE_OPTIONS_INVALID */
export function resolveSpec(options: TrieOptions): TrieSpec {
  const hashesPaths = options.pathHasher === undefined || options.pathHasher === 'sha256';
  const pathBytes = hashesPaths ? HASH_BYTES : (options.pathHasher as number);
  if (!Number.isInteger(pathBytes) || pathBytes < 1 || pathBytes > PATH_BYTES_MAX) {
    throw new CodedError('TRIE_OPTIONS_INVALID', `A trie path has 1 to ${PATH_BYTES_MAX} bytes, not ${pathBytes}.`);
  }
  const sum = options.sum ?? false;
  const digestBytes = sum ? HASH_BYTES + TOTALS_BYTES : HASH_BYTES;
  return {
    sum,
    hashesValues: options.valueHasher !== 'none',
    hashesPaths,
    pathBytes,
    pathBits: 8 * pathBytes,
    digestBytes,
    placeholder: new Uint8Array(digestBytes),
    ...resolveShard(options, 8 * pathBytes),
  };
}

function resolveShard({ shard }: TrieOptions, pathBits: number): { shardBits: number; shardIndex: number } {
  if (shard === undefined) return { shardBits: 0, shardIndex: 0 };
  const { bits, index } = shard;
  const most = Math.min(SHARD_BITS_MAX, pathBits - 1);
  const fits = Number.isInteger(bits) && bits >= 0 && bits <= most && Number.isInteger(index);
  if (!fits || index < 0 || index >= 2 ** bits) {
    throw new CodedError('TRIE_OPTIONS_INVALID', `A shard is one of 2^0 to 2^${most}.`, { bits, index });
  }
  return { shardBits: bits, shardIndex: index };
}

/** @throws CodedError TRIE_WEIGHT_INVALID */
export function requireWeight(weight: bigint): void {
  if (weight >= 0n && weight <= WEIGHT_MAX) return;
  throw new CodedError('TRIE_WEIGHT_INVALID', 'The weight of a leaf is an unsigned 64-bit number.', { weight });
}

/** @throws CodedError TRIE_KEY_INVALID where the trie takes its paths from the keys and this key is too short. */
export function requireKey(spec: TrieSpec, key: Uint8Array): void {
  if (spec.hashesPaths || key.length >= spec.pathBytes) return;
  throw new CodedError('TRIE_KEY_INVALID', `This trie needs keys of at least ${spec.pathBytes} bytes.`, {
    length: key.length,
  });
}

/** @throws CodedError TRIE_KEY_INVALID where a path (not a key) has not the length of the trie's paths. */
export function requirePath(spec: TrieSpec, path: Uint8Array): void {
  if (path.length === spec.pathBytes) return;
  throw new CodedError('TRIE_KEY_INVALID', `A path of this trie has ${spec.pathBytes} bytes.`, { length: path.length });
}

/** Bit `index` of a path, counted from the most significant bit of the first byte. 0 is left, 1 is right. */
export function bitAt(path: Uint8Array, index: number): number {
  return ((path[index >> 3] as number) >> (7 - (index & 7))) & 1;
}

/** Index of the first bit in which two paths of one length differ, or their length in bits. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) ^ (b[i] as number);
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return 8 * a.length;
}
