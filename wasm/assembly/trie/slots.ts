/** Four messages of one or two blocks, padded once: writers fill in the message only. */
import { BLOCK_BYTES, tailBytes } from '../sha256/constants';
import { begin, compressFour, endFourAt } from '../sha256/four';
import { hashOne } from '../sha256/one';

export const SLOT_BYTES: usize = 128;

/** Pads four slots for messages of `length` bytes, at most 119. */
export function padSlots(slots: usize, length: usize): void {
  memory.fill(slots, 0, SLOT_BYTES * 4);
  const end = tailBytes(length % BLOCK_BYTES) + length - (length % BLOCK_BYTES);
  for (let slot = slots; slot < slots + SLOT_BYTES * 4; slot += SLOT_BYTES) {
    store<u8>(slot + length, 0x80);
    store<u64>(slot + end - 8, bswap<u64>((<u64>length) << 3));
  }
}

/** Hashes the first `count` slots to the addresses at `targets`, u32 each. */
export function hashSlots(slots: usize, length: usize, count: u32, targets: usize): void {
  if (!ASC_FEATURE_SIMD || count === 1) {
    for (let i: usize = 0; i < <usize>count; i++)
      hashOne(slots + i * SLOT_BYTES, length, load<u32>(targets + (i << 2)));
    return;
  }
  begin();
  compressFour(slots, slots + SLOT_BYTES, slots + SLOT_BYTES * 2, slots + SLOT_BYTES * 3);
  if (length + 9 > BLOCK_BYTES) {
    slots += BLOCK_BYTES;
    compressFour(slots, slots + SLOT_BYTES, slots + SLOT_BYTES * 2, slots + SLOT_BYTES * 3);
  }
  endFourAt(targets, count);
}
