import { CodedError } from '../runtime/errors.ts';
import { HASH_BYTES, TOTALS_BYTES, type TrieSpec } from './trie-spec.ts';

/** First byte of an encoding; keeps a leaf from being read as an inner node and the reverse. */
const LEAF = 0;
const INNER = 1;
export const EXTENSION = 2;

export const LEAF_PREFIX = Uint8Array.of(LEAF);

/** What it takes to check proofs. */
export interface ProofHasher {
  readonly spec: TrieSpec;
  /** Of messages that come in parts. */
  sha256(messages: readonly (readonly Uint8Array[])[]): Uint8Array[];
  /** The digest at level `from` of a subtree whose only leaves are under `digest` at level `to`, along `path`. */
  climb(digest: Uint8Array, path: Uint8Array, from: number, to: number): Uint8Array;
  /** The roots that side nodes give, of up to as many proofs as `lanes` says. */
  fold(folds: readonly Fold[]): Uint8Array[];
  readonly lanes: number;
}

/** Side nodes, from the lowest up, beside the way from `digest` at the end of `path` to the root. */
export interface Fold {
  readonly path: Uint8Array;
  readonly digest: Uint8Array;
  readonly sideNodes: readonly Uint8Array[];
}

export function encodeLeaf(path: Uint8Array, stored: Uint8Array): Uint8Array {
  const encoding = new Uint8Array(1 + path.length + stored.length);
  encoding[0] = LEAF;
  encoding.set(path, 1);
  encoding.set(stored, 1 + path.length);
  return encoding;
}

export function encodeInner(spec: TrieSpec, left: Uint8Array, right: Uint8Array): Uint8Array {
  const encoding = new Uint8Array(innerBytes(spec));
  encoding[0] = INNER;
  encoding.set(left, 1);
  encoding.set(right, 1 + spec.digestBytes);
  if (!spec.sum) return encoding;
  const view = new DataView(encoding.buffer);
  for (const at of [HASH_BYTES, HASH_BYTES + 8]) {
    const total = view.getBigUint64(1 + at) + view.getBigUint64(1 + spec.digestBytes + at);
    view.setBigUint64(1 + 2 * spec.digestBytes + at - HASH_BYTES, BigInt.asUintN(64, total));
  }
  return encoding;
}

/** @throws CodedError PROOF_MALFORMED */
export function parseLeaf(spec: TrieSpec, encoding: Uint8Array): { path: Uint8Array; stored: Uint8Array } {
  const least = 1 + spec.pathBytes + (spec.sum ? TOTALS_BYTES : 0);
  if (encoding[0] !== LEAF || encoding.length < least) throw malformed('the leaf data is not the encoding of a leaf');
  return { path: encoding.subarray(1, 1 + spec.pathBytes), stored: encoding.subarray(1 + spec.pathBytes) };
}

/**
 * The form of an encoded node of any kind.
 * @throws CodedError PROOF_MALFORMED
 */
export function checkEncoding(spec: TrieSpec, encoding: Uint8Array): void {
  switch (encoding[0]) {
    case LEAF:
      parseLeaf(spec, encoding);
      return;
    case INNER:
      if (encoding.length !== innerBytes(spec)) throw malformed('the sibling data is an inner node of a wrong size');
      return;
    case EXTENSION: {
      const [, start, end] = encoding as unknown as [number, number, number];
      if (encoding.length !== extensionBytes(spec) || start >= end || end >= spec.pathBits) {
        throw malformed('the sibling data is an extension of a wrong size or span');
      }
      return;
    }
    default:
      throw malformed('the sibling data begins with an unknown prefix');
  }
}

function innerBytes(spec: TrieSpec): number {
  return 1 + 2 * spec.digestBytes + (spec.sum ? TOTALS_BYTES : 0);
}

function extensionBytes(spec: TrieSpec): number {
  return 3 + spec.pathBytes + spec.digestBytes + (spec.sum ? TOTALS_BYTES : 0);
}

/** In a sum trie the totals that end the encoding stand behind the hash. */
export function digestOf(spec: TrieSpec, hash: Uint8Array, ending: Uint8Array): Uint8Array {
  if (!spec.sum) return hash;
  const digest = new Uint8Array(spec.digestBytes);
  digest.set(hash);
  digest.set(ending.subarray(ending.length - TOTALS_BYTES), HASH_BYTES);
  return digest;
}

export function malformed(reason: string, data: Record<string, unknown> = {}): CodedError {
  return new CodedError('PROOF_MALFORMED', `The proof is malformed: ${reason}.`, data);
}
