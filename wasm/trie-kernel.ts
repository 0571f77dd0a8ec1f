import { CodedError, isTrap } from '../runtime/errors.ts';
import { sha256 } from './hash.ts';
import { type Build, instantiateKernel, type KernelExports, vectorBuild } from './kernel.ts';
import type { Fold, ProofHasher } from './trie-encoding.ts';
import {
  HASH_BYTES,
  PATH_ROOM,
  requireKey,
  resolveSpec,
  TOTALS_BYTES,
  type TrieOptions,
  type TrieSpec,
} from './trie-spec.ts';

/** Where an arena lives and how far it may grow. */
export interface ArenaLimits {
  /** Memory of the arena at most, in bytes. Default 2 GiB, some ten million leaves; WebAssembly ends at 4 GiB. */
  readonly maxBytes?: number;
  /** Default: the best that this machine runs. */
  readonly build?: Build;
}

const MAX_BYTES_DEFAULT = 2 ** 31;
/** 64 KiB below what an address of 32 bits reaches, so that the end of memory has an address. */
const MAX_BYTES_MOST = 2 ** 32 - 65_536;

/** Longer messages than this are hashed outside: no proof that someone sends makes the arena grow by its size. */
const HASHED_HERE_BYTES = 65_536;

type Address = WebAssembly.Global<'i32'>;

/** Addresses and sizes that never change: read once, since reading a global takes longer than what it is read for. */
const CONSTANTS = [
  'BATCH_MAX',
  'KEY_OFFSETS',
  'NO_ROOM',
  'VALUE_OFFSETS',
  'WEIGHTS',
  'DELETE_FLAGS',
  'QUERY',
  'SIDES',
  'SIDES_BYTES',
  'SIDE_COUNTS',
  'FLIPS',
  'FOLDED',
  'HASHES',
  'FOLDED_BYTES',
  'WALKED',
] as const;
type Constant = (typeof CONSTANTS)[number];

/** What wasm/assembly/trie.ts exports. Nodes and addresses come as signed numbers and are used as unsigned ones. */
interface TrieExports extends KernelExports, Record<Constant, Address> {
  readonly growth: Address;
  readonly leaves: Address;
  readonly branches: Address;
  configure(
    sum: number,
    values: number,
    paths: number,
    pathBytes: number,
    shardBits: number,
    shardIndex: number,
    limitBytes: number,
  ): void;
  openInput(bytes: number): number;
  open(count: number): number;
  abandon(): void;
  stageBatch(
    count: number,
    keys: number,
    keyBytes: number,
    values: number,
    valueBytes: number,
    deletes: number,
    raw: number,
  ): number;
  commit(root: number, consume: number, size: number): number;
  retain(node: number): void;
  release(node: number): void;
  digestOf(node: number): number;
  leafDigest(leaf: number): number;
  leafPath(leaf: number): number;
  valueLength(leaf: number): number;
  valueAt(leaf: number): number;
  usedBytes(): number;
  hashKey(length: number): void;
  find(root: number): number;
  prove(root: number): number;
  proveClosest(root: number): void;
  hashMessages(count: number): void;
  foldSides(proofs: number): void;
  climb(from: number, to: number): void;
}

/** Views of the memory, good until it grows. */
interface Views {
  readonly bytes: Uint8Array;
  readonly walked: Uint32Array;
  readonly keyOffsets: Uint32Array;
  readonly valueOffsets: Uint32Array;
  readonly weights: BigUint64Array;
}

/** What a walk came to. The arrays are copies. */
export interface Walked {
  /** From the lowest up to the root's child. */
  readonly sideNodes: Uint8Array[];
  readonly siblingData: Uint8Array | null;
  /** The leaf at the end, or 0. */
  readonly leaf: number;
  /** True if that is the leaf at the very path. */
  readonly found: boolean;
  readonly flippedBits: number[];
}

/** Where the parts of a batch stand, see `stageBatch` in the kernel. Lengths of -1: the offsets tell. */
export interface Batch {
  readonly count: number;
  readonly keys: number;
  readonly keyBytes: number;
  readonly values: number;
  readonly valueBytes: number;
  readonly deletes: boolean;
  /** Keys are paths in 32 bytes, and hashed values are digests. */
  readonly raw: boolean;
}

/** Answers of `stageBatch`. */
const FULL = 1;
const OF_ANOTHER_SHARD = 2;

