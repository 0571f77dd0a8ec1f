import { CodedError } from '../runtime/errors.ts';
import { sha256 } from './hash.ts';

/** How a trie turns keys and values into leaves. Tries with different options have different roots. */
export interface TrieOptions {
  /** True: a sum trie; every leaf has a weight, every digest carries the sum and the count below it. Default false. */
  readonly sum?: boolean;
  /** 'sha256' (default): a leaf holds the digest of its value. 'none': the value itself. */
  readonly valueHasher?: 'sha256' | 'none';
  /** 'sha256' (default): the path is the digest of the key. A number: the path is the first so many bytes of the key. */
  readonly pathHasher?: 'sha256' | number;
}

export const HASH_BYTES = 32;
/** Sum and count, each a big-endian u64, behind the hash in every digest of a sum trie. */
export const TOTALS_BYTES = 16;
/** The start and end of an extension are single bytes in its encoding. */
const PATH_BYTES_MAX = 32;
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
  };
}

/** @throws CodedError TRIE_KEY_INVALID where the trie takes its paths from the keys and this key is too short. */
export function pathOf(spec: TrieSpec, key: Uint8Array): Uint8Array {
  if (spec.hashesPaths) return sha256(key);
  if (key.length < spec.pathBytes) {
    throw new CodedError('TRIE_KEY_INVALID', `This trie needs keys of at least ${spec.pathBytes} bytes.`, {
      length: key.length,
    });
  }
  return Uint8Array.prototype.slice.call(key, 0, spec.pathBytes);
}

/** What a leaf holds: the value or its digest, in a sum trie with the weight and the count 1 behind it. */
export function storedOf(spec: TrieSpec, value: Uint8Array, weight: bigint, count = 1n): Uint8Array {
  const body = spec.hashesValues ? sha256(value) : value;
  if (!spec.sum) return spec.hashesValues ? body : Uint8Array.from(body);
  if (weight < 0n || weight > WEIGHT_MAX) {
    throw new CodedError('TRIE_WEIGHT_INVALID', 'The weight of a leaf is an unsigned 64-bit number.', { weight });
  }
  const stored = new Uint8Array(body.length + TOTALS_BYTES);
  stored.set(body);
  const view = new DataView(stored.buffer);
  view.setBigUint64(body.length, weight);
  view.setBigUint64(body.length + 8, BigInt.asUintN(64, count));
  return stored;
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
