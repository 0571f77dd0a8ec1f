import { createHash, randomBytes } from 'node:crypto';
import { type PackedEntries, SparseMerkleTrie, TrieKernel, type TrieOptions } from '../../wasm/trie.ts';
import { type Candidate, compare, type Timing, timeRuns } from './compare.ts';
import { zkKitTrie } from './peers.ts';
import type { Row, RowPlan } from './row.ts';
import { createHash65 } from './sha256.ts';

/** createHash of 65-byte messages, M/s, on the machine and in the run that gave the Go figures. */
const GO_CREATE_HASH_Mps = 0.86;
const GO = 'Go smt';
/** Bytes of heap per leaf of the public Go trie at a million keys: no matter of speed, not scaled. */
const GO_BYTES_PER_LEAF = 1_070;

const SUM: TrieOptions = { sum: true, valueHasher: 'none' };
const BLOCK_CHANGES = 1_000;
const MILLION = 1_000_000;
/** A shorter run says more of the collector than of the trie. */
const BULK_RUNS = 7;
const MILLION_RUNS = 3;
const PROOFS = 256;
/** The npm trie is too slow for more. */
const ZK_KIT_KEYS = 2_000;
const BYTES = 32;

/** Random keys and values, as they come from a stream. */
function packed(count: number, sums: boolean): PackedEntries {
  const random = (): Uint8Array => new Uint8Array(randomBytes(count * BYTES));
  const weights = sums ? { weights: new BigUint64Array(count).fill(1n) } : {};
  return { count, keys: random(), keyBytes: BYTES, values: random(), valueBytes: BYTES, ...weights };
}

/** The first `count` of them, each an object. */
function unpacked({ keys, values }: PackedEntries, count: number): { key: Uint8Array; value: Uint8Array }[] {
  const at = (bytes: Uint8Array, i: number): Uint8Array => bytes.slice(i * BYTES, (i + 1) * BYTES);
  return Array.from({ length: count }, (_, i) => ({ key: at(keys, i), value: at(values, i) }));
}

export async function trieRows(wanted: (id: string) => boolean): Promise<Row[]> {
  const ids = Object.keys(new TrieSuite(1).rows).filter(wanted);
  if (ids.length === 0) return [];
  // Before the tries fill the heap: what createHash leaves to the collector must not look like a slow machine.
  const [anchor] = await compare([createHash65()]);
  const suite = new TrieSuite(GO_CREATE_HASH_Mps / (1_000 / anchor!.median_ns));
  const rows: Row[] = [];
  for (const id of ids) rows.push(await suite.rows[id]!(id));
  return rows;
}

/** A trie of a million leaves, made once for all rows that need it. */
interface Million {
  readonly trie: SparseMerkleTrie;
  readonly entries: PackedEntries;
  /** Of the whole memory of its kernel. */
  readonly bytesPerLeaf: number;
}

class TrieSuite {
  readonly #scale: number;
  #million: Million | undefined;

  /** @param scale of the Go figures: how much slower this machine hashes */
  constructor(scale: number) {
    this.#scale = scale;
  }

