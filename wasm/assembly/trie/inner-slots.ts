/** Inner nodes to be hashed, up to four at a time. */
import { copyTotals, innerBytes } from './encode';
import { hashSlots, padSlots, SLOT_BYTES } from './slots';

const SLOTS: usize = memory.data(512, 16);
/** Where the digest of each slot goes, u32 each. */
const TARGETS: usize = memory.data(16, 16);

export function prepareInnerSlots(): void {
  padSlots(SLOTS, innerBytes());
}

/** Where the encoding of inner node `i` is to be written, whose digest goes to `target`. */
export function innerSlot(i: usize, target: usize): usize {
  store<u32>(TARGETS + (i << 2), <u32>target);
  return SLOTS + i * SLOT_BYTES;
}

export function hashInnerSlots(count: usize): void {
  hashSlots(SLOTS, innerBytes(), <u32>count, TARGETS);
  for (let i: usize = 0; i < count; i++)
    copyTotals(load<u32>(TARGETS + (i << 2)), SLOTS + i * SLOT_BYTES, innerBytes());
}
