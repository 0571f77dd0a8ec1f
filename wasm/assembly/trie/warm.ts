/**
 * Brings what an update will touch into the caches. A descent waits at each level for memory, one change after the
 * other; here many changes go down level by level together, and the machine waits for all of them at once.
 */
import { changeBit } from './changes';
import { bitOf, digestBytes, digestOf, isLeaf, left, right } from './layout';

/** Changes that go down together: the nodes that they touch, some 20 each, stay in a cache of the second level. */
export const TOGETHER: u32 = 256;
const CURSORS: usize = memory.data(1024, 16);

/** Keeps the loads below from being dropped as useless. */
let _seen: u32 = 0;

/** For the changes `from` to `to - 1`, at most TOGETHER, below a branch. */
export function warm(branch: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) store<u32>(CURSORS + ((<usize>(i - from)) << 2), <u32>branch);
  let goesOn = true;
  while (goesOn) {
    goesOn = false;
    for (let i = from; i < to; i++) {
      const cursor = CURSORS + ((<usize>(i - from)) << 2);
      const node = <usize>load<u32>(cursor);
      if (isLeaf(node)) continue;
      const goesRight = changeBit(i, bitOf(node)) !== 0;
      store<u32>(cursor, <u32>(goesRight ? right(node) : left(node)));
      touch(goesRight ? left(node) : right(node));
      goesOn = true;
    }
  }
}

/** The references and the digest of a sibling: where it is copied it gets an owner more, and its digest is hashed. */
function touch(node: usize): void {
  _seen ^= load<u32>(node & ~1) ^ load<u32>(digestOf(node) + digestBytes - 4);
}