/**
 * The memory that tries with the same options share: one instance of the trie kernel. A trie is a root in it, and this
 * class passes roots in and out; `SparseMerkleTrie` is what to use.
 *
 * A trap in the kernel is a bug, and leaves a memory that nobody must read: from then on every call fails with the same
 * trap. It ends the actor, whose successor builds the tries anew, in another arena, from what they were made of.
 */
export class TrieKernel implements ProofHasher {
  readonly spec: TrieSpec;
  /** Proofs that are verified at a time. */
  readonly lanes = 4;
  readonly #exports: TrieExports;
  readonly #at: Readonly<Record<Constant, number>>;
  #views: Views | undefined;
  #trap: unknown;

  /** @throws CodedError TRIE_OPTIONS_INVALID, KERNEL_MISSING */
  constructor(options: TrieOptions = {}, limits: ArenaLimits = {}) {
    this.spec = resolveSpec(options);
    const { sum, hashesValues, hashesPaths, pathBytes, shardBits, shardIndex } = this.spec;
    const maxBytes = Math.min(limits.maxBytes ?? MAX_BYTES_DEFAULT, MAX_BYTES_MOST);
    this.#exports = instantiateKernel<TrieExports>('trie', limits.build ?? vectorBuild());
    this.#at = Object.fromEntries(CONSTANTS.map((name) => [name, this.#exports[name].value])) as Record<
      Constant,
      number
    >;
    this.#exports.configure(+sum, +hashesValues, +hashesPaths, pathBytes, shardBits, shardIndex, maxBytes);
  }

  /** False after a trap. */
  get isSound(): boolean {
    return this.#trap === undefined;
  }

  get batchMax(): number {
    return this.#at.BATCH_MAX;
  }

