/** Relay difficulty (relay mining): which of a batch of serialized relays are hashed below a target. */
import { DIGEST_BYTES } from './sha256/constants';

/** Sets bit i % 8 of byte i / 8 of `bitmap` where digest i is less than `target`, both 256-bit and big-endian. */
export function markBelow(digests: usize, count: u32, target: usize, bitmap: usize): void {
  memory.fill(bitmap, 0, (count + 7) >> 3);
  for (let i: u32 = 0; i < count; i++) {
    if (!isBelow(digests + <usize>i * DIGEST_BYTES, target)) continue;
    const at = bitmap + (i >> 3);
    store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(i & 7))));
  }
}

function isBelow(a: usize, b: usize): bool {
  for (let word: usize = 0; word < DIGEST_BYTES; word += 8) {
    const x = bswap<u64>(load<u64>(a + word));
    const y = bswap<u64>(load<u64>(b + word));
    if (x !== y) return x < y;
  }
  return false;
}
