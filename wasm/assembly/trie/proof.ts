/** Walks down a trie that leave a proof for the host to take: siblings from the top, and what the walk ended at. */
import { copyDigest, digestFrom, encodeBranch, encodeLeaf, fold, PLACEHOLDER } from './encode';
import { addInner, hashInner } from './inner-slots';
import {
  bitOf,
  digestBytes,
  digestOf,
  INLINE_BYTES,
  isLeaf,
  LEVELS,
  leafOf,
  leafPath,
  left,
  right,
  startOf,
  valueLength,
} from './layout';
import { bitAt, firstDifference, partsAt, skipBit } from './path';

/** The path asked for: 32 bytes, zeros behind a shorter one. Four of them: as many proofs are verified at a time. */
export const QUERY: usize = memory.data(128, 16);
/** Digests of siblings: of a proof that is made from the top down, of those that are verified from the bottom up. */
export const SIDES: usize = memory.data(49152, 16);
export const SIDES_BYTES: usize = 12288;
/** How many siblings each of four proofs has, u32 each. */
export const SIDE_COUNTS: usize = memory.data(16, 16);
/** Levels at which the walk to the closest leaf found its own side empty, a byte each. */
export const FLIPS: usize = memory.data(256, 16);
/** The digests that `foldSides` and its like work on. */
export const FOLDED: usize = memory.data(256, 16);
export const FOLDED_BYTES: usize = 64;

/**
 * What a walk came to, u32 each: how many siblings and how many flips; the leaf that it ended at, or 0 of an empty place;
 * the lowest sibling, 0, a leaf (its reference is odd) or a branch, and the bytes of its encoding, which stands behind the
 * last of SIDES; 0 of a leaf with a long value.
 */
export const WALKED: usize = memory.data(20, 16);

let sideCount: u32 = 0;
let flipCount: u32 = 0;
let foundLeaf: usize = 0;
let sibling: usize = 0;
let siblingBytes: usize = 0;
let siblingStart: u32 = 0;

/** The leaf at QUERY, or 0. */
export function find(root: usize): usize {
  let node = root;
  while (node !== 0 && !isLeaf(node)) node = bitAt(QUERY, bitOf(node)) === 0 ? left(node) : right(node);
  if (node === 0 || firstDifference(leafPath(leafOf(node)), QUERY) < LEVELS) return 0;
  return leafOf(node);
}

/** The way to QUERY; true if it ends at the very leaf. */
export function prove(root: usize): bool {
  begin();
  let node = root;
  while (node !== 0 && !isLeaf(node)) {
    const parts = partsAt(node, QUERY);
    if (parts < LEVELS) {
      leave(node, parts);
      return false;
    }
    node = descend(node);
  }
  end(node);
  return foundLeaf !== 0 && firstDifference(leafPath(foundLeaf), QUERY) === LEVELS;
}

/** The way to the leaf closest to QUERY: to the other side wherever its own is empty. */
export function proveClosest(root: usize): void {
  begin();
  let node = root;
  while (node !== 0 && !isLeaf(node)) {
    const bit = bitOf(node);
    for (let level = startOf(node); level < bit; level++) {
      if (bitAt(QUERY, level) !== skipBit(node, level)) store<u8>(FLIPS + flipCount++, level);
    }
    node = descend(node);
  }
  end(node);
}

function begin(): void {
  sideCount = 0;
  flipCount = 0;
  foundLeaf = 0;
  sibling = 0;
  siblingBytes = 0;
}

function end(node: usize): void {
  foundLeaf = node === 0 ? 0 : leafOf(node);
  if (sibling !== 0) siblingBytes = encodeSibling();
  report();
}

function encodeSibling(): usize {
  const target = SIDES + <usize>sideCount * digestBytes;
  if (!isLeaf(sibling)) return encodeBranch(sibling, siblingStart, target);
  const leaf = leafOf(sibling);
  return valueLength(leaf) > <u32>INLINE_BYTES ? 0 : encodeLeaf(leaf, target);
}

function report(): void {
  store<u32>(WALKED, sideCount);
  store<u32>(WALKED, flipCount, 4);
  store<u32>(WALKED, <u32>foundLeaf, 8);
  store<u32>(WALKED, <u32>sibling, 12);
  store<u32>(WALKED, <u32>siblingBytes, 16);
}

function addSide(digest: usize): void {
  copyDigest(SIDES + <usize>sideCount * digestBytes, digest);
  sideCount++;
}

/** Through the one-child levels of a branch and to the child on the path's side. */
function descend(branch: usize): usize {
  const bit = bitOf(branch);
  for (let level = startOf(branch); level < bit; level++) addSide(PLACEHOLDER);
  const goesRight = bitAt(QUERY, bit) === 1;
  sibling = goesRight ? left(branch) : right(branch);
  siblingStart = bit + 1;
  addSide(digestOf(sibling));
  return goesRight ? right(branch) : left(branch);
}

/** Off the one-child levels of a branch: the place is empty, and the rest of the branch is its sibling. */
function leave(branch: usize, parts: u32): void {
  for (let level = startOf(branch); level < parts; level++) addSide(PLACEHOLDER);
  digestFrom(branch, parts + 1, SIDES + <usize>sideCount * digestBytes);
  sideCount++;
  sibling = branch;
  siblingStart = parts + 1;
  siblingBytes = encodeSibling();
  report();
}

/** The roots that SIDES, from the bottom up, give with FOLDED at the end of QUERY, of up to four proofs; to FOLDED. */
export function foldSides(proofs: u32): void {
  for (let i: u32 = 0; ; i++) {
    let slots: usize = 0;
    for (let proof: usize = 0; proof < <usize>proofs; proof++) {
      const count = load<u32>(SIDE_COUNTS + (proof << 2));
      if (i >= count) continue;
      const digest = FOLDED + proof * FOLDED_BYTES;
      const side = SIDES + proof * SIDES_BYTES + <usize>i * digestBytes;
      if (bitAt(QUERY + (proof << 5), count - 1 - i) === 0) addInner(slots++, digest, side, digest);
      else addInner(slots++, side, digest, digest);
    }
    if (slots === 0) return;
    hashInner(slots);
  }
}

/** The digest at level `from` of a subtree that is FOLDED at level `to`, alone along QUERY; to FOLDED. */
export function climb(from: u32, to: u32): void {
  for (let level = to; level > from; level--) fold(FOLDED, bitAt(QUERY, level - 1), PLACEHOLDER);
}
