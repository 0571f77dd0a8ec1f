/**
 * Digests of changed branches, from the deepest level up, four at a time. A branch with one-child levels above it takes
 * part in several levels: its running digest climbs until it reaches `start`.
 */

import { PLACEHOLDER } from './encode';
import { addInner, hashInner } from './inner-slots';
import { bitOf, digestOf, isDirty, LEVELS, left, next, right, setDirty, setNext, startOf } from './layout';
import { skipBit } from './path';

/** For each level, the branches to be hashed there, linked through their records. */
const LISTS: usize = memory.data(1024, 16);
/** The branches of the four slots, u32 each. */
const BRANCHES: usize = memory.data(16, 16);

/** Puts a branch down for hashing, if it is not yet. */
export function mustSeal(branch: usize): void {
  if (isDirty(branch)) return;
  setDirty(branch, true);
  push(branch, bitOf(branch));
}

function push(branch: usize, level: u32): void {
  const list = LISTS + ((<usize>level) << 2);
  setNext(branch, load<u32>(list));
  store<u32>(list, <u32>branch);
}

export function seal(): void {
  for (let level = LEVELS; level > 0; level--) sealLevel(level - 1);
}

function sealLevel(level: u32): void {
  const list = LISTS + ((<usize>level) << 2);
  let branch = <usize>load<u32>(list);
  store<u32>(list, 0);
  while (branch !== 0) {
    let count: usize = 0;
    for (; count < 4 && branch !== 0; count++) {
      store<u32>(BRANCHES + (count << 2), <u32>branch);
      addLevel(count, branch, level);
      branch = next(branch);
    }
    hashInner(count);
    for (let i: usize = 0; i < count; i++) finish(load<u32>(BRANCHES + (i << 2)), level);
  }
}

/** The node that a branch has at this level: its two children, or itself beside an empty place. */
function addLevel(slot: usize, branch: usize, level: u32): void {
  const digest = digestOf(branch);
  if (bitOf(branch) === level) addInner(slot, digestOf(left(branch)), digestOf(right(branch)), digest);
  else if (skipBit(branch, level) === 0) addInner(slot, digest, PLACEHOLDER, digest);
  else addInner(slot, PLACEHOLDER, digest, digest);
}

function finish(branch: usize, level: u32): void {
  if (startOf(branch) < level) push(branch, level - 1);
  else setDirty(branch, false);
}
