/**
 * The different keys of a batch, numbered from 0, and a cache of the points of keys seen before: sets of four by a hash with
 * secret factors, so that it is not worth while to aim at a set; in a set, the key that was used longest ago makes room. What is no
 * point is remembered as well.
 */

import { copyPoint, POINT_BYTES, shift } from './point';
import { enqueue } from './queue';
import { HALF_BITS } from './scalar';

/** -A of each key of the batch, cached. */
const POINTS: usize = memory.data(655360, 16);
/** u8 each: 1 if the key is a point. */
const VALID: usize = memory.data(4096, 16);
/** u32 each: the slot of the key; 1 more if its point is not there yet. */
const PLACES: usize = memory.data(16384, 16);

const WAYS: usize = 4;
/** 1024 sets: more keys than there are validators and busy applications. */
const SET_BITS: u64 = 10;
const SLOT_BYTES: usize = 384;
const SLOTS: usize = memory.data(1572864, 16);
/**
 * Of a slot: the point from 0 on, the point times 2^127, the key, when it was used last and in which batch (u64), its number
 * there, if it is a point, and how often it was verified with alone (u32).
 */
const HIGH: usize = 160;
const KEY: usize = 320;
const USED: usize = 352;
const BATCH: usize = 360;
const NUMBER: usize = 368;
const IS_POINT: usize = 372;
const ALONE: usize = 376;

/**
 * The point times 2^127 is made when a key is verified with alone for the third time: it costs a third of a verification and
 * saves as much each time from then on.
 */
const WORTH_HIGH: u32 = 3;

/** Factors of the hash, odd. */
const FACTORS: usize = memory.data(32, 16);
/** Counters of 64 bits: one of 32 would come around in days. */
let clock: u64 = 0;
let batch: u64 = 0;
let count: u32 = 0;

export { FACTORS };

export function begin(): void {
  batch++;
  count = 0;
}

export function point(number: u32): usize {
  return POINTS + <usize>number * POINT_BYTES;
}

export function isValid(number: u32): bool {
  return load<u8>(VALID + <usize>number) === 1;
}

/** The number of a key. Its point is there once the queue is empty. */
export function numberOf(key: usize): u32 {
  const set = SLOTS + <usize>(hash(key) >> (64 - SET_BITS)) * (WAYS * SLOT_BYTES);
  let oldest = set;
  clock++;
  for (let slot = set; slot < set + WAYS * SLOT_BYTES; slot += SLOT_BYTES) {
    const used = load<u64>(slot + USED);
    if (used > 0 && isEqual(slot + KEY, key)) return numberOfSlot(slot);
    if (used < load<u64>(oldest + USED)) oldest = slot;
  }
  for (let i: usize = 0; i < 32; i += 8) store<u64>(oldest + KEY + i, load<u64>(key + i));
  const number = newNumber(oldest);
  store<u32>(PLACES + ((<usize>number) << 2), <u32>oldest + 1);
  store<u32>(oldest + ALONE, 0);
  enqueue(key, point(number), VALID + <usize>number);
  return number;
}

/** The number of a key that is in the cache. */
function numberOfSlot(slot: usize): u32 {
  store<u64>(slot + USED, clock);
  if (load<u64>(slot + BATCH) === batch) return load<u32>(slot + NUMBER);
  const number = newNumber(slot);
  store<u32>(PLACES + ((<usize>number) << 2), <u32>slot);
  store<u8>(VALID + <usize>number, <u8>load<u32>(slot + IS_POINT));
  copyPoint(point(number), slot);
  return number;
}

function newNumber(slot: usize): u32 {
  store<u64>(slot + USED, clock);
  store<u64>(slot + BATCH, batch);
  store<u32>(slot + NUMBER, count);
  return count++;
}

/** Keeps the points that were new, unless a later key of the batch has taken the place. */
export function keep(): void {
  for (let number: u32 = 0; number < count; number++) {
    const place = <usize>load<u32>(PLACES + ((<usize>number) << 2));
    const slot = place - 1;
    if ((place & 1) === 0 || load<u32>(slot + NUMBER) !== number) continue;
    store<u32>(slot + IS_POINT, <u32>isValid(number));
    copyPoint(slot, point(number));
  }
}

/** -A times 2^127, cached; 0 for a key that is not verified with alone often enough. */
export function highPoint(number: u32): usize {
  const slot = <usize>load<u32>(PLACES + ((<usize>number) << 2)) & ~1;
  if (load<u64>(slot + BATCH) !== batch || load<u32>(slot + NUMBER) !== number) return 0;
  const times = load<u32>(slot + ALONE);
  if (times === WORTH_HIGH) return slot + HIGH;
  store<u32>(slot + ALONE, times + 1);
  if (times + 1 < WORTH_HIGH) return 0;
  shift(slot + HIGH, slot, HALF_BITS);
  return slot + HIGH;
}

function hash(key: usize): u64 {
  const low = load<u64>(key) * load<u64>(FACTORS) + load<u64>(key, 8) * load<u64>(FACTORS, 8);
  const high = load<u64>(key, 16) * load<u64>(FACTORS, 16) + load<u64>(key, 24) * load<u64>(FACTORS, 24);
  const mixed = low + high;
  return (mixed ^ (mixed >> 32)) * load<u64>(FACTORS);
}

function isEqual(a: usize, b: usize): bool {
  const low = (load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8));
  return (low | (load<u64>(a, 16) ^ load<u64>(b, 16)) | (load<u64>(a, 24) ^ load<u64>(b, 24))) === 0;
}
