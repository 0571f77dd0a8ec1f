/**
 * Memory for nodes. It grows from the end of what is laid out at compile time up to a limit that the host states, and is
 * taken in chunks; each chunk serves records of one size, and a freed record is used again for its own kind.
 */
import {
  branchBytes,
  DELETES,
  INLINE_BYTES,
  isLeaf,
  leafBytes,
  leafOf,
  left,
  right,
  valueLength,
  valueSlot,
} from './layout';

const PAGE_BYTES: usize = 65536;
const CHUNK_BYTES: usize = 65536;
/** Memory is asked for in steps of 1 MiB: the host makes its views anew after each. */
const GROWTH_PAGES: u32 = 16;

/** First byte that nothing uses yet. */
let top: usize = 0;
/** No byte behind this one is used. */
let limit: usize = 0;
/** Chunks that came back whole. The first word of each leads to the next. */
let freeChunks: usize = 0;
let freeChunkCount: u32 = 0;

let freeLeaves: usize = 0;
let freeLeafCount: u32 = 0;
let leafCursor: usize = 0;
let leafEnd: usize = 0;

let freeBranches: usize = 0;
let freeBranchCount: u32 = 0;
let branchCursor: usize = 0;
let branchEnd: usize = 0;

/**
 * Blocks of long values: sizes in four steps per doubling, so that at most a fifth of a block is lost above 64
 * bytes, and a free list for each. A block is never cut, so there is nothing to merge; a size that went out of use keeps its blocks.
 */
const freeBlocks: usize = memory.data(512, 16);
/** Larger blocks do not come from chunks. */
const CHUNKED_BLOCK_BYTES: usize = 4096;
let blockCursor: usize = 0;
let blockEnd: usize = 0;

export let leaves: u32 = 0;
export let branches: u32 = 0;

/** All memory above the static data is free. `limitBytes` counts the static data too. */
export function resetArena(limitBytes: usize): void {
  top = (__heap_base + 63) & ~63;
  limit = limitBytes;
}

/** Bytes of memory that are or were in use. */
export function usedBytes(): usize {
  return top;
}

/** True if `bytes` more may be taken from the end. */
function fits(bytes: u64): bool {
  return <u64>top + bytes <= <u64>limit;
}

/** Takes bytes from the end; the caller has asked for room. Should the machine have none, this traps. */
function takeTop(bytes: usize): usize {
  const at = top;
  top += (bytes + 63) & ~63;
  const pages = <u32>((<u64>top + PAGE_BYTES - 1) / PAGE_BYTES);
  const present = <u32>memory.size();
  if (pages > present) {
    const atMost = max<u32>(pages, <u32>(limit / PAGE_BYTES));
    const wanted = min<u32>(max<u32>(pages, present + GROWTH_PAGES), atMost);
    if (memory.grow(wanted - present) < 0) unreachable();
  }
  return at;
}

/** A region of its own, or 0 where it does not fit. */
export function takeRegion(bytes: usize): usize {
  return fits(<u64>bytes + 64) ? takeTop(bytes) : 0;
}

/** A region that is not needed any more becomes chunks. */
export function giveRegion(at: usize, bytes: usize): void {
  for (let left = bytes; left >= CHUNK_BYTES; left -= CHUNK_BYTES) {
    store<u32>(at, <u32>freeChunks);
    freeChunks = at;
    freeChunkCount++;
    at += CHUNK_BYTES;
  }
}

function takeChunk(): usize {
  if (freeChunks === 0) return takeTop(CHUNK_BYTES);
  const chunk = freeChunks;
  freeChunks = load<u32>(chunk);
  freeChunkCount--;
  return chunk;
}

/** Chunks to come by `count` records more. */
function chunksFor(count: u64, free: u32, cursor: usize, end: usize, bytes: usize): u64 {
  const present = <u64>free + <u64>((end - cursor) / bytes);
  if (count <= present) return 0;
  const each = <u64>(CHUNK_BYTES / bytes);
  return (count - present + each - 1) / each;
}

