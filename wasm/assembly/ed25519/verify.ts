/**
 * The equation of ZIP-215, 8 ([S]B - R - [k]A) = 0: of one signature, and of many as one sum in which each is multiplied by
 * a random coefficient of 128 bits. If one of them does not hold, the sum is the identity with a chance of 2^-128.
 */
import { challenge, coefficient, key, point, response, signature, signer, wellFormed } from './items';
import * as pippenger from './pippenger';
import { isSmallOrder } from './point';
import { enqueue, flush } from './queue';
import { addProduct, clearSum, isBelowOrder, reduce, SUM_BYTES, setScalar128, split } from './scalar';
import * as signers from './signers';
import * as straus from './straus';

/** Of each key: the sum of coefficients times challenges. */
const KEY_SUMS: usize = memory.data(393216, 16);
/** u64 each: the last combination in which a key was. */
const COMBINATIONS: usize = memory.data(32768, 16);
/** u32 each: the keys of this combination. */
const COMBINED: usize = memory.data(16384, 16);
/** The sum of coefficients times S. */
const BASE_SUM: usize = memory.data(96, 16);
const SCALAR: usize = memory.data(48, 16);
/** Both halves of a scalar. */
const LOW_HALF: usize = memory.data(48, 16);
const HIGH_HALF: usize = memory.data(48, 16);

/** Signer of an item whose S is too large. */
const NOBODY: u32 = 0xffffffff;

let combination: u64 = 0;

/** Decompresses the points of the first `count` items, and tells which are well-formed. */
export function prepare(count: u32): void {
  signers.begin();
  for (let item: u32 = 0; item < count; item++) {
    store<u8>(wellFormed(item), 0);
    if (!isBelowOrder(response(item))) {
      store<u32>(signer(item), NOBODY);
      continue;
    }
    store<u32>(signer(item), signers.numberOf(key(item)));
    enqueue(signature(item), point(item), wellFormed(item));
  }
  flush();
  signers.keep();
  for (let item: u32 = 0; item < count; item++) {
    const number = load<u32>(signer(item));
    if (number === NOBODY || !signers.isValid(number)) store<u8>(wellFormed(item), 0);
  }
}

/** The exact equation of a well-formed item. */
export function verifyOne(item: u32): bool {
  const number = load<u32>(signer(item));
  const high = signers.highPoint(number);
  straus.begin();
  // What follows the 32 bytes in SCALAR is zero at all times.
  memory.copy(SCALAR, response(item), 32);
  if (high === 0) {
    straus.addBase(SCALAR);
  } else {
    split(LOW_HALF, HIGH_HALF, SCALAR);
    straus.addBase(LOW_HALF);
    straus.addHighBase(HIGH_HALF);
  }
  clearSum(BASE_SUM);
  memory.copy(BASE_SUM, challenge(item), 64);
  reduce(SCALAR, BASE_SUM);
  if (high === 0) {
    straus.addTerm(signers.point(number), SCALAR);
  } else {
    split(LOW_HALF, HIGH_HALF, SCALAR);
    straus.addTerm(signers.point(number), LOW_HALF);
    straus.addTerm(high, HIGH_HALF);
  }
  straus.addPoint(point(item));
  straus.finish();
  return isSmallOrder(straus.SUM);
}

/** The equation of several well-formed items, their numbers u32 each. */
export function verifyTogether(items: usize, count: u32): bool {
  const keys = addUp(items, count);
  const width = widthOf(keys + 1, count);
  if (width === 0) {
    sumByTables(items, count, keys);
    return isSmallOrder(straus.SUM);
  }
  sumByBuckets(items, count, keys, width);
  return isSmallOrder(pippenger.SUM);
}

/** Multiplies by the coefficients and adds up, for each key and for the base point. Gives the number of keys. */
function addUp(items: usize, count: u32): u32 {
  let keys: u32 = 0;
  combination++;
  clearSum(BASE_SUM);
  for (let i: u32 = 0; i < count; i++) {
    const item = load<u32>(items + ((<usize>i) << 2));
    const number = load<u32>(signer(item));
    const sum = KEY_SUMS + <usize>number * SUM_BYTES;
    if (load<u32>(COMBINATIONS + ((<usize>number) << 2)) !== combination) {
      store<u32>(COMBINATIONS + ((<usize>number) << 2), combination);
      store<u32>(COMBINED + ((<usize>keys) << 2), number);
      keys++;
      clearSum(sum);
    }
    addProduct(sum, challenge(item), 16, coefficient(item), 4);
    addProduct(BASE_SUM, response(item), 8, coefficient(item), 4);
  }
  return keys;
}

/**
 * The cheapest width of digits for buckets, or 0 if tables are cheaper, counted in additions: a point is one in each
 * place, a bucket two and a half (it must be cached), a table costs nine and saves the zeros between the digits.
 */
function widthOf(long: u32, short: u32): u32 {
  let best: u32 = 0;
  let least: u32 = long + short > straus.TERMS_MAX ? u32.MAX_VALUE : long * (42 + 9) + short * (21 + 9);
  for (let width = pippenger.WIDTH_MIN; width <= pippenger.WIDTH_MAX; width++) {
    const places = 253 / width + 1;
    const additions = long * places + short * (128 / width + 1) + ((places * 5) << (width - 1)) / 2;
    if (additions < least) {
      least = additions;
      best = width;
    }
  }
  return best;
}

function keyScalar(number: u32): void {
  reduce(SCALAR, KEY_SUMS + <usize>number * SUM_BYTES);
}

function sumByTables(items: usize, count: u32, keys: u32): void {
  straus.begin();
  reduce(SCALAR, BASE_SUM);
  straus.addBase(SCALAR);
  for (let i: u32 = 0; i < keys; i++) {
    const number = load<u32>(COMBINED + ((<usize>i) << 2));
    keyScalar(number);
    straus.addTerm(signers.point(number), SCALAR);
  }
  for (let i: u32 = 0; i < count; i++) {
    const item = load<u32>(items + ((<usize>i) << 2));
    setScalar128(SCALAR, coefficient(item));
    straus.addTerm(point(item), SCALAR);
  }
  straus.finish();
}

function sumByBuckets(items: usize, count: u32, keys: u32, width: u32): void {
  pippenger.begin(keys + 1 + count, width);
  reduce(SCALAR, BASE_SUM);
  pippenger.addLong(straus.BASE_TABLE, SCALAR);
  for (let i: u32 = 0; i < keys; i++) {
    const number = load<u32>(COMBINED + ((<usize>i) << 2));
    keyScalar(number);
    pippenger.addLong(signers.point(number), SCALAR);
  }
  for (let i: u32 = 0; i < count; i++) {
    const item = load<u32>(items + ((<usize>i) << 2));
    setScalar128(SCALAR, coefficient(item));
    pippenger.addShort(point(item), SCALAR);
  }
  pippenger.finish();
}