  /** What stands in the memory at present: of all tries that nobody released. */
  get usage(): { leaves: number; branches: number; bytes: number } {
    const { leaves, branches } = this.#exports;
    return { leaves: leaves.value, branches: branches.value, bytes: this.#exports.usedBytes() >>> 0 };
  }

  /** Views of the memory as it is now. */
  get views(): Views {
    // Memory that has grown leaves its old buffer without a byte.
    if (this.#views !== undefined && this.#views.bytes.length !== 0) return this.#views;
    const { buffer } = this.#exports.memory;
    const { KEY_OFFSETS, VALUE_OFFSETS, WEIGHTS, WALKED, BATCH_MAX } = this.#at;
    this.#views = {
      bytes: new Uint8Array(buffer),
      walked: new Uint32Array(buffer, WALKED, 5),
      keyOffsets: new Uint32Array(buffer, KEY_OFFSETS, BATCH_MAX + 1),
      valueOffsets: new Uint32Array(buffer, VALUE_OFFSETS, BATCH_MAX + 1),
      weights: new BigUint64Array(buffer, WEIGHTS, BATCH_MAX),
    };
    return this.#views;
  }

  /** Where the flags of entries to delete stand, a byte each. */
  get deleteFlags(): number {
    return this.#at.DELETE_FLAGS;
  }

  /** An address to write `bytes` to. @throws CodedError TRIE_MEMORY_FULL */
  openInput(bytes: number): number {
    const address = this.#call('openInput', (kernel) => kernel.openInput(bytes));
    if (address === 0) throw this.#full();
    return address >>> 0;
  }

  /** Begins an update of `count` entries. @throws CodedError TRIE_MEMORY_FULL */
  open(count: number): void {
    if (this.#call('open', (kernel) => kernel.open(count)) === 0) throw this.#full();
  }

  /** Takes a batch that was written to the memory. @throws CodedError TRIE_MEMORY_FULL, TRIE_KEY_INVALID */
  stage({ count, keys, keyBytes, values, valueBytes, deletes, raw }: Batch): void {
    const answer = this.#call('stage', (kernel) =>
      kernel.stageBatch(count, keys, keyBytes, values, valueBytes, +deletes, +raw),
    );
    if (answer === FULL) throw this.#full();
    if (answer !== OF_ANOTHER_SHARD) return;
    const { shardBits, shardIndex } = this.spec;
    throw new CodedError('TRIE_KEY_INVALID', `A key is not of shard ${shardIndex} of 2^${shardBits}.`, { shardIndex });
  }

  /** Gives up the update that was begun. */
  abandon(): void {
    if (this.isSound) this.#call('abandon', (kernel) => kernel.abandon());
  }

  /**
   * A root of the caller's own, and by how many leaves it grew. With `consume`, the old one, of a trie of `size` leaves, is not
   * the caller's any more.
   * @throws CodedError TRIE_MEMORY_FULL; then nothing has changed, and the update is still open
   */
  commit(root: number, size: number, consume: boolean): { root: number; growth: number } {
    const next = this.#call('commit', (kernel) => kernel.commit(root, +consume, size)) >>> 0;
    if (next === this.#at.NO_ROOM >>> 0) throw this.#full();
    return { root: next, growth: this.#exports.growth.value };
  }

  /** One more reference to a root. */
  retain(root: number): void {
    if (root !== 0) this.#call('retain', (kernel) => kernel.retain(root));
  }

  release(root: number): void {
    if (root !== 0 && this.isSound) this.#call('release', (kernel) => kernel.release(root));
  }

  digest(root: number): Uint8Array {
    if (root === 0) return Uint8Array.from(this.spec.placeholder);
    return this.#copy(this.#exports.digestOf(root) >>> 0, this.spec.digestBytes);
  }

  /** The leaf of a key, or 0. @throws CodedError TRIE_KEY_INVALID */
  find(root: number, key: Uint8Array): number {
    this.#askKey(key);
    return this.#call('find', (kernel) => kernel.find(root)) >>> 0;
  }

  pathOf(leaf: number): Uint8Array {
    return this.#copy(this.#exports.leafPath(leaf) >>> 0, this.spec.pathBytes);
  }

  /** The value, in a sum trie with weight and count behind it. */
  storedOf(leaf: number): Uint8Array {
    const stored = new Uint8Array(this.#storedBytes(leaf));
    this.#writeStored(leaf, stored, 0);
    return stored;
  }

  /** The published encoding of a leaf. */
  encodingOf(leaf: number): Uint8Array {
    const { pathBytes } = this.spec;
    const path = this.#exports.leafPath(leaf) >>> 0;
    const encoding = new Uint8Array(1 + pathBytes + this.#storedBytes(leaf));
    encoding.set(this.views.bytes.subarray(path, path + pathBytes), 1);
    this.#writeStored(leaf, encoding, 1 + pathBytes);
    return encoding;
  }

  #storedBytes(leaf: number): number {
    return this.#exports.valueLength(leaf) + (this.spec.sum ? TOTALS_BYTES : 0);
  }

  #writeStored(leaf: number, target: Uint8Array, at: number): void {
    const kernel = this.#exports;
    const { bytes } = this.views;
    const value = kernel.valueAt(leaf) >>> 0;
    const length = kernel.valueLength(leaf);
    target.set(bytes.subarray(value, value + length), at);
    if (!this.spec.sum) return;
    const totals = (kernel.leafDigest(leaf) >>> 0) + HASH_BYTES;
    target.set(bytes.subarray(totals, totals + TOTALS_BYTES), at + length);
  }

  /** @throws CodedError TRIE_KEY_INVALID */
  prove(root: number, key: Uint8Array): Walked {
    this.#askKey(key);
    const found = this.#call('prove', (kernel) => kernel.prove(root)) !== 0;
    return this.#walked(found);
  }

  proveClosest(root: number, path: Uint8Array): Walked {
    this.#askPath(path);
    this.#call('proveClosest', (kernel) => kernel.proveClosest(root));
    return this.#walked(false);
  }

  #walked(found: boolean): Walked {
    const { digestBytes } = this.spec;
    const { bytes, walked } = this.views;
    const [count, flips, leaf, sibling, siblingBytes] = walked as unknown as [number, number, number, number, number];
    // One piece of memory for all: twenty small ones take longer than the walk.
    const { SIDES, FLIPS } = this.#at;
    const sideBytes = count * digestBytes;
    const { buffer } = bytes.slice(SIDES, SIDES + sideBytes + siblingBytes);
    const sideNodes: Uint8Array[] = new Array(count);
    for (let i = 0; i < count; i++) {
      sideNodes[i] = new Uint8Array(buffer, (count - 1 - i) * digestBytes, digestBytes);
    }
    const flippedBits = flips === 0 ? [] : Array.from(bytes.subarray(FLIPS, FLIPS + flips));
    let siblingData: Uint8Array | null = null;
    if (siblingBytes > 0) siblingData = new Uint8Array(buffer, sideBytes, siblingBytes);
    else if (sibling !== 0) siblingData = this.encodingOf(sibling - 1);
    return { sideNodes, siblingData, leaf, found, flippedBits };
  }

  /** The path of a key. @throws CodedError TRIE_KEY_INVALID */
  path(key: Uint8Array): Uint8Array {
    this.#askKey(key);
    return this.#copy(this.#at.QUERY, this.spec.pathBytes);
  }

  sha256(messages: readonly (readonly Uint8Array[])[]): Uint8Array[] {
    const digests: Uint8Array[] = [];
    const input = this.openInput(HASHED_HERE_BYTES);
    const { bytes, keyOffsets } = this.views;
    let at = input;
    let count = 0;
    const flush = (): void => {
      keyOffsets[count] = at;
      this.#call('hash', (kernel) => kernel.hashMessages(count));
      for (let i = 0; i < count; i++) digests.push(this.#copy(this.#at.HASHES + i * HASH_BYTES, HASH_BYTES));
      at = input;
      count = 0;
    };
    for (const parts of messages) {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (count === this.batchMax || at + length > input + HASHED_HERE_BYTES) flush();
      if (length > HASHED_HERE_BYTES) {
        digests.push(sha256(Buffer.concat(parts)));
        continue;
      }
      keyOffsets[count++] = at;
      for (const part of parts) {
        bytes.set(part, at);
        at += part.length;
      }
    }
    if (count > 0) flush();
    return digests;
  }

  climb(digest: Uint8Array, path: Uint8Array, from: number, to: number): Uint8Array {
    this.#askPath(path);
    this.views.bytes.set(digest, this.#at.FOLDED);
    this.#call('climb', (kernel) => kernel.climb(from, to));
    return this.#copy(this.#at.FOLDED, this.spec.digestBytes);
  }

  fold(folds: readonly Fold[]): Uint8Array[] {
    const { QUERY, SIDES, SIDES_BYTES, SIDE_COUNTS, FOLDED, FOLDED_BYTES } = this.#at;
    const { bytes } = this.views;
    for (const [lane, { path, digest, sideNodes }] of folds.entries()) {
      this.#writePath(QUERY + lane * PATH_ROOM, path);
      bytes.set(digest, FOLDED + lane * FOLDED_BYTES);
      let at = SIDES + lane * SIDES_BYTES;
      for (const side of sideNodes) {
        bytes.set(side, at);
        at += this.spec.digestBytes;
      }
      const count = SIDE_COUNTS + 4 * lane;
      bytes[count] = sideNodes.length;
      bytes[count + 1] = sideNodes.length >> 8;
    }
    this.#call('fold', (kernel) => kernel.foldSides(folds.length));
    return folds.map((_, lane) => this.#copy(FOLDED + lane * FOLDED_BYTES, this.spec.digestBytes));
  }

  #askKey(key: Uint8Array): void {
    requireKey(this.spec, key);
    if (!this.spec.hashesPaths) {
      this.#askPath(key.subarray(0, this.spec.pathBytes));
    } else if (key.length > HASHED_HERE_BYTES) {
      this.#askPath(sha256(key));
    } else {
      this.#hash(key);
    }
  }

  /** The digest of a message, to where the kernel looks for a path. */
  #hash(message: Uint8Array): void {
    const input = this.openInput(HASHED_HERE_BYTES);
    this.views.bytes.set(message, input);
    this.#call('hashKey', (kernel) => kernel.hashKey(message.length));
  }

  #askPath(path: Uint8Array): void {
    this.#writePath(this.#at.QUERY, path);
  }

  #writePath(at: number, path: Uint8Array): void {
    const { bytes } = this.views;
    if (path.length < PATH_ROOM) bytes.fill(0, at, at + PATH_ROOM);
    bytes.set(path, at);
  }

  #copy(at: number, length: number): Uint8Array {
    return this.views.bytes.slice(at, at + length);
  }

  /** A trap goes on as what it is, so that it ends the actor, with what is known about it. */
  #call<Result>(operation: string, run: (kernel: TrieExports) => Result): Result {
    if (this.#trap !== undefined) throw this.#trap;
    try {
      return run(this.#exports);
    } catch (error) {
      if (!isTrap(error)) throw error;
      this.#trap = error;
      const { leaves, branches, bytes } = this.usage;
      const trap = error as Error;
      trap.message += ` (trie kernel, ${operation}: ${leaves} leaves, ${branches} branches, ${bytes} bytes)`;
      throw trap;
    }
  }

  #full(): CodedError {
    return new CodedError('TRIE_MEMORY_FULL', 'The memory of these tries has reached its limit.', { ...this.usage });
  }
}
