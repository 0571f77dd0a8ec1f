/**
 * Points of the curve -x^2 + y^2 = 1 + d x^2 y^2, every operation in two lanes. A point is (X | Y) and (T | Z) with
 * x = X/Z, y = Y/Z, xy = T/Z. To be added to others it is cached as (Y - X | Y + X) and (2dT | 2Z).
 * The formulas are complete: they hold for all points, small orders and equal operands too.
 */
import {
  copyLane,
  laneIsZero,
  multiply,
  ONE,
  PAIR_BYTES,
  square,
  subtract as subtractPairs,
  TWICE_D,
  TWO,
} from './field';
import * as plain from './generated/plain';
import * as relaxed from './generated/relaxed';
import * as simd from './generated/simd';

/** Of a point, and of a cached one. */
export const POINT_BYTES: usize = 160;

/** First operands and results on the way through an operation. */
const HEAD: usize = memory.data(80, 16);
const FIRST: usize = memory.data(80, 16);
const SECOND: usize = memory.data(80, 16);
const EG: usize = memory.data(80, 16);
const HF: usize = memory.data(80, 16);
const FH: usize = memory.data(80, 16);

/** (2d | 2), which makes (2dT | 2Z) of (T | Z). */
const CACHING: usize = memory.data(80, 16);
const IDENTITY: usize = memory.data(160, 16);
const SHIFTED: usize = memory.data(160, 16);

/** point += cached */
export function add(point: usize, cached: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.addHead(HEAD, point);
  else if (ASC_FEATURE_SIMD) simd.addHead(HEAD, point);
  else plain.addHead(HEAD, point);
  multiply(FIRST, cached, HEAD);
  multiply(SECOND, cached + PAIR_BYTES, point + PAIR_BYTES);
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.addTail(EG, HF, FH, FIRST, SECOND);
  else if (ASC_FEATURE_SIMD) simd.addTail(EG, HF, FH, FIRST, SECOND);
  else plain.addTail(EG, HF, FH, FIRST, SECOND);
  finish(point);
}

/** point -= cached */
export function subtract(point: usize, cached: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.subtractHead(HEAD, point);
  else if (ASC_FEATURE_SIMD) simd.subtractHead(HEAD, point);
  else plain.subtractHead(HEAD, point);
  multiply(FIRST, cached, HEAD);
  multiply(SECOND, cached + PAIR_BYTES, point + PAIR_BYTES);
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.subtractTail(EG, HF, FH, FIRST, SECOND);
  else if (ASC_FEATURE_SIMD) simd.subtractTail(EG, HF, FH, FIRST, SECOND);
  else plain.subtractTail(EG, HF, FH, FIRST, SECOND);
  finish(point);
}

/** point += point */
export function double(point: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.doubleHead(HEAD, point, point + PAIR_BYTES);
  else if (ASC_FEATURE_SIMD) simd.doubleHead(HEAD, point, point + PAIR_BYTES);
  else plain.doubleHead(HEAD, point, point + PAIR_BYTES);
  square(FIRST, point, 1);
  square(SECOND, HEAD, 1);
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.doubleTail(EG, HF, FH, FIRST, SECOND);
  else if (ASC_FEATURE_SIMD) simd.doubleTail(EG, HF, FH, FIRST, SECOND);
  else plain.doubleTail(EG, HF, FH, FIRST, SECOND);
  finish(point);
}

function finish(point: usize): void {
  multiply(point, EG, FH);
  multiply(point + PAIR_BYTES, EG, HF);
}

/** Makes a point fit to be added. */
export function cache(target: usize, point: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxed.cacheHead(target, point);
  else if (ASC_FEATURE_SIMD) simd.cacheHead(target, point);
  else plain.cacheHead(target, point);
  multiply(target + PAIR_BYTES, CACHING, point + PAIR_BYTES);
}

/** Doubles a cached point `times` times over. */
export function shift(target: usize, cached: usize, times: u32): void {
  setIdentity(SHIFTED);
  add(SHIFTED, cached);
  for (; times > 0; times--) double(SHIFTED);
  cache(target, SHIFTED);
}

export function setIdentity(point: usize): void {
  copyPoint(point, IDENTITY);
}

/** Copies a point, or a cached one. */
export function copyPoint(target: usize, point: usize): void {
  for (let i: usize = 0; i < POINT_BYTES; i += 16) {
    if (ASC_FEATURE_SIMD) {
      v128.store(target + i, v128.load(point + i));
    } else {
      store<u64>(target + i, load<u64>(point + i));
      store<u64>(target + i, load<u64>(point + i, 8), 8);
    }
  }
}

/** True if 8 times the point is the identity. The point is lost. */
export function isSmallOrder(point: usize): bool {
  double(point);
  double(point);
  double(point);
  // X = 0 and Y = Z.
  copyLane(HEAD, 0, point, 0);
  copyLane(HEAD, 1, point, 1);
  copyLane(FIRST, 0, ONE, 0);
  copyLane(FIRST, 1, point + PAIR_BYTES, 1);
  subtractPairs(FIRST, HEAD, FIRST);
  return laneIsZero(point, 0) && laneIsZero(FIRST, 1);
}

copyLane(IDENTITY, 1, ONE, 1);
copyLane(IDENTITY + PAIR_BYTES, 1, ONE, 1);
copyLane(CACHING, 0, TWICE_D, 0);
copyLane(CACHING, 1, TWO, 1);
