/**
 * Sparse Merkle tries and sum tries, whole in this memory. The host refers to a trie by its root node, of which it holds
 * one reference; an update makes a new root that shares what is the same. See trie/layout.ts for the records.
 */

import { hashOne } from './sha256/one';
import { giveRegion, hasRoom, resetArena, takeRegion } from './trie/arena';
import { changeCount, closeChanges, dropChanges, orderChanges } from './trie/changes';
import { prepareInner } from './trie/inner-slots';
import { pathBytes, retain, setLayout } from './trie/layout';
import { countNew, mergeChanges } from './trie/merge';
import { QUERY } from './trie/proof';
import { seal } from './trie/seal';
import { openStage, prepareStage } from './trie/stage';

export { branches, leaves, release, usedBytes } from './trie/arena';
export { digestOf, leafDigest, leafPath, retain, valueAt, valueLength } from './trie/layout';
export { growth } from './trie/merge';
export {
  climb,
  FLIPS,
  FOLDED,
  FOLDED_BYTES,
  find,
  foldSides,
  prove,
  proveClosest,
  QUERY,
  SIDE_COUNTS,
  SIDES,
  SIDES_BYTES,
  WALKED,
} from './trie/proof';
export {
  BATCH_MAX,
  DELETE_FLAGS,
  HASHES,
  hashMessages,
  KEY_OFFSETS,
  stageBatch,
  VALUE_OFFSETS,
  WEIGHTS,
} from './trie/stage';

/** Not a root: it is odd, and no leaf is there. */
export const NO_ROOM: usize = 0xffffffff;

/** Where the host writes keys, values and encodings. */
let input: usize = 0;
let inputBytes: usize = 0;

/** Once, before anything else. */
export function configure(
  sum: bool,
  values: bool,
  paths: bool,
  bytes: usize,
  shardBits: u32,
  shardIndex: u32,
  limitBytes: usize,
): void {
  setLayout(sum, values, paths, bytes, shardBits, shardIndex);
  resetArena(limitBytes);
  prepareInner();
  prepareStage();
}

/** The address of at least `bytes` for the host to write to, or 0 where there is no room. */
export function openInput(bytes: usize): usize {
  if (bytes <= inputBytes) return input;
  const larger = takeRegion(bytes);
  if (larger === 0) return 0;
  if (input !== 0) giveRegion(input, inputBytes);
  input = larger;
  inputBytes = bytes;
  return input;
}

/** Before the batches of an update: false where there is no room for its leaves. */
export function open(count: u32): bool {
  return openStage(count);
}

/** Gives up the update that was opened. */
export function abandon(): void {
  dropChanges();
}

/**
 * The root after the changes staged since `open`. `consume`: the host hands over its reference to the old root, and what
 * nobody else sees is changed in place; otherwise the old trie stays as it is. A reference to the new root is the host's.
 * `size`: leaves of the old trie. NO_ROOM where the branches might not fit; then nothing has changed, and the update is still
 * open.
 */
export function commit(root: usize, consume: bool, size: u32): usize {
  orderChanges();
  if (!hasRoomToMerge(root, consume, size)) return NO_ROOM;
  if (root !== 0 && !consume) retain(root);
  const merged = mergeChanges(root, changeCount());
  closeChanges();
  seal();
  return merged;
}

/**
 * Each change may need a branch, and each branch on its way a copy: of those, at first, as many are reckoned as a trie of
 * this size can have. Only where so many would not fit are they counted.
 */
function hasRoomToMerge(root: usize, consume: bool, size: u32): bool {
  const count = changeCount();
  const most = <u64>count + min<u64>(<u64>count * (pathBytes << 3), size);
  return hasRoom(0, most, 0) || hasRoom(0, countNew(root, !consume), 0);
}

/** The path of the key of `length` bytes in the input, to QUERY. */
export function hashKey(length: usize): void {
  hashOne(input, length, QUERY);
}
