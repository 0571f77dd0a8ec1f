import { sha256 } from '../hash.ts';
import { sha256Batch } from '../sha256-batch.ts';
import { encodeLeaf } from '../trie-encoding.ts';
import { bitAt, HASH_BYTES, TOTALS_BYTES, type TrieSpec } from '../trie-spec.ts';

/** First byte of an encoding; keeps a leaf from being read as an inner node and the reverse. */
const LEAF = 0;
const INNER = 1;
const EXTENSION = 2;

export class Leaf {
  readonly path: Uint8Array;
  readonly stored: Uint8Array;
  digest: Uint8Array | null = null;

  constructor(path: Uint8Array, stored: Uint8Array) {
    this.path = path;
    this.stored = stored;
  }
}

/**
 * Two subtrees that part at bit `bit`, together with the levels `start` to `bit - 1` above it where only one child is
 * not empty. Those levels are kept as numbers here, but hashed one by one: the digest is that of the topmost level.
 */
export class Branch {
  readonly start: number;
  readonly bit: number;
  /** The path of any leaf below: all of them agree on the first `bit` bits. */
  readonly path: Uint8Array;
  readonly left: Node;
  readonly right: Node;
  digest: Uint8Array | null = null;

  constructor(start: number, bit: number, left: Node, right: Node) {
    this.start = start;
    this.bit = bit;
    this.path = left.path;
    this.left = left;
    this.right = right;
  }
}

/** Never changed once `sealDigests` has given it its digest: any number of tries share it. */
export type Node = Leaf | Branch;

/** The digest of a node of a finished trie. */
export function digestOf(node: Node): Uint8Array {
  return node.digest as Uint8Array;
}

/**
 * Gives every node that has none its digest, from the deepest level up, one batch of hashes per level. A branch with
 * one-child levels above it takes part in several: its running digest climbs until it reaches `start`.
 */
export function sealDigests(spec: TrieSpec, root: Node): void {
  const leaves: Leaf[] = [];
  const levels: Branch[][] = Array.from({ length: spec.pathBits }, () => []);
  collectUnsealed(root, leaves, levels);
  sealLeaves(spec, leaves);
  for (let level = levels.length - 1; level >= 0; level--) {
    const branches = levels[level] as Branch[];
    if (branches.length === 0) continue;
    sealLevel(spec, level, branches);
    for (const branch of branches) {
      if (branch.start < level) (levels[level - 1] as Branch[]).push(branch);
    }
  }
}

function collectUnsealed(root: Node, leaves: Leaf[], levels: Branch[][]): void {
  const stack: Node[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.digest !== null) continue;
    if (node instanceof Leaf) {
      leaves.push(node);
    } else {
      (levels[node.bit] as Branch[]).push(node);
      stack.push(node.left, node.right);
    }
  }
}

function sealLeaves(spec: TrieSpec, leaves: Leaf[]): void {
  if (!spec.hashesValues) {
    for (const leaf of leaves) leaf.digest = digestOfEncoding(spec, encodeLeaf(leaf.path, leaf.stored));
    return;
  }
  const pathEnd = 1 + spec.pathBytes;
  sha256Batch(
    leaves.length,
    pathEnd + HASH_BYTES + (spec.sum ? TOTALS_BYTES : 0),
    (i, buffer, offset) => {
      const leaf = leaves[i] as Leaf;
      buffer[offset] = LEAF;
      buffer.set(leaf.path, offset + 1);
      buffer.set(leaf.stored, offset + pathEnd);
    },
    (i, buffer, offset) => {
      const leaf = leaves[i] as Leaf;
      leaf.digest = newDigest(spec, buffer, offset);
      if (spec.sum) leaf.digest.set(leaf.stored.subarray(leaf.stored.length - TOTALS_BYTES), HASH_BYTES);
    },
  );
}

function sealLevel(spec: TrieSpec, level: number, branches: Branch[]): void {
  const inputs: Uint8Array[] = [];
  for (const branch of branches) {
    if (branch.bit === level) {
      inputs.push(digestOf(branch.left), digestOf(branch.right));
    } else if (bitAt(branch.path, level) === 0) {
      inputs.push(digestOf(branch), spec.placeholder);
    } else {
      inputs.push(spec.placeholder, digestOf(branch));
    }
  }
  sha256Batch(
    branches.length,
    innerBytes(spec),
    (i, buffer, offset) =>
      writeInner(spec, buffer, offset, inputs[2 * i] as Uint8Array, inputs[2 * i + 1] as Uint8Array),
    (i, buffer, offset) => {
      const digest = newDigest(spec, buffer, offset);
      if (spec.sum) addTotals(digest, HASH_BYTES, inputs[2 * i] as Uint8Array, inputs[2 * i + 1] as Uint8Array);
      (branches[i] as Branch).digest = digest;
    },
  );
}

