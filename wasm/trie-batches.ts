import { CodedError } from '../runtime/errors.ts';
import type { TrieKernel } from './trie-kernel.ts';
import { HASH_BYTES, PATH_ROOM, requireKey, requirePath, requireWeight, TOTALS_BYTES } from './trie-spec.ts';

/** One key to set, or with a null value to delete. */
export interface TrieEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  /** Of a sum trie only: unsigned 64-bit. Default 0. */
  readonly weight?: bigint;
}

/** Many entries of one size in few arrays. Keys follow each other, and values do. */
export interface PackedEntries {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly keyBytes: number;
  readonly values: Uint8Array;
  readonly valueBytes: number;
  /** Of a sum trie only. */
  readonly weights?: BigUint64Array;
}

/** A leaf as another trie with the same options holds it. */
export interface ImportedLeaf {
  readonly path: Uint8Array;
  /** What the leaf holds: the digest of its value where the trie hashes values, else the value. */
  readonly stored: Uint8Array;
  readonly weight?: bigint;
}

/** Bytes of one batch, unless a single entry has more: they stay in the cache while they are hashed. */
const BATCH_BYTES = 262_144;

/** @throws CodedError TRIE_KEY_INVALID, TRIE_WEIGHT_INVALID, TRIE_MEMORY_FULL */
export function stageEntries(kernel: TrieKernel, entries: readonly TrieEntry[]): void {
  const writer = new BatchWriter(kernel, false);
  for (const { key, value, weight = 0n } of entries) {
    requireKey(kernel.spec, key);
    if (kernel.spec.sum && value !== null) requireWeight(weight);
    writer.add(key, value, weight);
  }
  writer.flush();
}

/** @throws CodedError TRIE_KEY_INVALID, TRIE_VALUE_INVALID, TRIE_WEIGHT_INVALID, TRIE_MEMORY_FULL */
export function stageLeaves(kernel: TrieKernel, leaves: readonly ImportedLeaf[]): void {
  const { spec } = kernel;
  const writer = new BatchWriter(kernel, true);
  for (const { path, stored, weight = 0n } of leaves) {
    requirePath(spec, path);
    if (spec.sum) requireWeight(weight);
    if (spec.hashesValues && stored.length !== HASH_BYTES) {
      throw new CodedError('TRIE_VALUE_INVALID', `A leaf of this trie holds ${HASH_BYTES} bytes.`, {
        length: stored.length,
      });
    }
    writer.add(path, stored, weight);
  }
  writer.flush();
}

/** Collects entries of any length and sends them to the kernel batch by batch. */
class BatchWriter {
  readonly #kernel: TrieKernel;
  readonly #raw: boolean;
  /** Of a value that is not hashed: bytes of its encoding before and behind it. */
  readonly #head: number;
  readonly #tail: number;
  #keys: Uint8Array[] = [];
  #values: (Uint8Array | null)[] = [];
  #weights: bigint[] = [];
  #bytes = 0;

  constructor(kernel: TrieKernel, raw: boolean) {
    const { hashesValues, pathBytes, sum } = kernel.spec;
    this.#kernel = kernel;
    this.#raw = raw;
    this.#head = hashesValues ? 0 : 1 + pathBytes;
    this.#tail = hashesValues || !sum ? 0 : TOTALS_BYTES;
  }

