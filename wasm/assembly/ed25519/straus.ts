/**
 * A sum of few points times scalars (Straus): the doublings are shared by all terms, every term has a table of its odd
 * multiples and is added where its digits say. Digits are odd and signed, no two of one term nearer to each other
 * than its width (NAF), and stand in one list per bit, so that no time goes into the places where there is none.
 */
import { add, cache, copyPoint, double, POINT_BYTES, setIdentity, shift, subtract } from './point';
import { HALF_BITS } from './scalar';

/** Terms at most: of the largest sum that is not left to buckets, two per signature and the base point. */
export const TERMS_MAX: u32 = 449;

/** Digits of a term with a table of its own are odd and below 2^4: eight multiples. */
const WIDTH: u32 = 5;
const TABLE_BYTES: usize = 8 * 160;
/** Digits of the base point are odd and below 2^7: 64 multiples, made once. */
const BASE_WIDTH: u32 = 8;
export const BASE_TABLE: usize = memory.data(10240, 16);
/** The same of the base point times 2^127, for the upper half of a scalar. */
const HIGH_BASE_TABLE: usize = memory.data(10240, 16);

/** One table per term. */
const TABLES: usize = memory.data(574720, 16);
/** First entry of every bit's list; 0 is its end. Scalars have 253 bits, and a digit may carry into one more. */
const BITS: usize = 256;
const LISTS: usize = memory.data(1024, 16);
/** Entries: address of the next one, and of the multiple, plus 1 if it is subtracted. At most 51 per term of width 5, and one. */
const ENTRY_BYTES: usize = 8;
const ENTRIES: usize = memory.data(186784, 16);

/** The result. */
export const SUM: usize = memory.data(160, 16);
const TWICE: usize = memory.data(160, 16);
const MULTIPLE: usize = memory.data(160, 16);

let entry: usize = ENTRIES;
let table: usize = TABLES;

export function begin(): void {
  memory.fill(LISTS, 0, BITS << 2);
  entry = ENTRIES;
  table = TABLES;
}

/** Adds a cached point times a scalar. */
export function addTerm(cached: usize, scalar: usize): void {
  fillTable(table, cached, TABLE_BYTES);
  addDigits(table, scalar, WIDTH);
  table += TABLE_BYTES;
}

/** Adds the base point times a scalar. */
export function addBase(scalar: usize): void {
  addDigits(BASE_TABLE, scalar, BASE_WIDTH);
}

/** Adds the base point times a scalar times 2^127. */
export function addHighBase(scalar: usize): void {
  addDigits(HIGH_BASE_TABLE, scalar, BASE_WIDTH);
}

/** Adds a cached point itself. */
export function addPoint(cached: usize): void {
  addEntry(0, <u32>cached);
}

function addEntry(bit: usize, multiple: u32): void {
  const list = LISTS + (bit << 2);
  store<u32>(entry, load<u32>(list));
  store<u32>(entry, multiple, 4);
  store<u32>(list, <u32>entry);
  entry += ENTRY_BYTES;
}

/** Odd multiples of a cached point. */
function fillTable(table: usize, cached: usize, bytes: usize): void {
  setIdentity(MULTIPLE);
  add(MULTIPLE, cached);
  copyPoint(table, cached);
  copyPoint(SUM, MULTIPLE);
  double(SUM);
  cache(TWICE, SUM);
  for (let at: usize = POINT_BYTES; at < bytes; at += POINT_BYTES) {
    add(MULTIPLE, TWICE);
    cache(table + at, MULTIPLE);
  }
}

/** Enters the digits of a scalar in the lists. */
function addDigits(table: usize, scalar: usize, width: u32): void {
  const full: u64 = 1 << width;
  let carry: u64 = 0;
  let bit: usize = 0;
  while (bit < BITS) {
    // Zeros are skipped; with a carry, ones are.
    const bits = load<u64>(scalar + (bit >> 3)) >> (bit & 7);
    const skipped = <usize>min<u64>(ctz<u64>(carry > 0 ? ~bits : bits), 56);
    if (skipped > 0) {
      bit += skipped;
      continue;
    }
    const digit = (bits & (full - 1)) + carry;
    carry = digit > full >> 1 ? 1 : 0;
    const odd = carry > 0 ? full - digit : digit;
    addEntry(bit, <u32>(table + <usize>(odd >> 1) * POINT_BYTES) + <u32>carry);
    bit += width;
  }
}

/** Computes SUM. */
export function finish(): void {
  setIdentity(SUM);
  let bit = <i32>BITS - 1;
  while (bit >= 0 && load<u32>(LISTS + ((<usize>bit) << 2)) === 0) bit--;
  for (; bit >= 0; bit--) {
    double(SUM);
    for (let at = load<u32>(LISTS + ((<usize>bit) << 2)); at > 0; at = load<u32>(at)) {
      const multiple = load<u32>(at, 4);
      if ((multiple & 1) === 0) add(SUM, multiple);
      else subtract(SUM, multiple - 1);
    }
  }
}

/** Makes the tables of the base point. */
export function setBase(cached: usize): void {
  const bytes = POINT_BYTES * 64;
  fillTable(BASE_TABLE, cached, bytes);
  shift(HIGH_BASE_TABLE, cached, HALF_BITS);
  fillTable(HIGH_BASE_TABLE, HIGH_BASE_TABLE, bytes);
}
