import { CodedError } from '../runtime/errors.ts';
import {
  type ImportedLeaf,
  type PackedEntries,
  stageEntries,
  stageLeaves,
  stagePacked,
  type TrieEntry,
} from './trie-batches.ts';
import {
  askClosest,
  type ClosestProof,
  type CompactClosestProof,
  compactClosestProof,
  expandClosestProof,
} from './trie-closest.ts';
import { TrieKernel } from './trie-kernel.ts';
import { type Claim, type CompactProof, compactProof, expandProof, type Proof } from './trie-proof.ts';
import { HASH_BYTES, requirePath, resolveSpec, type TrieOptions, type TrieSpec } from './trie-spec.ts';
import { answer, askClaims, type Verdict } from './trie-verify.ts';

export type { ImportedLeaf, PackedEntries, TrieEntry } from './trie-batches.ts';
export type { ClosestProof, CompactClosestProof } from './trie-closest.ts';
export { TrieKernel } from './trie-kernel.ts';
export type { Claim, CompactProof, Proof } from './trie-proof.ts';
export type { TrieOptions } from './trie-spec.ts';

/** A root that somebody holds in an arena. */
interface Held {
  readonly kernel: TrieKernel;
  readonly root: number;
}

/** The net under those who forget to release: an arena is memory that the garbage collector does not see. */
const forgotten = new FinalizationRegistry<Held>(({ kernel, root }) => kernel.release(root));

/**
 * A canonical sparse Merkle trie: its root is a function of the set of keys and values and of nothing else.
 *
 * A trie never changes. `update` gives a new one that shares every untouched node with the old one, which stays valid:
 * this is how the committed state, the branches staged on it and the roots of recent heights live side by side, each
 * at the cost of what it changed. To go back to an older root is to use the older trie.
 *
 * The nodes are in the memory of a kernel, one for all tries of the same options unless one is given: whoever is done with
 * a trie says `release`, and the nodes that only it used are free. What is collected without that is released then.
 */
export class SparseMerkleTrie {
  readonly #kernel: TrieKernel;
  readonly #root: number;
  /** Number of leaves. */
  readonly size: number;
  #released = false;

  private constructor(kernel: TrieKernel, root: number, size: number) {
    this.#kernel = kernel;
    this.#root = root;
    this.size = size;
    if (root !== 0) forgotten.register(this, { kernel, root }, this);
  }

  /** @throws CodedError TRIE_OPTIONS_INVALID */
  static empty(options: TrieOptions | TrieKernel = {}): SparseMerkleTrie {
    return new SparseMerkleTrie(kernelOf(options), 0, 0);
  }

  /**
   * The trie after the changes, hashed and ready. Of several entries of one key the last holds; deleting what is not
   * there changes nothing. Many entries in one call cost less than one by one: a node above ten of them is hashed once.
   * @throws CodedError TRIE_KEY_INVALID, TRIE_WEIGHT_INVALID, TRIE_MEMORY_FULL; this trie is as it was
   */
  update(entries: readonly TrieEntry[]): SparseMerkleTrie {
    return this.#next(entries.length, false, () => stageEntries(this.#kernel, entries));
  }

  /**
   * The same where nobody needs this trie any more: it is released, and what no other trie sees is changed in place.
   * @throws CodedError as `update`; then this trie is as it was, and not released
   */
  advance(entries: readonly TrieEntry[]): SparseMerkleTrie {
    return this.#next(entries.length, true, () => stageEntries(this.#kernel, entries));
  }

  /** `advance` with entries in few arrays. @throws CodedError TRIE_KEY_INVALID, TRIE_MEMORY_FULL */
  advancePacked(entries: PackedEntries): SparseMerkleTrie {
    return this.#next(entries.count, true, () => stagePacked(this.#kernel, entries));
  }

  /**
   * `advance` with leaves as another trie holds them: nothing but their digests is hashed. A whole trie is imported in
   * calls of some thousand leaves each, best in ascending order of their paths.
   * @throws CodedError TRIE_KEY_INVALID, TRIE_VALUE_INVALID, TRIE_WEIGHT_INVALID, TRIE_MEMORY_FULL
   */
  import(leaves: readonly ImportedLeaf[]): SparseMerkleTrie {
    return this.#next(leaves.length, true, () => stageLeaves(this.#kernel, leaves));
  }

