import { createHash, randomBytes } from 'node:crypto';
import { SparseMerkleTrie, type TrieEntry, type TrieOptions } from '../../wasm/trie.ts';
import { type Candidate, compare, type Timing, timeRuns } from './compare.ts';
import { zkKitTrie } from './peers.ts';
import type { Row, RowPlan } from './row.ts';

/** createHash of 65-byte messages, M/s, on the machine and in the run that gave the Go figures. */
const GO_CREATE_HASH_Mps = 0.86;
const GO = 'Go smt';
/** Bytes of heap per leaf of the public Go trie at a million keys: no matter of speed, not scaled. */
const GO_BYTES_PER_LEAF = 1_070;

const SUM: TrieOptions = { sum: true, valueHasher: 'none' };
const BLOCK_CHANGES = 1_000;
const PROOFS = 256;
/** The npm trie is too slow for more. */
const ZK_KIT_KEYS = 2_000;

function entries(count: number, weight?: bigint): TrieEntry[] {
  const bytes = randomBytes(count * 64);
  return Array.from({ length: count }, (_, i) => ({
    key: bytes.subarray(i * 64, i * 64 + 32),
    value: bytes.subarray(i * 64 + 32, i * 64 + 64),
    ...(weight === undefined ? {} : { weight }),
  }));
}

/** @param createHash_Mps rate of this run: the Go figures are scaled by it */
export async function trieRows(createHash_Mps: number, wanted: (id: string) => boolean): Promise<Row[]> {
  const suite = new TrieSuite(GO_CREATE_HASH_Mps / createHash_Mps);
  const rows: Row[] = [];
  process.stderr.write('tries\n');
  for (const [id, row] of Object.entries(suite.rows)) if (wanted(id)) rows.push(await row(id));
  return rows;
}

/** A trie of a million leaves, made once for all rows that need it. */
interface Million {
  readonly trie: SparseMerkleTrie;
  readonly keys: readonly TrieEntry[];
  readonly bytesPerLeaf: number;
  /** Of its making. */
  readonly timing: Timing;
}

class TrieSuite {
  readonly #scale: number;
  #million: Million | undefined;
  #sums: SparseMerkleTrie | undefined;

  constructor(scale: number) {
    this.#scale = scale;
  }

  readonly rows: Record<string, (id: string) => Promise<Row>> = {
    'trie-bulk-100k': async (id) => {
      const plan = { id, work: 'bulk insert and root, 100,000 random keys, per key', at_least: 4 };
      return this.#row(plan, 8.5, [this.#bulk(100_000, {}), await this.#zkKit()]);
    },
    'trie-bulk-1m': async (id) => {
      const plan = { id, work: 'the same of a million', at_least: 6 };
      return this.#row(plan, 16.6, [this.#atMillion().timing]);
    },
    'trie-block-1000': async (id) => {
      const { trie } = this.#atMillion();
      const plan = { id, work: '1,000 new keys and the root in a trie of a million, per key', at_least: 8 };
      const changes = entries(BLOCK_CHANGES);
      return this.#row(plan, 39, await compare([ours(BLOCK_CHANGES, () => trie.update(changes))]));
    },
    'trie-memory-1m': async (id) => {
      const { bytesPerLeaf } = this.#atMillion();
      const ratio = GO_BYTES_PER_LEAF / bytesPerLeaf;
      const work = `bytes per leaf at a million: ${Math.round(bytesPerLeaf)}`;
      return { id, work, ops_per_s: 0, against: GO, ratio, at_least: 4, candidates: [] };
    },
    'trie-prove': async (id) => {
      const { trie, keys } = this.#atMillion();
      const plan = { id, work: 'proof of a key among a million', at_least: 1 };
      const some = keys.slice(0, PROOFS);
      const prove = (): void => {
        for (const { key } of some) trie.prove(key);
      };
      return this.#row(plan, 5.4, await compare([ours(PROOFS, prove)]));
    },
    'trie-verify': async (id) => {
      const { trie, keys } = this.#atMillion();
      const { root } = trie;
      const some = keys
        .slice(0, PROOFS)
        .map(({ key, value }) => ({ claim: { key, value: value! }, proof: trie.prove(key) }));
      const verify = (): void => {
        for (const { claim, proof } of some)
          if (!SparseMerkleTrie.verify(root, claim, proof)) throw new Error('a proof of the trie is refused');
      };
      const plan = { id, work: 'verification of such a proof', at_least: 1.5 };
      return this.#row(plan, 11, await compare([ours(PROOFS, verify)]));
    },
    'sumtrie-bulk-100k': async (id) => {
      const plan = { id, work: 'bulk insert and root of a sum trie, 100,000 keys, per key', at_least: 4 };
      return this.#row(plan, 8.8, [this.#bulk(100_000, SUM)]);
    },
    'sumtrie-closest': async (id) => {
      this.#sums ??= SparseMerkleTrie.empty(SUM).update(entries(1_000_000, 1n));
      const trie = this.#sums;
      const paths = Array.from({ length: PROOFS }, () => new Uint8Array(randomBytes(32)));
      const prove = (): void => {
        for (const path of paths) trie.proveClosest(path);
      };
      const plan = { id, work: 'closest proof in a sum trie of a million', at_least: 1 };
      return this.#row(plan, 5.3, await compare([ours(PROOFS, prove)]));
    },
  };

  #row(plan: RowPlan, go_us: number, candidates: readonly Timing[]): Row {
    const { median_ns } = candidates[0]!;
    const ratio = (go_us * 1_000 * this.#scale) / median_ns;
    return { ...plan, ops_per_s: 1e9 / median_ns, against: GO, ratio, candidates };
  }

  #bulk(count: number, options: TrieOptions): Timing {
    const changes = entries(count, options.sum ? 1n : undefined);
    return timeRuns('potoroo', 5, count, () => SparseMerkleTrie.empty(options).update(changes).root);
  }

  #atMillion(): Million {
    if (this.#million !== undefined) return this.#million;
    const keys = entries(1_000_000);
    let trie = SparseMerkleTrie.empty();
    const before = held_bytes();
    const timing = timeRuns('potoroo', 1, keys.length, () => {
      trie = trie.update(keys);
      return trie.root;
    });
    const bytesPerLeaf = (held_bytes() - before) / keys.length;
    this.#million = { trie, keys, bytesPerLeaf, timing };
    return this.#million;
  }

  async #zkKit(): Promise<Timing> {
    const { SparseMerkleTree } = await zkKitTrie();
    const digest = (children: string[]): string => createHash('sha256').update(children.join('')).digest('hex');
    const keys = entries(ZK_KIT_KEYS).map(({ key }) => Buffer.from(key).toString('hex'));
    return timeRuns(`@zk-kit/sparse-merkle-tree (${ZK_KIT_KEYS} keys)`, 3, ZK_KIT_KEYS, () => {
      const trie = new SparseMerkleTree(digest);
      for (const key of keys) trie.add(key, key);
    });
  }
}

function ours(operations: number, work: () => unknown): Candidate {
  return { name: 'potoroo', operations, work };
}

/** Heap and memories outside of it, after collection: `npm run bench` exposes the collector. */
function held_bytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
