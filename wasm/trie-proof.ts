import { equalBytes } from './bytes.ts';
import { digestOfAnyEncoding, innerDigest, leafDigest, malformed, parseLeaf } from './trie-node.ts';
import { bitAt, firstDifference, pathOf, storedOf, type TrieSpec } from './trie-spec.ts';

/** That a key has a value, or that it has none. */
export interface Proof {
  /** Digests of the siblings on the way from the leaf, or from the empty place, up to the root. */
  readonly sideNodes: readonly Uint8Array[];
  /** Where the place is taken by the leaf of another key: that leaf's encoding. */
  readonly nonMembershipLeafData: Uint8Array | null;
  /** Encoding of the lowest sibling; lets a holder of the proof delete the leaf and compute the new root. */
  readonly siblingData: Uint8Array | null;
}

/** A proof without the side nodes that are placeholders. */
export interface CompactProof {
  readonly sideNodes: readonly Uint8Array[];
  readonly nonMembershipLeafData: Uint8Array | null;
  /** Bit i (most significant first) is set where side node i is a placeholder. */
  readonly bitMask: Uint8Array;
  readonly numSideNodes: number;
  readonly siblingData: Uint8Array | null;
}

/** What a proof is asked to show. An empty value (in a sum trie: with weight 0) means that the key is absent. */
export interface Claim {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly weight?: bigint;
  readonly count?: bigint;
}

const EMPTY = new Uint8Array(0);

/**
 * True if the proof shows the claim under the root.
 * @throws CodedError PROOF_MALFORMED where it is not a proof of this kind of trie at all.
 */
export function verifyProof(spec: TrieSpec, root: Uint8Array, claim: Claim, proof: Proof): boolean {
  checkProof(spec, proof);
  const path = pathOf(spec, claim.key);
  const value = claim.value ?? EMPTY;
  const weight = claim.weight ?? 0n;
  if (value.length > 0 || (spec.sum && weight > 0n)) {
    const stored = storedOf(spec, value, weight, claim.count);
    return equalBytes(root, fold(spec, path, leafDigest(spec, path, stored), proof.sideNodes));
  }
  const leafData = proof.nonMembershipLeafData;
  if (leafData === null) return equalBytes(root, fold(spec, path, spec.placeholder, proof.sideNodes));
  const leaf = parseLeaf(spec, leafData);
  if (equalBytes(leaf.path, path)) throw malformed('its leaf data is the leaf of the very key');
  // A trie built by an adversary could hold a leaf in another leaf's place; such a leaf shows nothing about this key.
  if (firstDifference(leaf.path, path) < proof.sideNodes.length) return false;
  return equalBytes(root, fold(spec, path, leafDigest(spec, leaf.path, leaf.stored), proof.sideNodes));
}

/**
 * The form of a proof, before anything is folded. Sizes are checked exactly, stricter than the published code, which
 * cuts or pads side nodes of a wrong size where no sibling data comes with them.
 */
export function checkProof(spec: TrieSpec, proof: Proof): void {
  const { sideNodes, nonMembershipLeafData, siblingData } = proof;
  if (sideNodes.length > spec.pathBits) throw malformed('it has more side nodes than the trie has levels');
  for (const node of sideNodes) {
    if (node.length !== spec.digestBytes) throw malformed(`a side node has not ${spec.digestBytes} bytes`);
  }
  if (nonMembershipLeafData !== null) parseLeaf(spec, nonMembershipLeafData);
  const lowest = sideNodes[0];
  if (siblingData === null || lowest === undefined) return;
  if (!equalBytes(digestOfAnyEncoding(spec, siblingData), lowest)) {
    throw malformed('its sibling data is not the encoding of the lowest side node');
  }
}

/** The root that the side nodes give with `digest` at the end of `path`. */
export function fold(
  spec: TrieSpec,
  path: Uint8Array,
  digest: Uint8Array,
  sideNodes: readonly Uint8Array[],
): Uint8Array {
  let current = digest;
  for (const [i, side] of sideNodes.entries()) {
    const depth = sideNodes.length - 1 - i;
    current = bitAt(path, depth) === 0 ? innerDigest(spec, current, side) : innerDigest(spec, side, current);
  }
  return current;
}

export function compactProof(spec: TrieSpec, proof: Proof): CompactProof {
  const sideNodes: Uint8Array[] = [];
  const bitMask = new Uint8Array(Math.ceil(proof.sideNodes.length / 8));
  for (const [i, node] of proof.sideNodes.entries()) {
    if (equalBytes(node, spec.placeholder)) (bitMask[i >> 3] as number) |= 0x80 >> (i & 7);
    else sideNodes.push(node);
  }
  return {
    sideNodes,
    nonMembershipLeafData: proof.nonMembershipLeafData,
    bitMask,
    numSideNodes: proof.sideNodes.length,
    siblingData: proof.siblingData,
  };
}

/** @throws CodedError PROOF_MALFORMED */
export function expandProof(spec: TrieSpec, compact: CompactProof): Proof {
  const { numSideNodes, bitMask } = compact;
  if (!Number.isInteger(numSideNodes) || numSideNodes < 0 || numSideNodes > spec.pathBits) {
    throw malformed('its number of side nodes is not possible', { numSideNodes });
  }
  if (bitMask.length !== Math.ceil(numSideNodes / 8)) throw malformed('its bit mask has a wrong length');
  const sideNodes: Uint8Array[] = [];
  let used = 0;
  for (let i = 0; i < numSideNodes; i++) {
    const node = bitAt(bitMask, i) === 1 ? spec.placeholder : compact.sideNodes[used++];
    if (node === undefined) throw malformed('side nodes are missing');
    sideNodes.push(node);
  }
  if (used !== compact.sideNodes.length) throw malformed('it has side nodes that its bit mask does not tell of');
  return { sideNodes, nonMembershipLeafData: compact.nonMembershipLeafData, siblingData: compact.siblingData };
}
