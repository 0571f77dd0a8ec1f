/** Paths: bit strings of up to 256 bits, the most significant bit of the first byte first; 0 is left, 1 is right. */
import { bitOf, isLeaf, LEVELS, leafOf, leafPath, left, PATH_ROOM, setSkip, skipOf, startOf } from './layout';

/** As many bits of the path of a branch as the record holds. */
const SKIP_BITS: u32 = 32;

export function bitAt(path: usize, index: u32): u32 {
  return (load<u8>(path + (index >> 3)) >> <u8>(7 - (index & 7))) & 1;
}

/** The index of the first bit in which two paths differ, or 256. */
export function firstDifference(a: usize, b: usize): u32 {
  for (let i: usize = 0; i < PATH_ROOM; i += 8) {
    const difference = load<u64>(a + i) ^ load<u64>(b + i);
    if (difference !== 0) return <u32>(i << 3) + <u32>clz<u64>(bswap<u64>(difference));
  }
  return LEVELS;
}

/** 32 bits of a path from any one on. Behind a path stands its leaf's digest: reading over its end does no harm. */
function window(path: usize, from: u32): u32 {
  const bits = bswap<u64>(load<u64>(path + (from >> 3)));
  return <u32>((bits << (from & 7)) >> 32);
}

/** The path of a leaf below: all of them agree on the bits above the branch. */
export function pathBelow(node: usize): usize {
  while (!isLeaf(node)) node = left(node);
  return leafPath(leafOf(node));
}

/** Takes down the path's bits over the one-child levels, for those who come by later. */
export function noteSkip(branch: usize): void {
  const start = startOf(branch);
  if (start < bitOf(branch)) setSkip(branch, window(pathBelow(branch), start));
}

/** A bit of the path of a branch, at one of its one-child levels. */
export function skipBit(branch: usize, level: u32): u32 {
  const index = level - startOf(branch);
  if (index < SKIP_BITS) return (skipOf(branch) >> (31 - index)) & 1;
  return bitAt(pathBelow(branch), level);
}

/** The first one-child level at which a path that shares all bits above parts from a branch, or 256. */
export function partsAt(branch: usize, path: usize): u32 {
  const start = startOf(branch);
  const span = bitOf(branch) - start;
  if (span === 0) return LEVELS;
  if (span > SKIP_BITS) {
    const difference = firstDifference(path, pathBelow(branch));
    return difference < bitOf(branch) ? difference : LEVELS;
  }
  const difference = (window(path, start) ^ skipOf(branch)) >> (SKIP_BITS - span);
  return difference === 0 ? LEVELS : start + span - (32 - <u32>clz<u32>(difference));
}