  #next(count: number, consume: boolean, stage: () => void): SparseMerkleTrie {
    const kernel = this.#kernel;
    const before = this.#held();
    kernel.open(count);
    try {
      stage();
      const { root, growth } = kernel.commit(before, this.size, consume);
      if (consume) this.#letGo();
      return new SparseMerkleTrie(kernel, root, this.size + growth);
    } catch (error) {
      kernel.abandon();
      throw error;
    }
  }

  /** The same trie for one more holder, who releases his own. */
  share(): SparseMerkleTrie {
    const root = this.#held();
    this.#kernel.retain(root);
    return new SparseMerkleTrie(this.#kernel, root, this.size);
  }

  /** Frees what only this trie used. It must not be used any more. */
  release(): void {
    if (this.#released) return;
    this.#letGo();
    this.#kernel.release(this.#root);
  }

  #letGo(): void {
    this.#released = true;
    forgotten.unregister(this);
  }

  /** @throws CodedError TRIE_RELEASED */
  #held(): number {
    if (this.#released) throw new CodedError('TRIE_RELEASED', 'This trie was released: its nodes are gone.');
    return this.#root;
  }

  /** 32 bytes; of a sum trie 48: hash, sum and count. A copy: the caller may do with it what he likes. */
  get root(): Uint8Array {
    return this.#kernel.digest(this.#held());
  }

  /**
   * The sum of all weights, modulo 2^64.
   * @throws CodedError TRIE_OPTIONS_INVALID where the trie does not sum.
   */
  get sum(): bigint {
    if (!this.#kernel.spec.sum) throw new CodedError('TRIE_OPTIONS_INVALID', 'Only a sum trie has a sum.');
    return new DataView(this.root.buffer).getBigUint64(HASH_BYTES);
  }

  /** What stands in the memory of this trie: of all tries that share it and that nobody released. */
  get usage(): TrieKernel['usage'] {
    return this.#kernel.usage;
  }

  has(key: Uint8Array): boolean {
    return this.#kernel.find(this.#held(), key) !== 0;
  }

  /** What the leaf of a key holds, in a sum trie with weight and count behind it; null if there is none. */
  get(key: Uint8Array): Uint8Array | null {
    const leaf = this.#kernel.find(this.#held(), key);
    return leaf === 0 ? null : this.#kernel.storedOf(leaf);
  }

  /**
   * A proof that the key is in the trie, or that it is not.
   * @throws CodedError TRIE_OPTIONS_INVALID where the trie is a shard: the levels above are not in it.
   */
  prove(key: Uint8Array): Proof {
    this.#requireWhole();
    const { sideNodes, siblingData, leaf, found } = this.#kernel.prove(this.#held(), key);
    const nonMembershipLeafData = found || leaf === 0 ? null : this.#kernel.encodingOf(leaf);
    return { sideNodes, nonMembershipLeafData, siblingData };
  }

  /**
   * A proof of the leaf closest to a path (not a key: no hashing), see `ClosestProof`.
   * @throws CodedError TRIE_KEY_INVALID where the path has not the length of the trie's paths; as `prove`.
   */
  proveClosest(path: Uint8Array): ClosestProof {
    const kernel = this.#kernel;
    const root = this.#held();
    this.#requireWhole();
    requirePath(kernel.spec, path);
    const { sideNodes, siblingData, leaf, flippedBits } = kernel.proveClosest(root, path);
    const query = new Uint8Array(path.length);
    query.set(path);
    const closestProof = { sideNodes, nonMembershipLeafData: null, siblingData };
    if (leaf === 0) {
      const closestPath = this.root;
      return { path: query, flippedBits: [0], depth: 0, closestPath, closestValueHash: null, closestProof };
    }
    return {
      path: query,
      flippedBits,
      depth: sideNodes.length,
      closestPath: kernel.pathOf(leaf),
      closestValueHash: kernel.storedOf(leaf),
      closestProof,
    };
  }

  #requireWhole(): void {
    if (this.#kernel.spec.shardBits === 0) return;
    throw new CodedError('TRIE_OPTIONS_INVALID', 'A shard has no proofs of its own: the levels above are not in it.');
  }

  /**
   * True if the proof shows the claim under the root of a trie with these options.
   * @throws CodedError PROOF_MALFORMED, TRIE_KEY_INVALID
   */
  static verify(root: Uint8Array, claim: Claim, proof: Proof, options: TrieOptions | TrieKernel = {}): boolean {
    return certain(SparseMerkleTrie.verifyMany(root, [{ ...claim, proof }], options));
  }

  /**
   * The verdict on each of many proofs under one root: true, false, or the error that `verify` throws. Hashed four at a
   * time, they take a third of what they take one by one.
   */
  static verifyMany(
    root: Uint8Array,
    claims: readonly (Claim & { readonly proof: Proof })[],
    options: TrieOptions | TrieKernel = {},
  ): Verdict[] {
    const kernel = kernelOf(options);
    return answer(kernel, root, askClaims(kernel, claims));
  }

  /** @throws CodedError PROOF_MALFORMED */
  static verifyClosest(root: Uint8Array, proof: ClosestProof, options: TrieOptions | TrieKernel = {}): boolean {
    const kernel = kernelOf(options);
    return certain(answer(kernel, root, [askClosest(kernel.spec, proof)]));
  }

  static compact(proof: Proof, options: TrieOptions | TrieKernel = {}): CompactProof {
    return compactProof(specOf(options), proof);
  }

  /** @throws CodedError PROOF_MALFORMED */
  static expand(proof: CompactProof, options: TrieOptions | TrieKernel = {}): Proof {
    return expandProof(specOf(options), proof);
  }

  static compactClosest(proof: ClosestProof, options: TrieOptions | TrieKernel = {}): CompactClosestProof {
    return compactClosestProof(specOf(options), proof);
  }

  /** @throws CodedError PROOF_MALFORMED */
  static expandClosest(proof: CompactClosestProof, options: TrieOptions | TrieKernel = {}): ClosestProof {
    return expandClosestProof(specOf(options), proof);
  }
}

/**
 * One arena for all tries of the same options in this thread: records have the sizes that the options ask for, tries of
 * the same kind share nodes, and an instance costs a third of a MiB before its first leaf.
 */
const shared = new Map<string, TrieKernel>();

function kernelOf(options: TrieOptions | TrieKernel): TrieKernel {
  if (options instanceof TrieKernel) return options;
  const { sum, hashesValues, hashesPaths, pathBytes, shardBits, shardIndex } = resolveSpec(options);
  const name = [sum, hashesValues, hashesPaths, pathBytes, shardBits, shardIndex].join();
  const present = shared.get(name);
  // After a trap, those who build their tries anew do it in a memory that nobody broke.
  if (present?.isSound) return present;
  const kernel = new TrieKernel(options);
  shared.set(name, kernel);
  return kernel;
}

/** The verdict on the one proof that was asked about. */
function certain([verdict]: Verdict[]): boolean {
  if (verdict instanceof CodedError) throw verdict;
  return verdict as boolean;
}

function specOf(options: TrieOptions | TrieKernel): TrieSpec {
  return options instanceof TrieKernel ? options.spec : resolveSpec(options);
}
