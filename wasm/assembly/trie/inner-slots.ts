/** Inner nodes to be hashed, up to four at a time. */
import { endFourAt } from '../sha256/four';
import { hashPairs } from '../sha256/pairs';
import { copyTotals, INNER, innerBytes, PLACEHOLDER, writeInner } from './encode';
import { sums } from './layout';
import { hashSlots, padSlots, SLOT_BYTES } from './slots';

const SLOTS: usize = memory.data(512, 16);
/** The digests of the two children of each node, and where its own goes: addresses, u32 each. */
const PAIRS: usize = memory.data(32, 16);
const TARGETS: usize = memory.data(16, 16);

export function prepareInner(): void {
  padSlots(SLOTS, innerBytes());
  for (let at: usize = 0; at < 32; at += 4) store<u32>(PAIRS + at, <u32>PLACEHOLDER);
}

/** Puts down inner node `i` of up to four. */
export function addInner(i: usize, left: usize, right: usize, target: usize): void {
  store<u32>(TARGETS + (i << 2), <u32>target);
  if (ASC_FEATURE_SIMD && !sums) {
    store<u32>(PAIRS + (i << 3), <u32>left);
    store<u32>(PAIRS + (i << 3), <u32>right, 4);
  } else {
    writeInner(SLOTS + i * SLOT_BYTES, left, right);
  }
}

/** Writes the digests of the `count` nodes that were put down. */
export function hashInner(count: usize): void {
  if (ASC_FEATURE_SIMD && !sums) {
    hashInnerPairs(count);
    return;
  }
  hashSlots(SLOTS, innerBytes(), <u32>count, TARGETS);
  for (let i: usize = 0; i < count; i++)
    copyTotals(load<u32>(TARGETS + (i << 2)), SLOTS + i * SLOT_BYTES, innerBytes());
}

function hashInnerPairs(count: usize): void {
  if (count === 1) {
    writeInner(SLOTS, load<u32>(PAIRS), load<u32>(PAIRS, 4));
    hashSlots(SLOTS, innerBytes(), 1, TARGETS);
    return;
  }
  // Lanes without a node hash an older one again.
  hashPairs(INNER, PAIRS);
  endFourAt(TARGETS, count);
}
