import { SparseMerkleTrie, type TrieEntry } from '../../../wasm/trie.ts';

/** Root of one state trie, by its name. */
export interface TreeHash {
  readonly name: string;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** The root trie maps the name of each state trie to its root. */
export function rootEntries(trees: readonly TreeHash[]): TrieEntry[] {
  const encoder = new TextEncoder();
  return trees.map(({ name, root }) => ({ key: encoder.encode(name), value: root }));
}

/** The state hash that these tries have together, 32 bytes. */
export function stateHashOf(trees: readonly TreeHash[]): Uint8Array {
  const trie = SparseMerkleTrie.empty().update(rootEntries(trees));
  const hash = trie.root;
  trie.release();
  return hash;
}
