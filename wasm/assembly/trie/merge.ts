/**
 * Merges sorted changes into a trie. The result is canonical: no one-child level is ever a node of its own, so roots and
 * proofs do not depend on history.
 *
 * Every function takes over one reference to the node it is given and gives one back to the node it returns. A node that
 * has no other owner is changed in place; a node that other tries see as well is copied, and its children get one owner
 * more. What is returned may still have its one-child levels begin where they began before: whoever attaches it puts that
 * right (`place`), so that a node which nothing changed is neither copied nor hashed again.
 */
import { freeBranch, freeLeaf, newBranch, release } from './arena';
import { changeCount, changeDifference, changedLeaf, differenceFrom, firstWithBit } from './changes';
import {
  base,
  bitOf,
  DELETES,
  forget,
  isDirty,
  isLeaf,
  LEVELS,
  leafOf,
  leafPath,
  left,
  referencesOf,
  retain,
  right,
  setChildren,
  setDirty,
  setLevels,
  setSkip,
  skipOf,
  startOf,
  sums,
  valueAt,
  valueLength,
} from './layout';
import { bitAt, noteSkip, partsAt, skipBit } from './path';
import { mustSeal } from './seal';
import { TOGETHER, warm } from './warm';

/** Leaves gained by the update, minus leaves lost. */
export let growth: i32 = 0;

/** The trie after `count` changes. */
export function mergeChanges(root: usize, count: u32): usize {
  growth = 0;
  if (root !== 0 && !isLeaf(root) && count > 1 && count <= TOGETHER) warm(root, 0, count);
  const merged = merge(root, 0, count);
  return merged === 0 ? 0 : place(merged, base);
}

function merge(node: usize, from: u32, to: u32): usize {
  if (from === to) return node;
  if (node === 0) return build(from, to);
  if (isLeaf(node)) return mergeLeaf(node, from, to);
  // In sorted order the paths that leave the node earliest are at the ends.
  const parts = min<u32>(partsAt(node, leafPath(changedLeaf(from))), partsAt(node, leafPath(changedLeaf(to - 1))));
  if (parts < LEVELS) return split(node, parts, skipBit(node, parts), from, to);
  const middle = firstWithBit(bitOf(node), from, to);
  return referencesOf(node) === 1 ? changeInPlace(node, from, middle, to) : changeCopy(node, from, middle, to);
}

/**
 * Branches that the merge can make at most: one for each leaf that it sets, and a copy of each that others see too, on the
 * way of a change or beside it, where a delete may lift it. `shared`: the root is one of them.
 */
export function countNew(root: usize, shared: bool): u64 {
  const count = changeCount();
  let branches: u64 = root === 0 ? 0 : countCopies(root, shared, 0, count);
  for (let i: u32 = 0; i < count; i++) if (valueLength(changedLeaf(i)) !== DELETES) branches++;
  return branches;
}

/** What a shared branch leads to is seen by others as well. */
function countCopies(node: usize, shared: bool, from: u32, to: u32): u64 {
  if (isLeaf(node)) return 0;
  const isShared = shared || referencesOf(node) > 1;
  const own: u64 = isShared ? 1 : 0;
  if (from === to) return own;
  const middle = firstWithBit(bitOf(node), from, to);
  return own + countCopies(left(node), isShared, from, middle) + countCopies(right(node), isShared, middle, to);
}

/** Merges into a child of a branch into which `count` changes go. */
function mergeChild(child: usize, from: u32, to: u32, count: u32): usize {
  if (count > TOGETHER && to - from <= TOGETHER && to - from > 1 && !isLeaf(child)) warm(child, from, to);
  return merge(child, from, to);
}

/** A subtree of nothing but changes. */
function build(from: u32, to: u32): usize {
  if (to - from === 1) return put(from);
  const bit = changeDifference(from, to - 1);
  const middle = firstWithBit(bit, from, to);
  return join(build(from, middle), build(middle, to), bit);
}

function put(i: u32): usize {
  const leaf = changedLeaf(i);
  if (valueLength(leaf) === DELETES) {
    freeLeaf(leaf);
    return 0;
  }
  growth++;
  return leaf + 1;
}

