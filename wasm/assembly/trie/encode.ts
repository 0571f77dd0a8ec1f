/** The published encodings, of which digests are the hashes. */

import { hashOne } from '../sha256/one';
import {
  bitOf,
  digestBytes,
  digestOf,
  HASH_BYTES,
  leafDigest,
  leafPath,
  left,
  pathBytes,
  right,
  sums,
  TOTALS_BYTES,
  valueLength,
  valueSlot,
} from './layout';
import { bitAt, pathBelow } from './path';

/** First byte of an encoding; keeps a leaf from being read as an inner node and the reverse. */
export const LEAF: u8 = 0;
export const INNER: u8 = 1;
const EXTENSION: u8 = 2;

/** What an empty subtree has for a digest. */
export const PLACEHOLDER: usize = memory.data(48, 16);
const MESSAGE: usize = memory.data(128, 16);

export function innerBytes(): usize {
  return 1 + 2 * digestBytes + (sums ? TOTALS_BYTES : 0);
}

/** Copies a digest. */
export function copyDigest(target: usize, source: usize): void {
  store<u64>(target, load<u64>(source));
  store<u64>(target, load<u64>(source, 8), 8);
  store<u64>(target, load<u64>(source, 16), 16);
  store<u64>(target, load<u64>(source, 24), 24);
  if (!sums) return;
  store<u64>(target, load<u64>(source, 32), 32);
  store<u64>(target, load<u64>(source, 40), 40);
}

export function writeInner(target: usize, leftDigest: usize, rightDigest: usize): void {
  store<u8>(target, INNER);
  copyDigest(target + 1, leftDigest);
  copyDigest(target + 1 + digestBytes, rightDigest);
  if (!sums) return;
  const totals = target + 1 + 2 * digestBytes;
  store<u64>(totals, addBig(leftDigest + HASH_BYTES, rightDigest + HASH_BYTES));
  store<u64>(totals, addBig(leftDigest + HASH_BYTES + 8, rightDigest + HASH_BYTES + 8), 8);
}

/** Adds two big-endian numbers modulo 2^64, as the published trie does. */
function addBig(a: usize, b: usize): u64 {
  return bswap<u64>(bswap<u64>(load<u64>(a)) + bswap<u64>(load<u64>(b)));
}

/** Where the trie sums, the totals stand behind the hash as they stand in the encoding. */
export function copyTotals(digest: usize, encoding: usize, length: usize): void {
  if (!sums) return;
  store<u64>(digest, load<u64>(encoding + length - 16), 32);
  store<u64>(digest, load<u64>(encoding + length - 8), 40);
}

/** The digest of one inner node; `target` may be one of the children's digests. */
function innerDigest(leftDigest: usize, rightDigest: usize, target: usize): void {
  const length = innerBytes();
  writeInner(MESSAGE, leftDigest, rightDigest);
  hashOne(MESSAGE, length, target);
  copyTotals(target, MESSAGE, length);
}

/** Moves the digest at `target` up one level; the other side of that level is `side`. */
export function fold(target: usize, bit: u32, side: usize): void {
  if (bit === 0) innerDigest(target, side, target);
  else innerDigest(side, target, target);
}

/** Writes the digest at level `from` of a branch whose one-child levels began there. */
export function digestFrom(branch: usize, from: u32, target: usize): void {
  innerDigest(digestOf(left(branch)), digestOf(right(branch)), target);
  const path = pathBelow(branch);
  for (let level = bitOf(branch); level > from; level--) fold(target, bitAt(path, level - 1), PLACEHOLDER);
}

/** Writes the published encoding of a leaf that holds its value in place; returns its length. */
export function encodeLeaf(leaf: usize, target: usize): usize {
  const length = valueLength(leaf);
  const value = target + 1 + pathBytes;
  store<u8>(target, LEAF);
  memory.copy(target + 1, leafPath(leaf), pathBytes);
  memory.copy(value, valueSlot(leaf), length);
  if (!sums) return 1 + pathBytes + length;
  memory.copy(value + length, leafDigest(leaf) + HASH_BYTES, TOTALS_BYTES);
  return 1 + pathBytes + length + TOTALS_BYTES;
}

/** Writes the published encoding of a branch whose place begins at level `start`; returns its length. */
export function encodeBranch(branch: usize, start: u32, target: usize): usize {
  if (start === bitOf(branch)) {
    writeInner(target, digestOf(left(branch)), digestOf(right(branch)));
    return innerBytes();
  }
  store<u8>(target, EXTENSION);
  store<u8>(target, start, 1);
  store<u8>(target, bitOf(branch), 2);
  memory.copy(target + 3, pathBelow(branch), pathBytes);
  const tip = target + 3 + pathBytes;
  digestFrom(branch, bitOf(branch), tip);
  if (!sums) return 3 + pathBytes + digestBytes;
  store<u64>(tip, load<u64>(tip, 32), 48);
  store<u64>(tip, load<u64>(tip, 40), 56);
  return 3 + pathBytes + digestBytes + TOTALS_BYTES;
}
