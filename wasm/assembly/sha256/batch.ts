/** SHA-256 of many messages, four at a time where the build has vectors, one by one where it has not. */
import { copyShort } from '../copy';
import { BLOCK_BYTES, DIGEST_BYTES, tailBytes, writeTail } from './constants';
import { begin, beginLane, compressFour, compressPadding64, endFour, endLane } from './four';
import { hashOne } from './one';
import { compressLast } from './pairs';

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
  } else if (length === BLOCK_BYTES + 1) {
    compressLast(p0, p1, p2, p3);
  } else {
    copyShort(TAILS, p0, rest);
    copyShort(TAILS + TAIL_BYTES, p1, rest);
    copyShort(TAILS + TAIL_BYTES * 2, p2, rest);
    copyShort(TAILS + TAIL_BYTES * 3, p3, rest);
    compressTails(0);
    if (tailBytes(rest) > BLOCK_BYTES) compressTails(BLOCK_BYTES);
  }
  if (count === 4) endFour(target);
  else for (let lane: u32 = 0; lane < count; lane++) endLane(lane, target + <usize>lane * DIGEST_BYTES);
}

function compressTails(offset: usize): void {
  const tails = TAILS + offset;
  compressFour(tails, tails + TAIL_BYTES, tails + TAIL_BYTES * 2, tails + TAIL_BYTES * 3);
}

/** Of each lane: where it goes on, whole blocks until something happens there, and the number of its message. */
const LANE_AT: usize = memory.data(16, 16);
const LANE_BLOCKS: usize = memory.data(16, 16);
const LANE_MESSAGE: usize = memory.data(16, 16);
/** Of each lane: 1 while it is in the tail of its message. */
const LANE_IN_TAIL: usize = memory.data(16, 16);
/** Nothing happens in a lane without a message. */
const NEVER: u32 = 0xffffffff;

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
  for (let lane: usize = 0; lane < 16; lane += 4) {
    if (next < count) begins(lane, next++, source, offsets);
    else rests(lane);
  }
  for (let left = count; left > 0; ) {
    compressUntilNext();
    for (let lane: usize = 0; lane < 16; lane += 4) {
      if (load<u32>(LANE_BLOCKS + lane) !== 0) continue;
      if (load<u32>(LANE_IN_TAIL + lane) === 0) {
        entersTail(lane, offsets);
        continue;
      }
      endLane(lane >> 2, target + <usize>load<u32>(LANE_MESSAGE + lane) * DIGEST_BYTES);
      left--;
      if (next < count) begins(lane, next++, source, offsets);
      else rests(lane);
    }
  }
}

/** As many blocks as there are until a lane comes to the end of its stretch. */
function compressUntilNext(): void {
  let nearest: usize = 0;
  for (let lane: usize = 4; lane < 16; lane += 4) {
    if (load<u32>(LANE_BLOCKS + lane) < load<u32>(LANE_BLOCKS + nearest)) nearest = lane;
  }
  const blocks = load<u32>(LANE_BLOCKS + nearest);
  let p0 = positionOf(0, nearest);
  let p1 = positionOf(4, nearest);
  let p2 = positionOf(8, nearest);
  let p3 = positionOf(12, nearest);
  for (let i: u32 = 0; i < blocks; i++) {
    compressFour(p0, p1, p2, p3);
    p0 += BLOCK_BYTES;
    p1 += BLOCK_BYTES;
    p2 += BLOCK_BYTES;
    p3 += BLOCK_BYTES;
  }
  const bytes = blocks * <u32>BLOCK_BYTES;
  for (let lane: usize = 0; lane < 16; lane += 4) {
    if (load<u32>(LANE_BLOCKS + lane) === NEVER) continue;
    store<u32>(LANE_AT + lane, load<u32>(LANE_AT + lane) + bytes);
    store<u32>(LANE_BLOCKS + lane, load<u32>(LANE_BLOCKS + lane) - blocks);
  }
}

function begins(lane: usize, message: u32, source: usize, offsets: usize): void {
  const from = load<u32>(offsets + (message << 2));
  const length = load<u32>(offsets + (message << 2), 4) - from;
  beginLane(lane >> 2);
  store<u32>(LANE_MESSAGE + lane, message);
  store<u32>(LANE_AT + lane, <u32>source + from);
  store<u32>(LANE_BLOCKS + lane, length / <u32>BLOCK_BYTES);
  store<u32>(LANE_IN_TAIL + lane, 0);
  if (length < <u32>BLOCK_BYTES) entersTail(lane, offsets);
}

function entersTail(lane: usize, offsets: usize): void {
  const message = load<u32>(LANE_MESSAGE + lane) << 2;
  const length = load<u32>(offsets + message, 4) - load<u32>(offsets + message);
  const rest = length % <u32>BLOCK_BYTES;
  const tail = TAILS + (lane >> 2) * TAIL_BYTES;
  writeTail(tail, load<u32>(LANE_AT + lane), rest, length);
  store<u32>(LANE_AT + lane, <u32>tail);
  store<u32>(LANE_BLOCKS + lane, <u32>(tailBytes(rest) / BLOCK_BYTES));
  store<u32>(LANE_IN_TAIL + lane, 1);
}

function rests(lane: usize): void {
  store<u32>(LANE_BLOCKS + lane, NEVER);
}

/** A lane that rests repeats what another one does, and nobody reads the result. */
function positionOf(lane: usize, busy: usize): usize {
  return load<u32>(LANE_AT + (load<u32>(LANE_BLOCKS + lane) === NEVER ? busy : lane));
}
