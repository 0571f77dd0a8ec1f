/**
 * Takes the entries of an update in batches: hashes keys and values, and makes of each entry the leaf that it may become,
 * with its digest. Nothing of the trie changes until the last batch is there.
 */
import { hashEqual, hashMixed } from '../sha256/batch';
import { endFourAt } from '../sha256/four';
import { hashPairs } from '../sha256/pairs';
import { blockBytesFor, hasRoom, newBlock, newLeaf } from './arena';
import { addChange, changesLeft, openChanges } from './changes';
import { LEAF } from './encode';
import {
  base,
  DELETES,
  HASH_BYTES,
  hashesPaths,
  hashesValues,
  INLINE_BYTES,
  leafDigest,
  leafPath,
  PATH_ROOM,
  pathBytes,
  setValueLength,
  shard,
  sums,
  TOTALS_BYTES,
  valueSlot,
} from './layout';
import { hashSlots, padSlots, SLOT_BYTES } from './slots';

/** Entries of one batch at most. */
export const BATCH_MAX: u32 = 1024;
/** Where keys of different lengths begin and the last one ends, addresses; the same of values. */
export const KEY_OFFSETS: usize = memory.data(4100, 16);
export const VALUE_OFFSETS: usize = memory.data(4100, 16);
/** Weights, u64 each; and 1 for each entry that is to be deleted. */
export const WEIGHTS: usize = memory.data(8192, 16);
export const DELETE_FLAGS: usize = memory.data(1024, 16);

const PATHS: usize = memory.data(32768, 16);
/** Digests of a batch. */
export const HASHES: usize = memory.data(32768, 16);
const SLOTS: usize = memory.data(512, 16);
const TARGETS: usize = memory.data(16, 16);
/** Leaves to be hashed, and their paths and hashed values: addresses, u32 each. */
const LEAVES: usize = memory.data(16, 16);
const PAIRS: usize = memory.data(32, 16);

/** What a batch can come to. */
const TAKEN: i32 = 0;
const FULL: i32 = 1;
const OF_ANOTHER_SHARD: i32 = 2;

/** Length of the encoding of a leaf whose value is hashed. */
function leafLength(): usize {
  return 1 + pathBytes + HASH_BYTES + (sums ? TOTALS_BYTES : 0);
}

/** Of a leaf that holds its value: bytes of the encoding before and behind the value. */
function leafHead(): usize {
  return 1 + pathBytes;
}

export function prepareStage(): void {
  padSlots(SLOTS, leafLength());
  for (let at: usize = 0; at < 32; at += 4) store<u32>(PAIRS + at, <u32>PATHS);
}

/** True if the leaves of an update of `count` entries have room, but for long values. */
export function openStage(count: u32): bool {
  return openChanges(count) && hasRoom(count, 0, 0);
}

/**
 * Takes `count` entries. `keyBytes` and `valueBytes` are the lengths of all keys or values, which then follow each other
 * from `keys` and `values`; -1: the offsets tell. Values that are not hashed always have offsets, which lead to the place
 * of each value's encoding: `leafHead` bytes before the value, in a sum trie 16 behind it, are left free.
 * `raw`: keys are paths of 32 bytes, values to be hashed are digests already.
 */
export function stageBatch(
  count: u32,
  keys: usize,
  keyBytes: i32,
  values: usize,
  valueBytes: i32,
  deletes: bool,
  raw: bool,
): i32 {
  if (count > min<u32>(BATCH_MAX, changesLeft())) return FULL;
  if (!hasRoom(changesLeft(), 0, hashesValues ? 0 : blockBytes(count))) return FULL;
  let paths = PATHS;
  if (raw) paths = keys;
  else if (!hashesPaths) cutPaths(count, keys, keyBytes);
  else if (keyBytes < 0) hashMixed(0, KEY_OFFSETS, count, PATHS);
  else hashEqual(keys, count, keyBytes, keyBytes, PATHS);
  if (base > 0 && !areInShard(paths, count)) return OF_ANOTHER_SHARD;
  if (hashesValues) {
    let hashes = HASHES;
    if (raw) hashes = values;
    else if (valueBytes < 0) hashMixed(0, VALUE_OFFSETS, count, HASHES);
    else hashEqual(values, count, valueBytes, valueBytes, HASHES);
    stageHashed(count, paths, hashes, deletes);
  } else {
    stageWhole(count, paths, deletes);
  }
  return TAKEN;
}

/** Paths that are the first bytes of the keys, with zeros behind. */
function cutPaths(count: u32, keys: usize, keyBytes: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = keyBytes < 0 ? <usize>load<u32>(KEY_OFFSETS + (i << 2)) : keys + i * <usize>keyBytes;
    const path = PATHS + i * PATH_ROOM;
    memory.fill(path, 0, PATH_ROOM);
    memory.copy(path, key, pathBytes);
  }
}

function areInShard(paths: usize, count: u32): bool {
  for (let path = paths; path < paths + <usize>count * PATH_ROOM; path += PATH_ROOM) {
    if (bswap<u32>(load<u32>(path)) >> (32 - base) !== shard) return false;
  }
  return true;
}

/** Blocks that the values of a batch may need. */
function blockBytes(count: u32): u64 {
  let bytes: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const length = wholeLength(i);
    if (length > INLINE_BYTES) bytes += blockBytesFor(length);
  }
  return bytes;
}

