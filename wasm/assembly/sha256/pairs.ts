/** SHA-256 of four messages of 65 bytes, a prefix and two halves of 32 that stand anywhere: the nodes of a trie. */
import { ROUND } from './constants';
import { beginPairs, compressScheduled } from './four';

/**
 * The schedules of the second block with the round constants, 64 words for each value of the one byte of the message in it: the
 * rest is padding.
 * Looking them up takes half as long as computing them for every message: a twentieth off a hash.
 */
const SECOND: usize = memory.data(65536, 16);
const SECOND_BYTES: usize = 256;

/** `pairs` has the addresses of the halves, u32 each. The digests are then in the four lanes. */
export function hashPairs(prefix: u8, pairs: usize): void {
  beginPairs(prefix, pairs);
  compressLast(last(pairs), last(pairs + 8), last(pairs + 16), last(pairs + 24));
}

/** Takes the second block of four messages of 65 bytes, given where the last byte of each is. */
export function compressLast(p0: usize, p1: usize, p2: usize, p3: usize): void {
  compressScheduled(second(p0), second(p1), second(p2), second(p3));
}

function last(pair: usize): usize {
  return <usize>load<u32>(pair, 4) + 31;
}

function second(lastByte: usize): usize {
  return SECOND + <usize>load<u8>(lastByte) * SECOND_BYTES;
}

/** The last byte, a one bit, zeros, and the length of 520 bits: 16 words, and the 48 that follow from them. */
function fillSecond(): void {
  for (let last: u32 = 0; last < 256; last++) {
    const words = SECOND + <usize>last * SECOND_BYTES;
    store<u32>(words, (last << 24) | 0x800000);
    store<u32>(words, 520, 60);
    for (let i: usize = 64; i < SECOND_BYTES; i += 4) {
      const near = load<u32>(words + i - 8);
      const far = load<u32>(words + i - 60);
      const s1 = rotr<u32>(near, 17) ^ rotr<u32>(near, 19) ^ (near >> 10);
      const s0 = rotr<u32>(far, 7) ^ rotr<u32>(far, 18) ^ (far >> 3);
      store<u32>(words + i, load<u32>(words + i - 64) + s0 + load<u32>(words + i - 28) + s1);
    }
    for (let i: usize = 0; i < SECOND_BYTES; i += 4) store<u32>(words + i, load<u32>(words + i) + load<u32>(ROUND + i));
  }
}

if (ASC_FEATURE_SIMD) fillSecond();
