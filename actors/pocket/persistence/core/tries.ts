import { SparseMerkleTrie, type TrieEntry } from '../../../../wasm/trie.ts';

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
export type TreeName = (typeof TREE_NAMES)[number];
export type TreeChanges = Partial<Record<TreeName, TrieEntry[]>>;

/**
 * The tries of one state. Immutable: a branch shares with its parent whatever it does not change.
 * The root trie maps each sub-trie's name to its root; its own root is the state hash.
 */
export class StateTries {
  readonly #tries: ReadonlyMap<TreeName, SparseMerkleTrie>;
  readonly #root: SparseMerkleTrie;

  private constructor(tries: ReadonlyMap<TreeName, SparseMerkleTrie>, root: SparseMerkleTrie) {
    this.#tries = tries;
    this.#root = root;
  }

  static empty(): StateTries {
    const tries = new Map(TREE_NAMES.map((name) => [name, SparseMerkleTrie.empty()]));
    return new StateTries(tries, SparseMerkleTrie.empty().update(rootEntries(tries)));
  }

  update(changes: TreeChanges): StateTries {
    const changed = new Map<TreeName, SparseMerkleTrie>();
    for (const name of TREE_NAMES) {
      const entries = changes[name];
      if (entries !== undefined && entries.length > 0) changed.set(name, this.#of(name).update(entries));
    }
    return new StateTries(new Map([...this.#tries, ...changed]), this.#root.update(rootEntries(changed)));
  }

  get stateHash(): Uint8Array {
    return this.#root.root;
  }

  /** As a header has them. */
  get treeHashes(): { name: string; root: Uint8Array }[] {
    return TREE_NAMES.map((name) => ({ name, root: this.#of(name).root }));
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

function rootEntries(tries: ReadonlyMap<TreeName, SparseMerkleTrie>): TrieEntry[] {
  const encoder = new TextEncoder();
  return [...tries].map(([name, trie]) => ({ key: encoder.encode(name), value: trie.root }));
}