  readonly rows: Record<string, (id: string) => Promise<Row>> = {
    'trie-bulk-100k': async (id) => {
      const plan = { id, work: 'bulk insert and root, 100,000 random keys, per key', at_least: 4 };
      return this.#row(plan, 8.5, [
        ...timeRuns([bulk(100_000, {}), bulkOfObjects(100_000)], BULK_RUNS),
        ...(await zkKit()),
      ]);
    },
    'trie-bulk-1m': async (id) => {
      const plan = { id, work: 'the same of a million', at_least: 6 };
      return this.#row(plan, 16.6, timeRuns([bulk(MILLION, {})], MILLION_RUNS));
    },
    'trie-block-1000': async (id) => {
      const { trie } = this.#atMillion();
      const plan = { id, work: '1,000 new keys and the root in a trie of a million, per key', at_least: 8 };
      const changes = unpacked(packed(BLOCK_CHANGES, false), BLOCK_CHANGES);
      return this.#row(plan, 39, await compare([ours(BLOCK_CHANGES, () => trie.update(changes).release())]));
    },
    'trie-memory-1m': async (id) => {
      const { bytesPerLeaf } = this.#atMillion();
      const ratio = GO_BYTES_PER_LEAF / bytesPerLeaf;
      const work = `bytes per leaf at a million: ${Math.round(bytesPerLeaf)}`;
      return { id, work, ops_per_s: 0, against: GO, ratio, at_least: 4, candidates: [] };
    },
    'trie-prove': async (id) => {
      const { trie, entries } = this.#atMillion();
      const plan = { id, work: 'proof of a key among a million', at_least: 1 };
      const some = unpacked(entries, PROOFS);
      const prove = (): void => {
        for (const { key } of some) trie.prove(key);
      };
      return this.#row(plan, 5.4, await compare([ours(PROOFS, prove)]));
    },
    'trie-verify': async (id) => {
      const { trie, entries } = this.#atMillion();
      const { root } = trie;
      const claims = unpacked(entries, PROOFS).map((entry) => ({ ...entry, proof: trie.prove(entry.key) }));
      const many = (): void => sure(SparseMerkleTrie.verifyMany(root, claims).every((verdict) => verdict === true));
      const each = (): void => sure(claims.every((claim) => SparseMerkleTrie.verify(root, claim, claim.proof)));
      const plan = { id, work: `verification of such a proof, ${PROOFS} at once`, at_least: 1.5 };
      const oneByOne = { name: 'potoroo, one by one', operations: PROOFS, work: each };
      return this.#row(plan, 11, await compare([ours(PROOFS, many), oneByOne]));
    },
    'sumtrie-bulk-100k': async (id) => {
      const plan = { id, work: 'bulk insert and root of a sum trie, 100,000 keys, per key', at_least: 4 };
      return this.#row(plan, 8.8, timeRuns([bulk(100_000, SUM)], BULK_RUNS));
    },
    'sumtrie-closest': async (id) => {
      const trie = SparseMerkleTrie.empty(SUM).advancePacked(packed(MILLION, true));
      const paths = Array.from({ length: PROOFS }, () => new Uint8Array(randomBytes(32)));
      const prove = (): void => {
        for (const path of paths) trie.proveClosest(path);
      };
      const plan = { id, work: 'closest proof in a sum trie of a million', at_least: 1 };
      return this.#row(plan, 5.3, await compare([ours(PROOFS, prove)]));
    },
  };

  #row(plan: RowPlan, go_us: number, timings: readonly Timing[]): Row {
    const { median_ns } = timings[0]!;
    const ratio = (go_us * 1_000 * this.#scale) / median_ns;
    return { ...plan, ops_per_s: 1e9 / median_ns, against: GO, ratio, candidates: timings };
  }

  #atMillion(): Million {
    if (this.#million !== undefined) return this.#million;
    const entries = packed(MILLION, false);
    const kernel = new TrieKernel();
    const trie = SparseMerkleTrie.empty(kernel).advancePacked(entries);
    this.#million = { trie, entries, bytesPerLeaf: kernel.views.bytes.length / MILLION };
    return this.#million;
  }
}

function fill(options: TrieOptions, entries: PackedEntries): Uint8Array {
  return SparseMerkleTrie.empty(new TrieKernel(options)).advancePacked(entries).root;
}

function bulk(count: number, options: TrieOptions): Candidate {
  const entries = packed(count, options.sum ?? false);
  return ours(count, () => fill(options, entries));
}

function bulkOfObjects(count: number): Candidate {
  const entries = unpacked(packed(count, false), count);
  const work = (): SparseMerkleTrie => SparseMerkleTrie.empty(new TrieKernel()).advance(entries);
  return { name: 'potoroo, an object per entry', operations: count, work };
}

async function zkKit(): Promise<Timing[]> {
  const { SparseMerkleTree } = await zkKitTrie();
  const digest = (children: string[]): string => createHash('sha256').update(children.join('')).digest('hex');
  const keys = unpacked(packed(ZK_KIT_KEYS, false), ZK_KIT_KEYS).map(({ key }) => Buffer.from(key).toString('hex'));
  const work = (): void => {
    const trie = new SparseMerkleTree(digest);
    for (const key of keys) trie.add(key, key);
  };
  const name = `@zk-kit/sparse-merkle-tree (${ZK_KIT_KEYS} keys)`;
  return timeRuns([{ name, operations: ZK_KIT_KEYS, work }], 3);
}

function ours(operations: number, work: () => unknown): Candidate {
  return { name: 'potoroo', operations, work };
}

function sure(valid: boolean): void {
  if (!valid) throw new Error('a proof of the trie is refused');
}
