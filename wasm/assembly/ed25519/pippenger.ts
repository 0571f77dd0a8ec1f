/**
 * A sum of many points times scalars (Pippenger): scalars are cut into signed digits, and for every digit place each point
 * is added to the bucket of its digit; the buckets, each as often as its digit says, are summed up at the end.
 */
import { add, cache, double, POINT_BYTES, setIdentity, subtract } from './point';

/** Bits of a digit. */
export const WIDTH_MIN: u32 = 5;
export const WIDTH_MAX: u32 = 10;

const BUCKETS: usize = memory.data(81920, 16);
/** Addresses of the cached points, u32 each: two per signature and the base point, 8193 at most. */
const POINTS: usize = memory.data(32772, 16);
/** Digits, i16 each, those of one place side by side: 51 places of the shortest digits. */
const DIGITS: usize = memory.data(835686, 16);

/** The result. */
export const SUM: usize = memory.data(160, 16);
const RUNNING: usize = memory.data(160, 16);
const PLACE: usize = memory.data(160, 16);
const CACHED: usize = memory.data(160, 16);

let points: u32 = 0;
let capacity: u32 = 0;
let width: u32 = 0;
/** Points added so far that have more places than the short ones, and places of a short scalar. */
let longPoints: u32 = 0;
let shortPlaces: u32 = 0;

/** Begins a sum of `count` points, with digits of WIDTH_MIN to WIDTH_MAX bits. */
export function begin(count: u32, digitBits: u32): void {
  capacity = count;
  width = digitBits;
  points = 0;
  longPoints = 0;
  shortPlaces = places(128);
}

/** Places of a scalar; the top digit leaves room for a carry. */
function places(bits: u32): u32 {
  return bits / width + 1;
}

/** Adds a cached point times a scalar of 253 bits. All of these come before the short ones. */
export function addLong(cached: usize, scalar: usize): void {
  addDigits(cached, scalar, places(253));
  longPoints = points;
}

/** Adds a cached point times a scalar of 128 bits. */
export function addShort(cached: usize, scalar: usize): void {
  addDigits(cached, scalar, shortPlaces);
}

function addDigits(cached: usize, scalar: usize, places: u32): void {
  store<u32>(POINTS + ((<usize>points) << 2), <u32>cached);
  const full = 1 << width;
  const half = full >> 1;
  let at = DIGITS + ((<usize>points) << 1);
  let carry = 0;
  let bit: usize = 0;
  for (let place: u32 = 0; place < places; place++) {
    let digit = (<i32>(load<u32>(scalar + (bit >> 3)) >> <u32>(bit & 7)) & (full - 1)) + carry;
    carry = digit > half ? 1 : 0;
    digit -= carry << width;
    store<i16>(at, <i16>digit);
    at += (<usize>capacity) << 1;
    bit += width;
  }
  points++;
}

/** Computes SUM. */
export function finish(): void {
  setIdentity(SUM);
  const buckets: u32 = 1 << (width - 1);
  for (let place = <i32>places(253) - 1; place >= 0; place--) {
    for (let i: u32 = 0; i < width; i++) double(SUM);
    for (let i: usize = 0; i < buckets; i++) setIdentity(BUCKETS + i * POINT_BYTES);
    distribute(DIGITS + ((<usize>place * capacity) << 1), <u32>place < shortPlaces ? points : longPoints);
    collect(buckets);
    cache(CACHED, PLACE);
    add(SUM, CACHED);
  }
}

/** Adds each of the first `count` points to the bucket of its digit. */
function distribute(digits: usize, count: u32): void {
  let point = POINTS;
  for (const end = point + ((<usize>count) << 2); point < end; point += 4) {
    const digit = <i32>load<i16>(digits);
    digits += 2;
    if (digit > 0) add(BUCKETS + <usize>(digit - 1) * POINT_BYTES, load<u32>(point));
    else if (digit < 0) subtract(BUCKETS + <usize>(-digit - 1) * POINT_BYTES, load<u32>(point));
  }
}

/** PLACE = the sum of the buckets, each times its digit: bucket i is in the running sum i times. */
function collect(buckets: u32): void {
  setIdentity(RUNNING);
  setIdentity(PLACE);
  for (let i = <i32>buckets - 1; i >= 0; i--) {
    cache(CACHED, BUCKETS + <usize>i * POINT_BYTES);
    add(RUNNING, CACHED);
    cache(CACHED, RUNNING);
    add(PLACE, CACHED);
  }
}
