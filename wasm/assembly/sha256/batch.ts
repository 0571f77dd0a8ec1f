/** SHA-256 of many messages, four at a time where the build has vectors, one by one where it has not. */
import { BLOCK_BYTES, copyShort, DIGEST_BYTES, tailBytes, writeTail } from './constants';
import { begin, beginLane, compressFour, compressPadding64, endLane } from './four';
import { hashOne } from './one';

/** The ends of four messages with their padding: one or two blocks each. */
const TAILS: usize = memory.data(512, 16);
const TAIL_BYTES: usize = 128;

/** Hashes `count` messages of `length` bytes each, `stride` bytes apart, into consecutive digests. */
export function hashEqual(source: usize, count: u32, length: usize, stride: usize, target: usize): void {
  let left = count;
  if (ASC_FEATURE_SIMD && left > 1) {
    // The padding is the same for all of them.
    const rest = length % BLOCK_BYTES;
    for (let lane: usize = 0; lane < 4; lane++) writeTail(TAILS + lane * TAIL_BYTES, source, rest, length);
    // Four lanes take as long for two messages as for four, and less than two by one lane.
    for (; left > 1; left -= min<u32>(left, 4)) {
      hashUpToFour(source, min<u32>(left, 4), length, stride, target);
      source += stride * 4;
      target += DIGEST_BYTES * 4;
    }
  }
  for (; left > 0; left--) {
    hashOne(source, length, target);
    source += stride;
    target += DIGEST_BYTES;
  }
}

/** Lanes without a message repeat the last one. The tails are padded already. */
function hashUpToFour(source: usize, count: u32, length: usize, stride: usize, target: usize): void {
  let p0 = source;
  let p1 = source + stride;
  let p2 = source + stride * min<u32>(2, count - 1);
  let p3 = source + stride * (count - 1);
  begin();
  let rest = length;
  for (; rest >= BLOCK_BYTES; rest -= BLOCK_BYTES) {
    compressFour(p0, p1, p2, p3);
    p0 += BLOCK_BYTES;
    p1 += BLOCK_BYTES;
    p2 += BLOCK_BYTES;
    p3 += BLOCK_BYTES;
  }
  if (length === BLOCK_BYTES) {
    compressPadding64();
  } else {
    copyShort(TAILS, p0, rest);
    copyShort(TAILS + TAIL_BYTES, p1, rest);
    copyShort(TAILS + TAIL_BYTES * 2, p2, rest);
    copyShort(TAILS + TAIL_BYTES * 3, p3, rest);
    compressTails(0);
    if (tailBytes(rest) > BLOCK_BYTES) compressTails(BLOCK_BYTES);
  }
  for (let lane: u32 = 0; lane < count; lane++) endLane(lane, target + <usize>lane * DIGEST_BYTES);
}

function compressTails(offset: usize): void {
  const tails = TAILS + offset;
  compressFour(tails, tails + TAIL_BYTES, tails + TAIL_BYTES * 2, tails + TAIL_BYTES * 3);
}

/** Of each lane: where its message goes on, bytes of it left, and its number. */
const LANE_AT: usize = memory.data(16, 16);
const LANE_LEFT: usize = memory.data(16, 16);
const LANE_MESSAGE: usize = memory.data(16, 16);
/** Bytes left of a message that goes on in its tail: one block of it, or both. */
const IDLE: u32 = 0xffffffff;
const IN_TAIL_1: u32 = 0xfffffffe;
const IN_TAIL_2: u32 = 0xfffffffd;

/**
 * Hashes `count` messages that follow each other, message i from offsets[i] to offsets[i + 1] (u32, relative to
 * `source`), into consecutive digests. Lengths may differ: a lane that is done takes the next message, so no lane waits.
 */
export function hashMixed(source: usize, offsets: usize, count: u32, target: usize): void {
  if (!ASC_FEATURE_SIMD || count === 1) {
    for (let i: u32 = 0; i < count; i++) {
      const from = load<u32>(offsets + (i << 2));
      hashOne(source + from, load<u32>(offsets + (i << 2), 4) - from, target + <usize>i * DIGEST_BYTES);
    }
    return;
  }
  let next: u32 = 0;
  let busy: u32 = 0;
  for (let lane: usize = 0; lane < 4; lane++) {
    if (next < count) {
      take(lane, next++, source, offsets);
      busy++;
    } else {
      store<u32>(LANE_LEFT + (lane << 2), IDLE);
      store<u32>(LANE_AT + (lane << 2), <u32>TAILS);
    }
  }
  while (busy > 0) {
    compressFour(load<u32>(LANE_AT), load<u32>(LANE_AT, 4), load<u32>(LANE_AT, 8), load<u32>(LANE_AT, 12));
    for (let lane: usize = 0; lane < 4; lane++) {
      if (goesOn(lane, offsets)) continue;
      endLane(lane, target + <usize>load<u32>(LANE_MESSAGE + (lane << 2)) * DIGEST_BYTES);
      if (next < count) {
        take(lane, next++, source, offsets);
      } else {
        store<u32>(LANE_LEFT + (lane << 2), IDLE);
        busy--;
      }
    }
  }
}

/** Begins with a message in a lane. */
function take(lane: usize, message: u32, source: usize, offsets: usize): void {
  const from = load<u32>(offsets + (message << 2));
  const length = load<u32>(offsets + (message << 2), 4) - from;
  beginLane(lane);
  store<u32>(LANE_MESSAGE + (lane << 2), message);
  place(lane, source + from, length, length);
}

/** Where the next block of a lane is: in the message while there is a whole one, then in its padded tail. */
function place(lane: usize, at: usize, left: usize, length: usize): void {
  if (left >= BLOCK_BYTES) {
    store<u32>(LANE_AT + (lane << 2), <u32>at);
    store<u32>(LANE_LEFT + (lane << 2), <u32>left);
    return;
  }
  const tail = TAILS + lane * TAIL_BYTES;
  writeTail(tail, at, left, length);
  store<u32>(LANE_AT + (lane << 2), <u32>tail);
  store<u32>(LANE_LEFT + (lane << 2), tailBytes(left) === BLOCK_BYTES ? IN_TAIL_1 : IN_TAIL_2);
}

/** Moves a lane on by the block that was taken; false where that was its message's last. */
function goesOn(lane: usize, offsets: usize): bool {
  const left = load<u32>(LANE_LEFT + (lane << 2));
  if (left === IN_TAIL_1) return false;
  if (left === IDLE) return true;
  const at = load<u32>(LANE_AT + (lane << 2)) + <u32>BLOCK_BYTES;
  if (left === IN_TAIL_2) {
    store<u32>(LANE_AT + (lane << 2), at);
    store<u32>(LANE_LEFT + (lane << 2), IN_TAIL_1);
    return true;
  }
  const message = load<u32>(LANE_MESSAGE + (lane << 2)) << 2;
  const length = load<u32>(offsets + message, 4) - load<u32>(offsets + message);
  place(lane, at, left - <u32>BLOCK_BYTES, length);
  return true;
}