function wholeLength(i: usize): usize {
  const bytes: usize = load<u32>(VALUE_OFFSETS + (i << 2), 4) - load<u32>(VALUE_OFFSETS + (i << 2));
  return bytes - leafHead() - (sums ? TOTALS_BYTES : 0);
}

function isDelete(i: usize, deletes: bool): bool {
  return deletes && load<u8>(DELETE_FLAGS + i) !== 0;
}

/** A leaf with its path, and put down as a change. */
function stageLeaf(path: usize): usize {
  const leaf = newLeaf();
  const target = leafPath(leaf);
  store<u64>(target, load<u64>(path));
  store<u64>(target, load<u64>(path, 8), 8);
  store<u64>(target, load<u64>(path, 16), 16);
  store<u64>(target, load<u64>(path, 24), 24);
  addChange(leaf);
  return leaf;
}

/** Sum and count of a leaf, behind the hash in its digest. */
function setTotals(leaf: usize, i: usize): void {
  if (!sums) return;
  store<u64>(leafDigest(leaf), bswap<u64>(load<u64>(WEIGHTS + (i << 3))), 32);
  store<u64>(leafDigest(leaf), bswap<u64>(1), 40);
}

function stageHashed(count: u32, paths: usize, hashes: usize, deletes: bool): void {
  let lanes: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const leaf = stageLeaf(paths + i * PATH_ROOM);
    if (isDelete(i, deletes)) {
      setValueLength(leaf, DELETES);
      continue;
    }
    setValueLength(leaf, <u32>HASH_BYTES);
    setTotals(leaf, i);
    const value = valueSlot(leaf);
    const hash = hashes + i * HASH_BYTES;
    for (let at: usize = 0; at < HASH_BYTES; at += 8) store<u64>(value + at, load<u64>(hash + at));
    store<u32>(LEAVES + (lanes << 2), <u32>leaf);
    if (++lanes < 4) continue;
    hashLeaves(4);
    lanes = 0;
  }
  if (lanes > 0) hashLeaves(lanes);
}

/** The digests of the first `count` LEAVES. */
function hashLeaves(count: usize): void {
  const arePairs = ASC_FEATURE_SIMD && !sums && pathBytes === PATH_ROOM && count > 1;
  for (let i: usize = 0; i < count; i++) {
    const leaf = load<u32>(LEAVES + (i << 2));
    if (arePairs) {
      store<u32>(PAIRS + (i << 3), <u32>leafPath(leaf));
      store<u32>(PAIRS + (i << 3), <u32>valueSlot(leaf), 4);
    } else {
      writeSlot(SLOTS + i * SLOT_BYTES, leaf);
    }
    store<u32>(TARGETS + (i << 2), <u32>leafDigest(leaf));
  }
  if (!ASC_FEATURE_SIMD || !arePairs) {
    hashSlots(SLOTS, leafLength(), <u32>count, TARGETS);
    return;
  }
  // Lanes without a leaf hash an older one again.
  hashPairs(LEAF, PAIRS);
  endFourAt(TARGETS, count);
}

function writeSlot(slot: usize, leaf: usize): void {
  const path = leafPath(leaf);
  const hash = slot + 1 + pathBytes;
  // A path shorter than its room is overwritten by the hash behind it.
  for (let at: usize = 0; at < PATH_ROOM; at += 8) store<u64>(slot + 1 + at, load<u64>(path + at));
  for (let at: usize = 0; at < HASH_BYTES; at += 8) store<u64>(hash + at, load<u64>(valueSlot(leaf) + at));
  if (!sums) return;
  store<u64>(hash, load<u64>(leafDigest(leaf), 32), 32);
  store<u64>(hash, load<u64>(leafDigest(leaf), 40), 40);
}

/** Leaves that hold their values: the encodings are completed where the values stand, and hashed there. */
function stageWhole(count: u32, paths: usize, deletes: bool): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const encoding = load<u32>(VALUE_OFFSETS + (i << 2));
    store<u8>(encoding, LEAF);
    memory.copy(encoding + 1, paths + i * PATH_ROOM, pathBytes);
    if (!sums) continue;
    const totals = <usize>load<u32>(VALUE_OFFSETS + (i << 2), 4) - TOTALS_BYTES;
    store<u64>(totals, bswap<u64>(load<u64>(WEIGHTS + (i << 3))));
    store<u64>(totals, bswap<u64>(1), 8);
  }
  hashMixed(0, VALUE_OFFSETS, count, HASHES);
  for (let i: usize = 0; i < <usize>count; i++) {
    const leaf = stageLeaf(paths + i * PATH_ROOM);
    if (isDelete(i, deletes)) {
      setValueLength(leaf, DELETES);
      continue;
    }
    memory.copy(leafDigest(leaf), HASHES + i * HASH_BYTES, HASH_BYTES);
    setTotals(leaf, i);
    keepValue(leaf, <usize>load<u32>(VALUE_OFFSETS + (i << 2)) + leafHead(), wholeLength(i));
  }
}

function keepValue(leaf: usize, value: usize, length: usize): void {
  setValueLength(leaf, <u32>length);
  let target = valueSlot(leaf);
  if (length > INLINE_BYTES) {
    const block = newBlock(length);
    store<u32>(target, <u32>block);
    target = block;
  }
  memory.copy(target, value, length);
}

/** Hashes messages that begin where KEY_OFFSETS tells, as many as a batch has at most, to HASHES. */
export function hashMessages(count: u32): void {
  hashMixed(0, KEY_OFFSETS, count, HASHES);
}
