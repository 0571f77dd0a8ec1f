/** SHA-256 of four messages of 65 bytes, a prefix and two halves of 32 that stand anywhere: the nodes of a trie. */
import { beginPairs, compressScheduled } from './four';
import { completeSchedule } from './one';

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
    completeSchedule(words);
  }
}

if (ASC_FEATURE_SIMD) fillSecond();
