/**
 * From 32 bytes to a point, with the leniency of ZIP-215: y may be p or more, the sign bit may be set where x is 0, and
 * points of small order are points. Two encodings go together, one in each lane.
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

/** Encodings that are decompressed together. */
export const GROUP_MAX: u32 = 2;

const Y: usize = memory.data(80, 16);
const U: usize = memory.data(80, 16);
const V: usize = memory.data(80, 16);
const V3: usize = memory.data(80, 16);
const X: usize = memory.data(80, 16);
const S: usize = memory.data(80, 16);
const T: usize = memory.data(80, 16);
const W: usize = memory.data(80, 16);

/**
 * Decompresses `count` encodings (1 or 2) at the addresses listed (u32 each) into cached points at the addresses
 * listed, negated: verification subtracts all of them. Bit i of the result tells that encoding i is a point; where it is
 * not, what is written means nothing.
 */
export function decompressNegated(encodings: usize, targets: usize, count: u32): u32 {
  setLane(Y, 0, load<u32>(encodings));
  setLane(Y, 1, load<u32>(encodings + ((count - 1) << 2)));
  root();
  let valid: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const sign = <u32>(load<u8>(load<u32>(encodings + (i << 2)), 31) >> 7);
    if (settle(i, sign)) valid |= 1 << i;
  }
  writeCached(targets, count);
  return valid;
}

/** X = u v^3 (u v^7)^((p - 5) / 8), which is the root of u / v = (y^2 - 1) / (d y^2 + 1) up to a root of -1, if there is one. */
function root(): void {
  square(S, Y, 1);
  subtract(U, S, ONE);
  multiply(V, S, D);
  add(V, V, ONE);
  square(V3, V, 1);
  multiply(V3, V3, V);
  square(X, V3, 1);
  multiply(X, X, V);
  multiply(X, X, U);
  raise();
  multiply(X, X, V3);
  multiply(X, X, U);
}

/** X to the power of (p - 5) / 8 = 2^252 - 3; the comments are the exponents. */
function raise(): void {
  square(S, X, 1); // 2
  square(T, S, 2); // 8
  multiply(T, X, T); // 9
  multiply(S, S, T); // 11
  square(S, S, 1); // 22
  multiply(S, T, S); // 2^5 - 1
  square(T, S, 5);
  multiply(S, T, S); // 2^10 - 1
  square(T, S, 10);
  multiply(T, T, S); // 2^20 - 1
  square(W, T, 20);
  multiply(T, W, T); // 2^40 - 1
  square(T, T, 10);
  multiply(S, T, S); // 2^50 - 1
  square(T, S, 50);
  multiply(T, T, S); // 2^100 - 1
  square(W, T, 100);
  multiply(T, W, T); // 2^200 - 1
  square(T, T, 50);
  multiply(S, T, S); // 2^250 - 1
  square(S, S, 2);
  multiply(X, S, X); // 2^252 - 3
}

/** Gives x in one lane the sign opposite to the encoded one; false if the encoding is no point. */
function settle(lane: usize, sign: u32): bool {
  // v x^2 is u or -u, in which case the other root is the right one.
  square(S, X, 1);
  multiply(S, S, V);
  subtract(T, S, U);
  if (!laneIsZero(T, lane)) {
    add(T, S, U);
    if (!laneIsZero(T, lane)) return false;
    multiply(T, X, ROOT_OF_MINUS_1);
    copyLane(X, lane, T, lane);
  }
  if (laneParity(X, lane) === sign) {
    subtract(T, ZERO, X);
    copyLane(X, lane, T, lane);
  }
  return true;
}

function writeCached(targets: usize, count: u32): void {
  multiply(T, X, Y);
  multiply(T, T, TWICE_D);
  subtract(S, Y, X);
  add(W, Y, X);
  for (let i: u32 = 0; i < count; i++) {
    const target = <usize>load<u32>(targets + (i << 2));
    copyLane(target, 0, S, i);
    copyLane(target, 1, W, i);
    copyLane(target + PAIR_BYTES, 0, T, i);
    copyLane(target + PAIR_BYTES, 1, TWO, 1);
  }
}