function newDigest(spec: TrieSpec, buffer: Uint8Array, offset: number): Uint8Array {
  const digest = new Uint8Array(spec.digestBytes);
  for (let i = 0; i < HASH_BYTES; i++) digest[i] = buffer[offset + i] as number;
  return digest;
}

function innerBytes(spec: TrieSpec): number {
  return 1 + 2 * spec.digestBytes + (spec.sum ? TOTALS_BYTES : 0);
}

function writeInner(spec: TrieSpec, out: Uint8Array, offset: number, left: Uint8Array, right: Uint8Array): void {
  out[offset] = INNER;
  out.set(left, offset + 1);
  out.set(right, offset + 1 + spec.digestBytes);
  if (spec.sum) addTotals(out, offset + 1 + 2 * spec.digestBytes, left, right);
}

/** Writes the sums of two digests' sums and counts, each modulo 2^64 as the published trie does. */
function addTotals(out: Uint8Array, offset: number, left: Uint8Array, right: Uint8Array): void {
  for (let field = 0; field < TOTALS_BYTES; field += 8) {
    let carry = 0;
    for (let i = field + 7; i >= field; i--) {
      carry += (left[HASH_BYTES + i] as number) + (right[HASH_BYTES + i] as number);
      out[offset + i] = carry;
      carry >>= 8;
    }
  }
}

function innerDigest(spec: TrieSpec, left: Uint8Array, right: Uint8Array): Uint8Array {
  return digestOfEncoding(spec, encodeInner(spec, left, right));
}

/** Of a leaf or inner node. Where the trie sums, the totals stand behind the hash as they stand in the encoding. */
function digestOfEncoding(spec: TrieSpec, encoding: Uint8Array): Uint8Array {
  const hashed = sha256(encoding);
  if (!spec.sum) return hashed;
  const digest = new Uint8Array(spec.digestBytes);
  digest.set(hashed);
  digest.set(encoding.subarray(encoding.length - TOTALS_BYTES), HASH_BYTES);
  return digest;
}

/** The digest at level `from` of a subtree whose only leaves are under `digest` at level `to`, along `path`. */
function climb(spec: TrieSpec, digest: Uint8Array, path: Uint8Array, from: number, to: number): Uint8Array {
  let current = digest;
  for (let level = to - 1; level >= from; level--) {
    current =
      bitAt(path, level) === 0
        ? innerDigest(spec, current, spec.placeholder)
        : innerDigest(spec, spec.placeholder, current);
  }
  return current;
}

/** The digest that the branch would have if its one-child levels began at `start`. */
export function digestFrom(spec: TrieSpec, branch: Branch, start: number): Uint8Array {
  const tip = innerDigest(spec, digestOf(branch.left), digestOf(branch.right));
  return climb(spec, tip, branch.path, start, branch.bit);
}

function encodeInner(spec: TrieSpec, left: Uint8Array, right: Uint8Array): Uint8Array {
  const encoding = new Uint8Array(innerBytes(spec));
  writeInner(spec, encoding, 0, left, right);
  return encoding;
}

/** The published encoding of a node whose place begins at level `start`. */
export function encodeNode(spec: TrieSpec, node: Node, start: number): Uint8Array {
  if (node instanceof Leaf) return encodeLeaf(node.path, node.stored);
  const inner = encodeInner(spec, digestOf(node.left), digestOf(node.right));
  if (start === node.bit) return inner;
  const tip = digestOfEncoding(spec, inner);
  const encoding = new Uint8Array(extensionBytes(spec));
  encoding.set([EXTENSION, start, node.bit]);
  encoding.set(node.path, 3);
  encoding.set(tip, 3 + spec.pathBytes);
  if (spec.sum) encoding.set(tip.subarray(HASH_BYTES), encoding.length - TOTALS_BYTES);
  return encoding;
}

function extensionBytes(spec: TrieSpec): number {
  return 3 + spec.pathBytes + spec.digestBytes + (spec.sum ? TOTALS_BYTES : 0);
}
