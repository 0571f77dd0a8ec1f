import { CodedError } from '../../runtime/errors.ts';
import { equalBytes } from '../bytes.ts';
import { sha256 } from '../hash.ts';
import type { TrieEntry } from '../trie-batches.ts';
import type { ClosestProof } from '../trie-closest.ts';
import { encodeLeaf } from '../trie-encoding.ts';
import type { Proof } from '../trie-proof.ts';
import {
  bitAt,
  firstDifference,
  HASH_BYTES,
  requireKey,
  requirePath,
  requireWeight,
  resolveSpec,
  TOTALS_BYTES,
  type TrieOptions,
  type TrieSpec,
} from '../trie-spec.ts';
import { Branch, digestFrom, digestOf, encodeNode, type Node, sealDigests } from './plain-node.ts';
import { Merge, normalizeChanges } from './plain-update.ts';

/**
 * A canonical sparse Merkle trie: its root is a function of the set of keys and values and of nothing else.
 * This one is made of objects that never change, and is what the trie of the kernel is compared with.
 */
export class PlainTrie {
  readonly #spec: TrieSpec;
  readonly #root: Node | null;
  /** Number of leaves. */
  readonly size: number;

  private constructor(spec: TrieSpec, root: Node | null, size: number) {
    this.#spec = spec;
    this.#root = root;
    this.size = size;
  }

  /** @throws CodedError TRIE_OPTIONS_INVALID */
  static empty(options: TrieOptions = {}): PlainTrie {
    return new PlainTrie(resolveSpec(options), null, 0);
  }

  /**
   * The trie after the changes, hashed and ready. Of several entries of one key the last holds; deleting what is not
   * there changes nothing. Many entries in one call cost less than one by one: a node above ten of them is hashed once.
   * @throws CodedError TRIE_KEY_INVALID, TRIE_WEIGHT_INVALID; this trie is as it was
   */
  update(entries: readonly TrieEntry[]): PlainTrie {
    const spec = this.#spec;
    const changes = entries.map(({ key, value, weight = 0n }) => ({
      path: pathOf(spec, key),
      stored: value === null ? null : storedOf(spec, value, weight),
    }));
    const merge = new Merge(normalizeChanges(changes));
    const root = merge.run(this.#root);
    if (root === this.#root) return this;
    if (root !== null) sealDigests(spec, root);
    return new PlainTrie(spec, root, this.size + merge.growth);
  }

  get pathBytes(): number {
    return this.#spec.pathBytes;
  }

  /** 32 bytes; of a sum trie 48: hash, sum and count. A copy: the caller may do with it what he likes. */
  get root(): Uint8Array {
    return Uint8Array.from(this.#root === null ? this.#spec.placeholder : digestOf(this.#root));
  }

  /**
   * The sum of all weights, modulo 2^64.
   * @throws CodedError TRIE_OPTIONS_INVALID where the trie does not sum.
   */
  get sum(): bigint {
    if (!this.#spec.sum) throw new CodedError('TRIE_OPTIONS_INVALID', 'Only a sum trie has a sum.');
    return new DataView(this.root.buffer).getBigUint64(HASH_BYTES);
  }

  has(key: Uint8Array): boolean {
    const path = pathOf(this.#spec, key);
    let node = this.#root;
    while (node instanceof Branch) node = bitAt(path, node.bit) === 0 ? node.left : node.right;
    return node !== null && equalBytes(node.path, path);
  }

  /** A proof that the key is in the trie, or that it is not. */
  prove(key: Uint8Array): Proof {
    const path = pathOf(this.#spec, key);
    const walk = new Walk(this.#spec);
    let node = this.#root;
    while (node instanceof Branch) {
      const leaves = firstDifference(path, node.path);
      if (leaves < node.bit) {
        walk.leave(node, leaves);
        return walk.proof(null);
      }
      node = walk.descend(node, path);
    }
    if (node === null || equalBytes(node.path, path)) return walk.proof(null);
    return walk.proof(encodeLeaf(node.path, node.stored));
  }

  /**
   * A proof of the leaf closest to a path (not a key: no hashing), see `ClosestProof`.
   * @throws CodedError TRIE_KEY_INVALID where the path has not the length of the trie's paths.
   */
  proveClosest(path: Uint8Array): ClosestProof {
    const spec = this.#spec;
    requirePath(spec, path);
    const walk = new Walk(spec);
    const flippedBits: number[] = [];
    let node = this.#root;
    while (node instanceof Branch) {
      for (let level = node.start; level < node.bit; level++) {
        if (bitAt(path, level) !== bitAt(node.path, level)) flippedBits.push(level);
      }
      node = walk.descend(node, path);
    }
    const query = Uint8Array.from(path);
    const closestProof = walk.proof(null);
    if (node === null) {
      const closestPath = this.root;
      return { path: query, flippedBits: [0], depth: 0, closestPath, closestValueHash: null, closestProof };
    }
    return {
      path: query,
      flippedBits,
      depth: closestProof.sideNodes.length,
      closestPath: Uint8Array.from(node.path),
      closestValueHash: Uint8Array.from(node.stored),
      closestProof,
    };
  }
}

/** Collects the siblings of a way down. */
class Walk {
  readonly #spec: TrieSpec;
  readonly #sideNodes: Uint8Array[] = [];
  #lowest: { sibling: Node; start: number } | null = null;

  constructor(spec: TrieSpec) {
    this.#spec = spec;
  }

  /** Through the one-child levels of a branch and to the child on the path's side. */
  descend(branch: Branch, path: Uint8Array): Node {
    const goesRight = bitAt(path, branch.bit) === 1;
    const sibling = goesRight ? branch.left : branch.right;
    this.#passEmpty(branch.bit - branch.start);
    this.#sideNodes.push(Uint8Array.from(digestOf(sibling)));
    this.#lowest = { sibling, start: branch.bit + 1 };
    return goesRight ? branch.right : branch.left;
  }

  /** Off the one-child levels of a branch at `level`: the place is empty, and the rest of the branch is its sibling. */
  leave(branch: Branch, level: number): void {
    this.#passEmpty(level - branch.start);
    this.#sideNodes.push(digestFrom(this.#spec, branch, level + 1));
    this.#lowest = { sibling: branch, start: level + 1 };
  }

  proof(nonMembershipLeafData: Uint8Array | null): Proof {
    const lowest = this.#lowest;
    const siblingData = lowest === null ? null : encodeNode(this.#spec, lowest.sibling, lowest.start);
    return { sideNodes: this.#sideNodes.reverse(), nonMembershipLeafData, siblingData };
  }

  #passEmpty(levels: number): void {
    for (let i = 0; i < levels; i++) this.#sideNodes.push(Uint8Array.from(this.#spec.placeholder));
  }
}

function pathOf(spec: TrieSpec, key: Uint8Array): Uint8Array {
  if (spec.hashesPaths) return sha256(key);
  requireKey(spec, key);
  return Uint8Array.prototype.slice.call(key, 0, spec.pathBytes);
}

/** What a leaf holds: the value or its digest, in a sum trie with the weight and the count 1 behind it. */
function storedOf(spec: TrieSpec, value: Uint8Array, weight: bigint): Uint8Array {
  const body = spec.hashesValues ? sha256(value) : value;
  if (!spec.sum) return Uint8Array.from(body);
  requireWeight(weight);
  const stored = new Uint8Array(body.length + TOTALS_BYTES);
  stored.set(body);
  const view = new DataView(stored.buffer);
  view.setBigUint64(body.length, weight);
  view.setBigUint64(body.length + 8, 1n);
  return stored;
}
