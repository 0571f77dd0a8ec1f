import { equalBytes } from './bytes.ts';
import { malformed } from './trie-encoding.ts';
import { bitAt, type TrieSpec } from './trie-spec.ts';

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