/** True if so many leaves and branches, and values in so many bytes of blocks, can be made without passing the limit. */
export function hasRoom(leafCount: u64, branchCount: u64, blockBytes: u64): bool {
  let chunks = chunksFor(leafCount, freeLeafCount, leafCursor, leafEnd, leafBytes);
  chunks += chunksFor(branchCount, freeBranchCount, branchCursor, branchEnd, branchBytes);
  // A chunk of blocks may end in a rest too small for the next one.
  if (blockBytes > 0) chunks += 1 + (blockBytes + blockBytes / 8) / CHUNK_BYTES + 1;
  return fits((chunks > <u64>freeChunkCount ? chunks - <u64>freeChunkCount : 0) * CHUNK_BYTES);
}

export function newLeaf(): usize {
  leaves++;
  let leaf = freeLeaves;
  if (leaf !== 0) {
    freeLeaves = load<u32>(leaf);
    freeLeafCount--;
  } else {
    if (leafCursor + leafBytes > leafEnd) {
      leafCursor = takeChunk();
      leafEnd = leafCursor + CHUNK_BYTES;
    }
    leaf = leafCursor;
    leafCursor += leafBytes;
  }
  store<u32>(leaf, 1);
  return leaf;
}

/** Frees a leaf that nobody refers to. One that only asks to delete has no value. */
export function freeLeaf(leaf: usize): void {
  const length = valueLength(leaf);
  if (length > <u32>INLINE_BYTES && length !== DELETES) freeBlock(load<u32>(valueSlot(leaf)), length);
  store<u32>(leaf, <u32>freeLeaves);
  freeLeaves = leaf;
  freeLeafCount++;
  leaves--;
}

export function newBranch(): usize {
  branches++;
  let branch = freeBranches;
  if (branch !== 0) {
    freeBranches = load<u32>(branch);
    freeBranchCount--;
  } else {
    if (branchCursor + branchBytes > branchEnd) {
      branchCursor = takeChunk();
      branchEnd = branchCursor + CHUNK_BYTES;
    }
    branch = branchCursor;
    branchCursor += branchBytes;
  }
  store<u32>(branch, 1);
  return branch;
}

export function freeBranch(branch: usize): void {
  store<u32>(branch, <u32>freeBranches);
  freeBranches = branch;
  freeBranchCount++;
  branches--;
}

/** One owner less of a node; what nobody owns then is freed, all the way down. */
export function release(node: usize): void {
  const record = node & ~1;
  const references = load<u32>(record) - 1;
  store<u32>(record, references);
  if (references !== 0) return;
  if (isLeaf(node)) {
    freeLeaf(leafOf(node));
    return;
  }
  release(left(node));
  release(right(node));
  freeBranch(node);
}

/** The number of a size: four to each power of two, from 64 bytes on. */
function sizeClass(bytes: usize): usize {
  if (bytes <= 64) return 0;
  const power: usize = 31 - clz<usize>(bytes - 1);
  return ((power - 6) << 2) + (((bytes - 1) >> (power - 2)) & 3) + <usize>1;
}

/** What a block of a size takes. */
export function blockBytesFor(bytes: usize): usize {
  if (bytes <= 64) return 64;
  const step: usize = 1 << (29 - clz<usize>(bytes - 1));
  return (bytes + step - 1) & ~(step - 1);
}

export function newBlock(length: usize): usize {
  const list = freeBlocks + (sizeClass(length) << 2);
  const free = load<u32>(list);
  if (free !== 0) {
    store<u32>(list, load<u32>(free));
    return free;
  }
  const bytes = blockBytesFor(length);
  if (bytes > CHUNKED_BLOCK_BYTES) return takeTop(bytes);
  if (blockCursor + bytes > blockEnd) {
    blockCursor = takeChunk();
    blockEnd = blockCursor + CHUNK_BYTES;
  }
  const block = blockCursor;
  blockCursor += bytes;
  return block;
}

function freeBlock(block: usize, length: usize): void {
  const list = freeBlocks + (sizeClass(length) << 2);
  store<u32>(block, load<u32>(list));
  store<u32>(list, <u32>block);
}
