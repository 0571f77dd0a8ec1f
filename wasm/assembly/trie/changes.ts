/**
 * The changes of one update, in ascending order of their paths: for each, the first 32 bits of the path (high half) and
 * its staged leaf. Those 32 bits decide nearly every comparison without a look at the leaf.
 */
import { freeLeaf, giveRegion, takeRegion } from './arena';
import { leafPath } from './layout';
import { bitAt, firstDifference } from './path';

const CHANGE_BYTES: usize = 8;
/** Fewer than this are sorted by insertion: counting 256 values twice over takes longer. */
const INSERTION_MAX: u32 = 48;
const COUNTS: usize = memory.data(1024, 16);
const PATH_WORDS: u32 = 8;

/** Two halves: the changes, and as much again to sort them into. */
let region: usize = 0;
let regionBytes: usize = 0;
let capacity: u32 = 0;
let count: u32 = 0;

/** Makes room for the changes of an update; false where the arena has none. */
export function openChanges(most: u32): bool {
  count = 0;
  if (most <= capacity) return true;
  const bytes = <u64>most * CHANGE_BYTES * 2;
  if (bytes > 0xffff0000) return false;
  const larger = takeRegion(<usize>bytes);
  if (larger === 0) return false;
  giveRegion(region, regionBytes);
  region = larger;
  regionBytes = <usize>bytes;
  capacity = most;
  return true;
}

export function changesLeft(): u32 {
  return capacity - count;
}

export function changeCount(): u32 {
  return count;
}

export function addChange(leaf: usize): void {
  store<u64>(region + <usize>count * CHANGE_BYTES, entry(leaf, 0));
  count++;
}

/** Gives the staged leaves back; for an update that does not take place. */
export function dropChanges(): void {
  for (let i: u32 = 0; i < count; i++) freeLeaf(changedLeaf(i));
  count = 0;
}

/** After the update has taken its leaves. */
export function closeChanges(): void {
  count = 0;
}

function entry(leaf: usize, word: u32): u64 {
  return ((<u64>bswap<u32>(load<u32>(leafPath(leaf) + ((<usize>word) << 2)))) << 32) | <u64>leaf;
}

function change(i: u32): u64 {
  return load<u64>(region + <usize>i * CHANGE_BYTES);
}

function setChange(i: u32, value: u64): void {
  store<u64>(region + <usize>i * CHANGE_BYTES, value);
}

/** The leaf that a change would set; where its length is DELETES, it stands for its path only. */
export function changedLeaf(i: u32): usize {
  return <usize>(<u32>change(i));
}

/** Sorts by path, if they did not come so; of several changes of one path the last one stays. */
export function orderChanges(): void {
  if (!areSorted()) sort(0, count, 0);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const next = change(i);
    if (kept > 0 && changeDifference(kept - 1, i) === 256) {
      freeLeaf(changedLeaf(kept - 1));
      kept--;
    }
    setChange(kept++, next);
  }
  count = kept;
}

function areSorted(): bool {
  for (let i: u32 = 1; i < count; i++) if (isAbove(change(i - 1), change(i))) return false;
  return true;
}

/** Sorts changes that agree in the words of the path before `word` by the rest; keeps the order of equal ones. */
function sort(from: u32, to: u32, word: u32): void {
  if (to - from < INSERTION_MAX) {
    insertionSort(from, to);
    return;
  }
  if (word > 0) for (let i = from; i < to; i++) setChange(i, entry(changedLeaf(i), word));
  for (let shift: u64 = 32; shift < 64; shift += 8) countingSort(from, to, shift);
  let first = from;
  for (let i = from + 1; i <= to; i++) {
    if (i < to && (change(i) ^ change(first)) >> 32 === 0) continue;
    if (i - first > 1 && word + 1 < PATH_WORDS) sort(first, i, word + 1);
    first = i;
  }
  if (word > 0) for (let i = from; i < to; i++) setChange(i, entry(changedLeaf(i), 0));
}

/** Stable, by one byte of the high half: into the other half of the region and back. */
function countingSort(from: u32, to: u32, shift: u64): void {
  memory.fill(COUNTS, 0, 1024);
  for (let i = from; i < to; i++) {
    const at = COUNTS + ((<usize>((change(i) >> shift) & 0xff)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  const target = region + (regionBytes >> 1);
  let begins = from;
  for (let at = COUNTS; at < COUNTS + 1024; at += 4) {
    const size = load<u32>(at);
    // All alike: nothing to do.
    if (size === to - from) return;
    store<u32>(at, begins);
    begins += size;
  }
  for (let i = from; i < to; i++) {
    const value = change(i);
    const at = COUNTS + ((<usize>((value >> shift) & 0xff)) << 2);
    const place = load<u32>(at);
    store<u32>(at, place + 1);
    store<u64>(target + <usize>place * CHANGE_BYTES, value);
  }
  const bytes = <usize>(to - from) * CHANGE_BYTES;
  memory.copy(region + <usize>from * CHANGE_BYTES, target + <usize>from * CHANGE_BYTES, bytes);
}

function insertionSort(from: u32, to: u32): void {
  for (let i = from; i < to; i++) setChange(i, entry(changedLeaf(i), 0));
  for (let i = from + 1; i < to; i++) {
    const value = change(i);
    let place = i;
    while (place > from && isAbove(change(place - 1), value)) {
      setChange(place, change(place - 1));
      place--;
    }
    setChange(place, value);
  }
}

function isAbove(a: u64, b: u64): bool {
  if ((a ^ b) >> 32 !== 0) return a > b;
  const first = leafPath(<usize>(<u32>a));
  const second = leafPath(<usize>(<u32>b));
  const bit = firstDifference(first, second);
  return bit < 256 && bitAt(first, bit) === 1;
}

/** The first bit in which the paths of two changes differ, or 256. */
export function changeDifference(i: u32, j: u32): u32 {
  const difference = <u32>((change(i) ^ change(j)) >> 32);
  if (difference !== 0) return <u32>clz<u32>(difference);
  return firstDifference(leafPath(changedLeaf(i)), leafPath(changedLeaf(j)));
}

/** The first bit in which the path of a change differs from another, or 256. */
export function differenceFrom(i: u32, path: usize): u32 {
  const difference = <u32>(change(i) >> 32) ^ bswap<u32>(load<u32>(path));
  if (difference !== 0) return <u32>clz<u32>(difference);
  return firstDifference(leafPath(changedLeaf(i)), path);
}

/** The first of the changes `from` to `to - 1` whose bit is set; they agree in all bits before it. */
export function firstWithBit(bit: u32, from: u32, to: u32): u32 {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (changeBit(middle, bit) === 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** A bit of the path of a change. */
export function changeBit(i: u32, bit: u32): u32 {
  if (bit < 32) return <u32>(change(i) >> (63 - <u64>bit)) & 1;
  return bitAt(leafPath(changedLeaf(i)), bit);
}