  add(key: Uint8Array, value: Uint8Array | null, weight: bigint): void {
    const bytes = this.#keyBytes(key) + this.#head + (value?.length ?? 0) + this.#tail;
    const isFull = this.#keys.length === this.#kernel.batchMax || this.#bytes + bytes > BATCH_BYTES;
    if (isFull && this.#keys.length > 0) this.flush();
    this.#keys.push(key);
    this.#values.push(value);
    this.#weights.push(weight);
    this.#bytes += bytes;
  }

  flush(): void {
    const kernel = this.#kernel;
    const count = this.#keys.length;
    if (count === 0) return;
    const keys = kernel.openInput(Math.max(this.#bytes, BATCH_BYTES));
    const values = this.#writeKeys(keys);
    const deletes = this.#writeValues(values);
    if (kernel.spec.sum) kernel.views.weights.set(this.#weights);
    const { keyBytes, valueBytes } = this.#lengths();
    kernel.stage({ count, keys, keyBytes, values, valueBytes, deletes, raw: this.#raw });
    this.#keys = [];
    this.#values = [];
    this.#weights = [];
    this.#bytes = 0;
  }

  /** Imported paths take the room that paths have in the kernel. */
  #keyBytes(key: Uint8Array): number {
    return this.#raw ? PATH_ROOM : key.length;
  }

  #writeKeys(address: number): number {
    const { bytes, keyOffsets } = this.#kernel.views;
    let at = address;
    for (const [i, key] of this.#keys.entries()) {
      keyOffsets[i] = at;
      if (this.#raw) bytes.fill(0, at, at + PATH_ROOM);
      bytes.set(key, at);
      at += this.#keyBytes(key);
    }
    keyOffsets[this.#keys.length] = at;
    return at;
  }

  /** True if there was one to delete. */
  #writeValues(address: number): boolean {
    const { bytes, valueOffsets } = this.#kernel.views;
    const flags = this.#kernel.deleteFlags;
    let deletes = false;
    let at = address;
    for (const [i, value] of this.#values.entries()) {
      valueOffsets[i] = at;
      at += this.#head;
      bytes[flags + i] = value === null ? 1 : 0;
      if (value === null) deletes = true;
      else bytes.set(value, at);
      at += (value?.length ?? 0) + this.#tail;
    }
    valueOffsets[this.#values.length] = at;
    return deletes;
  }

  /** The one length of all keys, and of all values; -1 where there are several. */
  #lengths(): { keyBytes: number; valueBytes: number } {
    const one = (arrays: (Uint8Array | null)[]): number => {
      const length = arrays[0]?.length ?? 0;
      return arrays.every((array) => (array?.length ?? 0) === length) ? length : -1;
    };
    return { keyBytes: one(this.#keys), valueBytes: one(this.#values) };
  }
}

/**
 * Entries of one size go to the kernel as they are, many at a time.
 * @throws CodedError TRIE_KEY_INVALID, TRIE_MEMORY_FULL
 */
export function stagePacked(kernel: TrieKernel, entries: PackedEntries): void {
  const { count, keys, keyBytes, values, valueBytes, weights } = entries;
  requirePacked(kernel, entries);
  if (!kernel.spec.hashesValues) {
    stageEntries(kernel, unpack(entries));
    return;
  }
  const bytesEach = keyBytes + valueBytes;
  const most = Math.max(1, Math.min(kernel.batchMax, Math.floor(BATCH_BYTES / bytesEach)));
  for (let first = 0; first < count; first += most) {
    const batch = Math.min(most, count - first);
    const address = kernel.openInput(Math.max(batch * bytesEach, BATCH_BYTES));
    const valuesAt = address + batch * keyBytes;
    const { views } = kernel;
    views.bytes.set(keys.subarray(first * keyBytes, (first + batch) * keyBytes), address);
    views.bytes.set(values.subarray(first * valueBytes, (first + batch) * valueBytes), valuesAt);
    if (weights !== undefined) views.weights.set(weights.subarray(first, first + batch));
    else if (kernel.spec.sum) views.weights.fill(0n, 0, batch);
    kernel.stage({ count: batch, keys: address, keyBytes, values: valuesAt, valueBytes, deletes: false, raw: false });
  }
}

function requirePacked({ spec }: TrieKernel, entries: PackedEntries): void {
  const { count, keys, keyBytes, values, valueBytes, weights } = entries;
  const isWhole = keys.length === count * keyBytes && values.length === count * valueBytes;
  const hasWeights = weights === undefined || weights.length === count;
  if (isWhole && hasWeights && (spec.hashesPaths || keyBytes >= spec.pathBytes)) return;
  throw new CodedError('TRIE_KEY_INVALID', 'Packed entries have not the sizes that they tell of.', {
    count,
    keyBytes,
    valueBytes,
  });
}

/** Values that are not hashed take the way of single ones: each stands in an encoding of its own. */
function unpack({ count, keys, keyBytes, values, valueBytes, weights }: PackedEntries): TrieEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: keys.subarray(i * keyBytes, (i + 1) * keyBytes),
    value: values.subarray(i * valueBytes, (i + 1) * valueBytes),
    weight: weights?.[i] ?? 0n,
  }));
}
