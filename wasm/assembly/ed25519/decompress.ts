/**
 * From 32 bytes to a point, with the leniency of ZIP-215: y may be p or more, the sign bit may be set where x is 0, and
 * points of small order are points. Up to four encodings go together, in the lanes of two pairs: one is half done
 * when the processor begins with the other.
 */
import {
  add,
  copyLane,
  D,
  laneIsZero,
  laneParity,
  multiply,
  ONE,
  PAIR_BYTES,
  ROOT_OF_MINUS_1,
  setLane,
  square,
  subtract,
  TWICE_D,
  TWO,
  ZERO,
} from './field';

/** Encodings that are decompressed together at most. */
export const GROUP_MAX: u32 = 4;

/** Two pairs each. */
const Y: usize = memory.data(160, 16);
const U: usize = memory.data(160, 16);
const V: usize = memory.data(160, 16);
const V3: usize = memory.data(160, 16);
const X: usize = memory.data(160, 16);
const S: usize = memory.data(160, 16);
const T: usize = memory.data(160, 16);
const W: usize = memory.data(160, 16);

/** Pairs at work: one or two. */
let pairs: u32 = 1;

function multiplyAll(target: usize, a: usize, b: usize): void {
  multiply(target, a, b);
  if (pairs > 1) multiply(target + PAIR_BYTES, a + PAIR_BYTES, b + PAIR_BYTES);
}

/** With a factor that is the same in all lanes. */
function scaleAll(target: usize, a: usize, factor: usize): void {
  multiply(target, a, factor);
  if (pairs > 1) multiply(target + PAIR_BYTES, a + PAIR_BYTES, factor);
}

/** One squaring of each pair by turns: their results do not wait for each other. */
function squareAll(target: usize, a: usize, times: u32): void {
  if (pairs === 1) {
    square(target, a, times);
    return;
  }
  square(target, a, 1);
  square(target + PAIR_BYTES, a + PAIR_BYTES, 1);
  for (; times > 1; times--) {
    square(target, target, 1);
    square(target + PAIR_BYTES, target + PAIR_BYTES, 1);
  }
}

/**
 * Decompresses `count` encodings (1 to 4) at the addresses listed (u32 each) into cached points at the addresses
 * listed, negated: verification subtracts all of them. Bit i of the result tells that encoding i is a point; where it is
 * not, what is written means nothing.
 */
export function decompressNegated(encodings: usize, targets: usize, count: u32): u32 {
  pairs = (count + 1) >> 1;
  for (let i: u32 = 0; i < 2 * pairs; i++) {
    setLane(Y + <usize>(i >> 1) * PAIR_BYTES, i & 1, load<u32>(encodings + (min<u32>(i, count - 1) << 2)));
  }
  root();
  let valid: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const sign = <u32>(load<u8>(load<u32>(encodings + (i << 2)), 31) >> 7);
    if (settle(<usize>(i >> 1) * PAIR_BYTES, i & 1, sign)) valid |= 1 << i;
  }
  writeCached(targets, count);
  return valid;
}

/** X = u v^3 (u v^7)^((p - 5) / 8), which is the root of u / v = (y^2 - 1) / (d y^2 + 1) up to a root of -1, if there is one. */
function root(): void {
  squareAll(S, Y, 1);
  scaleAll(V, S, D);
  for (let at: usize = 0; at < <usize>pairs * PAIR_BYTES; at += PAIR_BYTES) {
    subtract(U + at, S + at, ONE);
    add(V + at, V + at, ONE);
  }
  squareAll(V3, V, 1);
  multiplyAll(V3, V3, V);
  squareAll(X, V3, 1);
  multiplyAll(X, X, V);
  multiplyAll(X, X, U);
  raise();
  multiplyAll(X, X, V3);
  multiplyAll(X, X, U);
}

/** X to the power of (p - 5) / 8 = 2^252 - 3; the comments are the exponents. */
function raise(): void {
  squareAll(S, X, 1); // 2
  squareAll(T, S, 2); // 8
  multiplyAll(T, X, T); // 9
  multiplyAll(S, S, T); // 11
  squareAll(S, S, 1); // 22
  multiplyAll(S, T, S); // 2^5 - 1
  squareAll(T, S, 5);
  multiplyAll(S, T, S); // 2^10 - 1
  squareAll(T, S, 10);
  multiplyAll(T, T, S); // 2^20 - 1
  squareAll(W, T, 20);
  multiplyAll(T, W, T); // 2^40 - 1
  squareAll(T, T, 10);
  multiplyAll(S, T, S); // 2^50 - 1
  squareAll(T, S, 50);
  multiplyAll(T, T, S); // 2^100 - 1
  squareAll(W, T, 100);
  multiplyAll(T, W, T); // 2^200 - 1
  squareAll(T, T, 50);
  multiplyAll(S, T, S); // 2^250 - 1
  squareAll(S, S, 2);
  multiplyAll(X, S, X); // 2^252 - 3
}

/** Gives x in one lane the sign opposite to the encoded one; false if the encoding is no point. */
function settle(at: usize, lane: usize, sign: u32): bool {
  // v x^2 is u or -u, in which case the other root is the right one.
  square(S, X + at, 1);
  multiply(S, S, V + at);
  subtract(T, S, U + at);
  if (!laneIsZero(T, lane)) {
    add(T, S, U + at);
    if (!laneIsZero(T, lane)) return false;
    multiply(T, X + at, ROOT_OF_MINUS_1);
    copyLane(X + at, lane, T, lane);
  }
  if (laneParity(X + at, lane) === sign) {
    subtract(T, ZERO, X + at);
    copyLane(X + at, lane, T, lane);
  }
  return true;
}

function writeCached(targets: usize, count: u32): void {
  multiplyAll(T, X, Y);
  scaleAll(T, T, TWICE_D);
  for (let i: u32 = 0; i < count; i++) {
    const at = <usize>(i >> 1) * PAIR_BYTES;
    const target = <usize>load<u32>(targets + (i << 2));
    if ((i & 1) === 0) {
      subtract(S, Y + at, X + at);
      add(W, Y + at, X + at);
    }
    copyLane(target, 0, S, i & 1);
    copyLane(target, 1, W, i & 1);
    copyLane(target + PAIR_BYTES, 0, T + at, i & 1);
    copyLane(target + PAIR_BYTES, 1, TWO, 1);
  }
}
