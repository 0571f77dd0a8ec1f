/**
 * How nodes lie in memory. A reference is the address of a record; that of a leaf is odd, so that nobody must touch a
 * record to know its kind. 0 is the empty subtree.
 *
 * A leaf:   0 references u32 · 4 bytes of its value u32 · 8 path (32, zeros behind a shorter one) · 40 digest · then the
 *           value: hashed ones and up to 32 bytes in place, longer ones as the address of a block.
 * A branch: 0 references u32 · 4 left u32 · 8 right u32 · 12 next of its list u32 · 16 start u8 · 17 bit u8 · 18 dirty u8 ·
 *           20 the path's bits from start on, as many as fit, u32 · 32 digest. 64 bytes, a cache line, where the trie does
 *           not sum.
 *
 * A branch parts at bit `bit`; its one-child levels, `start` to `bit - 1`, are numbers here and hashes in its digest only.
 */
export const HASH_BYTES: usize = 32;
/** Sum and count, big-endian u64 each, behind the hash in every digest of a sum trie. */
export const TOTALS_BYTES: usize = 16;
/** Paths are kept in 32 bytes, and depths in one: the deepest level is 255. */
export const PATH_ROOM: usize = 32;
export const LEVELS: u32 = 256;
/** Values up to this many bytes stand in the leaf itself: as many as a hashed one takes. */
export const INLINE_BYTES: usize = 32;
/** In place of a value's length: this staged leaf asks to delete its path. */
export const DELETES: u32 = 0xffffffff;

/** What the host chose for all tries of this instance. */
export let sums: bool = false;
export let hashesValues: bool = true;
export let hashesPaths: bool = true;
export let pathBytes: usize = 32;
/** Levels above this one are fixed: the trie is one shard of 2^base. */
export let base: u32 = 0;
export let shard: u32 = 0;

export let digestBytes: usize = 32;
export let leafBytes: usize = 104;
export let branchBytes: usize = 64;
let leafValue: usize = 72;

export function setLayout(sum: bool, values: bool, paths: bool, bytes: usize, shardBits: u32, shardIndex: u32): void {
  sums = sum;
  hashesValues = values;
  hashesPaths = paths;
  pathBytes = bytes;
  base = shardBits;
  shard = shardIndex;
  digestBytes = sum ? HASH_BYTES + TOTALS_BYTES : HASH_BYTES;
  leafValue = 40 + digestBytes;
  leafBytes = leafValue + INLINE_BYTES;
  branchBytes = 32 + digestBytes;
}

export function isLeaf(node: usize): bool {
  return (node & 1) !== 0;
}

/** The record of a reference to a leaf. */
export function leafOf(node: usize): usize {
  return node - 1;
}

export function referencesOf(node: usize): u32 {
  return load<u32>(node & ~1);
}

/** One more owner of a node. */
export function retain(node: usize): void {
  const record = node & ~1;
  store<u32>(record, load<u32>(record) + 1);
}

/** One owner less where others remain. */
export function forget(node: usize): void {
  const record = node & ~1;
  store<u32>(record, load<u32>(record) - 1);
}

export function digestOf(node: usize): usize {
  return isLeaf(node) ? node + 39 : node + 32;
}

export function leafPath(leaf: usize): usize {
  return leaf + 8;
}

export function leafDigest(leaf: usize): usize {
  return leaf + 40;
}

export function valueLength(leaf: usize): u32 {
  return load<u32>(leaf, 4);
}

export function setValueLength(leaf: usize, length: u32): void {
  store<u32>(leaf, length, 4);
}

/** Where the value stands in the leaf, or the address of its block. */
export function valueSlot(leaf: usize): usize {
  return leaf + leafValue;
}

export function valueAt(leaf: usize): usize {
  return valueLength(leaf) > <u32>INLINE_BYTES ? <usize>load<u32>(valueSlot(leaf)) : valueSlot(leaf);
}

export function left(branch: usize): usize {
  return load<u32>(branch, 4);
}

export function right(branch: usize): usize {
  return load<u32>(branch, 8);
}

export function setChildren(branch: usize, leftNode: usize, rightNode: usize): void {
  store<u32>(branch, <u32>leftNode, 4);
  store<u32>(branch, <u32>rightNode, 8);
}

export function next(branch: usize): usize {
  return load<u32>(branch, 12);
}

export function setNext(branch: usize, other: usize): void {
  store<u32>(branch, <u32>other, 12);
}

export function startOf(branch: usize): u32 {
  return load<u8>(branch, 16);
}

export function bitOf(branch: usize): u32 {
  return load<u8>(branch, 17);
}

export function setLevels(branch: usize, start: u32, bit: u32): void {
  store<u8>(branch, start, 16);
  store<u8>(branch, bit, 17);
}

export function isDirty(branch: usize): bool {
  return load<u8>(branch, 18) !== 0;
}

export function setDirty(branch: usize, dirty: bool): void {
  store<u8>(branch, dirty ? 1 : 0, 18);
}

export function skipOf(branch: usize): u32 {
  return load<u32>(branch, 20);
}

export function setSkip(branch: usize, bits: u32): void {
  store<u32>(branch, bits, 20);
}