function mergeLeaf(node: usize, from: u32, to: u32): usize {
  const path = leafPath(leafOf(node));
  const parts = min<u32>(differenceFrom(from, path), differenceFrom(to - 1, path));
  if (parts < LEVELS) return split(node, parts, bitAt(path, parts), from, to);
  const leaf = changedLeaf(from);
  if (valueLength(leaf) === DELETES) {
    growth--;
    freeLeaf(leaf);
    release(node);
    return 0;
  }
  if (holdSame(leaf, leafOf(node))) {
    freeLeaf(leaf);
    return node;
  }
  release(node);
  return leaf + 1;
}

function holdSame(a: usize, b: usize): bool {
  const length = valueLength(a);
  if (length !== valueLength(b)) return false;
  if (memory.compare(valueAt(a), valueAt(b), length) !== 0) return false;
  // The totals of a leaf stand in its digest, behind the hash.
  return !sums || memory.compare(a + 40 + 32, b + 40 + 32, 16) === 0;
}

/** Parts the changes at `bit`; the node, whole, goes to its own side. */
function split(node: usize, bit: u32, side: u32, from: u32, to: u32): usize {
  const middle = firstWithBit(bit, from, to);
  const leftNode = merge(side === 0 ? node : 0, from, middle);
  const rightNode = merge(side === 1 ? node : 0, middle, to);
  return join(leftNode, rightNode, bit);
}

/** Two subtrees under a new branch; one alone stays what it is. */
function join(leftNode: usize, rightNode: usize, bit: u32): usize {
  if (leftNode === 0) return rightNode;
  if (rightNode === 0) return leftNode;
  const branch = newBranch();
  setLevels(branch, bit, bit);
  setChildren(branch, place(leftNode, bit + 1), place(rightNode, bit + 1));
  setDirty(branch, false);
  mustSeal(branch);
  return branch;
}

function changeInPlace(branch: usize, from: u32, middle: u32, to: u32): usize {
  const oldLeft = left(branch);
  const oldRight = right(branch);
  const newLeft = mergeChild(oldLeft, from, middle, to - from);
  const newRight = mergeChild(oldRight, middle, to, to - from);
  if (newLeft === 0 || newRight === 0) {
    freeBranch(branch);
    return newLeft === 0 ? newRight : newLeft;
  }
  const bit = bitOf(branch);
  setChildren(branch, place(newLeft, bit + 1), place(newRight, bit + 1));
  if (isChanged(oldLeft, left(branch)) || isChanged(oldRight, right(branch))) mustSeal(branch);
  return branch;
}

/** A child that stayed where it was may have been changed there. */
function isChanged(old: usize, node: usize): bool {
  return node !== old || (!isLeaf(node) && isDirty(node));
}

/** A branch that other tries see. Its children are merged with an owner more, which keeps them as they are. */
function changeCopy(branch: usize, from: u32, middle: u32, to: u32): usize {
  const oldLeft = left(branch);
  const oldRight = right(branch);
  retain(oldLeft);
  retain(oldRight);
  const newLeft = mergeChild(oldLeft, from, middle, to - from);
  const newRight = mergeChild(oldRight, middle, to, to - from);
  if (newLeft === oldLeft && newRight === oldRight) {
    forget(oldLeft);
    forget(oldRight);
    return branch;
  }
  forget(branch);
  if (newLeft === 0) return newRight;
  if (newRight === 0) return newLeft;
  return copyOf(branch, newLeft, newRight);
}

function copyOf(branch: usize, leftNode: usize, rightNode: usize): usize {
  const copy = newBranch();
  const bit = bitOf(branch);
  setLevels(copy, startOf(branch), bit);
  setSkip(copy, skipOf(branch));
  setChildren(copy, place(leftNode, bit + 1), place(rightNode, bit + 1));
  setDirty(copy, false);
  mustSeal(copy);
  return copy;
}

/** The same subtree with its one-child levels beginning at `start`. A leaf is the same at any depth. */
function place(node: usize, start: u32): usize {
  if (isLeaf(node) || startOf(node) === start) return node;
  let branch = node;
  if (referencesOf(node) !== 1) {
    retain(left(node));
    retain(right(node));
    forget(node);
    branch = copyOf(node, left(node), right(node));
  }
  setLevels(branch, start, bitOf(branch));
  noteSkip(branch);
  mustSeal(branch);
  return branch;
}
