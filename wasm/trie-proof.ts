import { equalBytes } from './bytes.ts';
import { digestOfAnyEncoding, encodeLeaf, type Fold, malformed, type ProofHasher, parseLeaf } from './trie-encoding.ts';
import { bitAt, firstDifference, requireWeight, TOTALS_BYTES, type TrieSpec } from './trie-spec.ts';

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
 * What folds to the root if the proof shows the claim; null where it shows nothing.
 * @throws CodedError PROOF_MALFORMED where it is not a proof of this kind of trie at all.
 */
export function prepareProof(hasher: ProofHasher, claim: Claim, proof: Proof): Fold | null {
  const { spec } = hasher;
  checkProof(hasher, proof);
  const { sideNodes, nonMembershipLeafData } = proof;
  const path = hasher.path(claim.key);
  const value = claim.value ?? EMPTY;
  const weight = claim.weight ?? 0n;
  if (value.length > 0 || (spec.sum && weight > 0n)) {
    const stored = storedOf(hasher, value, weight, claim.count ?? 1n);
    return { path, digest: hasher.digestOfEncoding(encodeLeaf(path, stored)), sideNodes };
  }
  if (nonMembershipLeafData === null) return { path, digest: spec.placeholder, sideNodes };
  const leaf = parseLeaf(spec, nonMembershipLeafData);
  if (equalBytes(leaf.path, path)) throw malformed('its leaf data is the leaf of the very key');
  // A trie built by an adversary could hold a leaf in another leaf's place; such a leaf shows nothing about this key.
  if (firstDifference(leaf.path, path) < sideNodes.length) return null;
  return { path, digest: hasher.digestOfEncoding(nonMembershipLeafData), sideNodes };
}

/** True for each fold that leads to the root; as many at a time as the hasher has lanes. */
export function leadTo(hasher: ProofHasher, root: Uint8Array, folds: readonly (Fold | null)[]): boolean[] {
  const present = folds.filter((fold) => fold !== null);
  const roots = new Map<Fold, Uint8Array>();
  for (let i = 0; i < present.length; i += hasher.lanes) {
    const group = present.slice(i, i + hasher.lanes);
    for (const [j, folded] of hasher.fold(group).entries()) roots.set(group[j] as Fold, folded);
  }
  return folds.map((fold) => fold !== null && equalBytes(root, roots.get(fold) as Uint8Array));
}

/** What a leaf holds: the value or its digest, in a sum trie with weight and count behind it. */
function storedOf(hasher: ProofHasher, value: Uint8Array, weight: bigint, count: bigint): Uint8Array {
  const { spec } = hasher;
  const body = spec.hashesValues ? hasher.sha256(value) : value;
  if (!spec.sum) return body;
  requireWeight(weight);
  const stored = new Uint8Array(body.length + TOTALS_BYTES);
  stored.set(body);
  const view = new DataView(stored.buffer);
  view.setBigUint64(body.length, weight);
  view.setBigUint64(body.length + 8, BigInt.asUintN(64, count));
  return stored;
}

/**
 * The form of a proof, before anything is folded. Sizes are checked exactly, stricter than the published code, which
 * cuts or pads side nodes of a wrong size where no sibling data comes with them.
 */
export function checkProof(hasher: ProofHasher, proof: Proof): void {
  const { spec } = hasher;
  const { sideNodes, nonMembershipLeafData, siblingData } = proof;
  if (sideNodes.length > spec.pathBits) throw malformed('it has more side nodes than the trie has levels');
  for (const node of sideNodes) {
    if (node.length !== spec.digestBytes) throw malformed(`a side node has not ${spec.digestBytes} bytes`);
  }
  if (nonMembershipLeafData !== null) parseLeaf(spec, nonMembershipLeafData);
  const lowest = sideNodes[0];
  if (siblingData === null || lowest === undefined) return;
  if (!equalBytes(digestOfAnyEncoding(hasher, siblingData), lowest)) {
    throw malformed('its sibling data is not the encoding of the lowest side node');
  }
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
