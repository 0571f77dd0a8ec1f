/**
 * The field modulo p = 2^255 - 19, two elements at a time: a pair is 80 bytes, its lanes are independent. How a pair is
 * cut into limbs is for the generated files alone; results of all functions are carried and may be operands of all.
 */
import * as plain from './generated/plain';
import * as relaxed from './generated/relaxed';
import * as simd from './generated/simd';

export const PAIR_BYTES: usize = 80;
/** From a limb of lane A to that of lane B. */
const LANE_BYTES: usize = ASC_FEATURE_RELAXED_SIMD ? 8 : 4;
const LIMB_51: i64 = 0x7ffffffffffff;

/** Both lanes 0, 1, and 2. */
export const ZERO: usize = memory.data(80, 16);
export const ONE: usize = memory.data(80, 16);
export const TWO: usize = memory.data(80, 16);
/** Both lanes d = -121665/121666, 2d, and a square root of -1. */
export const D: usize = memory.data(80, 16);
export const TWICE_D: usize = memory.data(80, 16);
export const ROOT_OF_MINUS_1: usize = memory.data(80, 16);

const D_BYTES: usize = memory.data<u64>([
  0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73,
]);
const TWICE_D_BYTES: usize = memory.data<u64>([
  0xebd69b9426b2f159, 0x00e0149a8283b156, 0x198e80f2eef3d130, 0x2406d9dc56dffce7,
]);
const ROOT_BYTES: usize = memory.data<u64>([
  0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b,
]);

export function multiply(target: usize, a: usize, b: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.multiply(target, a, b);
  else if (ASC_FEATURE_SIMD) simd.multiply(target, a, b);
  else plain.multiply(target, a, b);
}

/** Squares `times` times over. */
export function square(target: usize, a: usize, times: u32): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.square(target, a, times);
  else if (ASC_FEATURE_SIMD) simd.square(target, a, times);
  else plain.square(target, a, times);
}

export function add(target: usize, a: usize, b: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.add(target, a, b);
  else if (ASC_FEATURE_SIMD) simd.add(target, a, b);
  else plain.add(target, a, b);
}

export function subtract(target: usize, a: usize, b: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.subtract(target, a, b);
  else if (ASC_FEATURE_SIMD) simd.subtract(target, a, b);
  else plain.subtract(target, a, b);
}

/** Sets one lane to the low 255 bits of 32 bytes, little-endian; a value of p or more is taken as it is. */
export function setLane(pair: usize, lane: usize, bytes: usize): void {
  const at = pair + lane * LANE_BYTES;
  const w0 = load<u64>(bytes);
  const w1 = load<u64>(bytes, 8);
  const w2 = load<u64>(bytes, 16);
  const w3 = load<u64>(bytes, 24);
  setLimb(at, w0);
  setLimb(at + 16, (w0 >> 51) | (w1 << 13));
  setLimb(at + 32, (w1 >> 38) | (w2 << 26));
  setLimb(at + 48, (w2 >> 25) | (w3 << 39));
  setLimb(at + 64, w3 >> 12);
  // Doubles are signed, and twice too large until they are carried.
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.add(pair, pair, ZERO);
}

/** Of `bits`, the low 51. */
function setLimb(at: usize, bits: u64): void {
  const limb = bits & <u64>LIMB_51;
  if (ASC_FEATURE_RELAXED_SIMD) {
    store<f64>(at, <f64>limb);
  } else {
    store<u32>(at, <u32>(limb & 0x3ffffff));
    store<u32>(at, <u32>(limb >> 26), 8);
  }
}

function limb(at: usize): i64 {
  if (ASC_FEATURE_RELAXED_SIMD) return <i64>load<f64>(at);
  return <i64>load<u32>(at) + ((<i64>load<u32>(at, 8)) << 26);
}

/** Writes the 32 bytes of one lane, little-endian, below p. */
function writeLane(target: usize, pair: usize, lane: usize): void {
  const at = pair + lane * LANE_BYTES;
  let t0 = limb(at);
  let t1 = limb(at + 16);
  let t2 = limb(at + 32);
  let t3 = limb(at + 48);
  let t4 = limb(at + 64);
  // The first round leaves a value from -19 (limbs of doubles are signed) to 2^255 - 1, the second one from 0.
  for (let round = 0; round < 2; round++) {
    t1 += t0 >> 51;
    t2 += t1 >> 51;
    t3 += t2 >> 51;
    t4 += t3 >> 51;
    t0 = (t0 & LIMB_51) + 19 * (t4 >> 51);
    t1 &= LIMB_51;
    t2 &= LIMB_51;
    t3 &= LIMB_51;
    t4 &= LIMB_51;
  }
  // It is p or more if 19 more pass 2^255.
  let over = (t0 + 19) >> 51;
  over = (t1 + over) >> 51;
  over = (t2 + over) >> 51;
  over = (t3 + over) >> 51;
  over = (t4 + over) >> 51;
  t0 += 19 * over;
  t1 += t0 >> 51;
  t2 += t1 >> 51;
  t3 += t2 >> 51;
  t4 += t3 >> 51;
  t0 &= LIMB_51;
  t1 &= LIMB_51;
  t2 &= LIMB_51;
  t3 &= LIMB_51;
  t4 &= LIMB_51;
  store<u64>(target, <u64>(t0 | (t1 << 51)));
  store<u64>(target, <u64>((t1 >> 13) | (t2 << 38)), 8);
  store<u64>(target, <u64>((t2 >> 26) | (t3 << 25)), 16);
  store<u64>(target, <u64>((t3 >> 39) | (t4 << 12)), 24);
}

const LANE_VALUE: usize = memory.data(32, 16);

export function laneIsZero(pair: usize, lane: usize): bool {
  writeLane(LANE_VALUE, pair, lane);
  const low = load<u64>(LANE_VALUE) | load<u64>(LANE_VALUE, 8);
  return (low | load<u64>(LANE_VALUE, 16) | load<u64>(LANE_VALUE, 24)) === 0;
}

/** 1 if the value of a lane is odd. */
export function laneParity(pair: usize, lane: usize): u32 {
  writeLane(LANE_VALUE, pair, lane);
  return <u32>load<u64>(LANE_VALUE) & 1;
}

/** Copies one lane into a lane, the same or the other. */
export function copyLane(target: usize, targetLane: usize, source: usize, sourceLane: usize): void {
  target += targetLane * LANE_BYTES;
  source += sourceLane * LANE_BYTES;
  for (let i: usize = 0; i < PAIR_BYTES; i += 2 * LANE_BYTES) {
    if (ASC_FEATURE_RELAXED_SIMD) store<u64>(target + i, load<u64>(source + i));
    else store<u32>(target + i, load<u32>(source + i));
  }
}

function setBoth(pair: usize, bytes: usize): void {
  setLane(pair, 0, bytes);
  setLane(pair, 1, bytes);
}

function setConstants(): void {
  const small: usize = memory.data(32, 16);
  store<u64>(small, 1);
  setBoth(ONE, small);
  store<u64>(small, 2);
  setBoth(TWO, small);
  setBoth(D, D_BYTES);
  setBoth(TWICE_D, TWICE_D_BYTES);
  setBoth(ROOT_OF_MINUS_1, ROOT_BYTES);
}

setConstants();
