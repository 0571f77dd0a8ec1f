import { type CompactProof, SparseMerkleTrie, type TrieEntry, type TrieKernel } from '../../../../wasm/trie.ts';
import { rootEntries, type TreeHash } from '../../chain/state-root.ts';

/** The sub-tries of the state (spec 4.3), by ascending name: the order of a header. */
export const TREE_NAMES = [
  'account',
  'app',
  'fish',
  'flags',
  'ibc',
  'params',
  'pool',
  'servicer',
  'transactions',
  'val',
] as const;
/** A leaf in the memory of a trie: references, path, digest, digest of the value. */
const LEAF_BYTES = 104;
/** A branch: references, children, place, digest. */
const BRANCH_BYTES = 64;

export type TreeName = (typeof TREE_NAMES)[number];
export type TreeChanges = Partial<Record<TreeName, TrieEntry[]>>;

/**
 * The tries of one state. Immutable: a branch shares with its parent whatever it does not change.
 * The root trie maps each sub-trie's name to its root; its own root is the state hash.
 * Their nodes are outside the heap: whoever is done with a state releases it.
 */
export class StateTries {
  readonly #tries: ReadonlyMap<TreeName, SparseMerkleTrie>;
  readonly #root: SparseMerkleTrie;

  private constructor(tries: ReadonlyMap<TreeName, SparseMerkleTrie>, root: SparseMerkleTrie) {
    this.#tries = tries;
    this.#root = root;
  }

  /** @param memory where the nodes are; one for all states unless it is given */
  static empty(memory?: TrieKernel): StateTries {
    const tries = new Map(TREE_NAMES.map((name) => [name, SparseMerkleTrie.empty(memory)]));
    return new StateTries(tries, SparseMerkleTrie.empty(memory).update(rootEntries(hashesOf(tries))));
  }

  update(changes: TreeChanges): StateTries {
    return this.#next(
      changes,
      (trie, entries) => trie.update(entries),
      (trie) => trie.share(),
    );
  }

  /** `update` of a state that nobody needs any more: it is released, or of no use where this fails. */
  advance(changes: TreeChanges): StateTries {
    return this.#next(
      changes,
      (trie, entries) => trie.advance(entries),
      (trie) => trie,
    );
  }

  #next(
    changes: TreeChanges,
    change: (trie: SparseMerkleTrie, entries: TrieEntry[]) => SparseMerkleTrie,
    keep: (trie: SparseMerkleTrie) => SparseMerkleTrie,
  ): StateTries {
    const tries = new Map<TreeName, SparseMerkleTrie>();
    const changed = new Map<TreeName, SparseMerkleTrie>();
    for (const name of TREE_NAMES) {
      const entries = changes[name] ?? [];
      const trie = entries.length === 0 ? keep(this.#of(name)) : change(this.#of(name), entries);
      tries.set(name, trie);
      if (entries.length > 0) changed.set(name, trie);
    }
    return new StateTries(tries, change(this.#root, rootEntries(hashesOf(changed))));
  }

  /** Frees what only this state used. It must not be used any more. */
  release(): void {
    for (const trie of this.#tries.values()) trie.release();
    this.#root.release();
  }

  get stateHash(): Uint8Array {
    return this.#root.root;
  }

  /** As a header has them. */
  get treeHashes(): TreeHash[] {
    return hashesOf(this.#tries);
  }

  /** Bytes of nodes that this state does not use: those of the states before and beside it in the same memory. */
  get others_bytes(): number {
    const { leaves, branches } = this.#root.usage;
    let own = this.#root.size;
    for (const trie of this.#tries.values()) own += trie.size;
    // Below every trie there is one branch fewer than leaves: what that leaves out is not worth counting.
    return LEAF_BYTES * Math.max(0, leaves - own) + BRANCH_BYTES * Math.max(0, branches - own);
  }

  /** That the key has a value in this state, or that it has none. */
  prove(name: TreeName, key: Uint8Array): CompactProof {
    return SparseMerkleTrie.compact(this.#of(name).prove(key));
  }

  /** SHA-256 of the value of a key; null where it has none. */
  digest(name: TreeName, key: Uint8Array): Uint8Array | null {
    return this.#of(name).get(key);
  }

  has(name: TreeName, key: Uint8Array): boolean {
    return this.#of(name).has(key);
  }

  size(name: TreeName): number {
    return this.#of(name).size;
  }

  #of(name: TreeName): SparseMerkleTrie {
    return this.#tries.get(name) as SparseMerkleTrie;
  }
}

function hashesOf(tries: ReadonlyMap<TreeName, SparseMerkleTrie>): TreeHash[] {
  return [...tries].map(([name, trie]) => ({ name, root: trie.root }));
}
