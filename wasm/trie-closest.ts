import { equalBytes } from './bytes.ts';
import { LEAF_PREFIX, malformed } from './trie-encoding.ts';
import { type CompactProof, compactProof, expandProof, type Proof } from './trie-proof.ts';
import { bitAt, TOTALS_BYTES, type TrieSpec } from './trie-spec.ts';
import { checkProof, type Question } from './trie-verify.ts';

/**
 * That a leaf is the one that a walk along `path` ends at when it crosses to the other side wherever its own side is
 * empty. Of an empty trie: one flip at 0, depth 0, no value.
 */
export interface ClosestProof {
  readonly path: Uint8Array;
  /** Depths at which the walk found its own side empty, ascending. */
  readonly flippedBits: readonly number[];
  readonly depth: number;
  readonly closestPath: Uint8Array;
  /** What the leaf holds, in a sum trie with weight and count behind it; null of an empty trie. */
  readonly closestValueHash: Uint8Array | null;
  readonly closestProof: Proof;
}

/** The same with numbers as shortest big-endian bytes and a compact inner proof. */
export interface CompactClosestProof {
  readonly path: Uint8Array;
  readonly flippedBits: readonly Uint8Array[];
  readonly depth: Uint8Array;
  readonly closestPath: Uint8Array;
  readonly closestValueHash: Uint8Array | null;
  readonly closestProof: CompactProof;
}

/**
 * What it takes to know if the proof shows the closest leaf to its own `path`: the caller compares that with the path it
 * asked for.
 *
 * The published verifier binds neither the depth to the number of side nodes nor the flips to empty branches, so a
 * proof of any leaf passes it as closest, and a claimant can choose which of his leaves he is sampled on. This one is
 * strict: the walk is replayed bit by bit, which every honestly made proof passes. And it takes `closestValueHash` for
 * what the leaf holds, while the published one hashes it once more and so refuses honest proofs of hashed values.
 * @throws CodedError PROOF_MALFORMED
 */
export function askClosest(spec: TrieSpec, proof: ClosestProof): Question {
  const { path, depth, closestPath, closestValueHash, closestProof } = proof;
  if (path.length !== spec.pathBytes) throw malformed(`its path has not ${spec.pathBytes} bytes`);
  checkLevel(spec, depth, spec.pathBits);
  for (const flip of proof.flippedBits) checkLevel(spec, flip, depth);
  checkProof(spec, closestProof);
  if (closestValueHash === null) {
    return { proof: closestProof, path, leaf: null, isVoid: !isEmptyTrieProof(spec, proof) };
  }
  if (closestPath.length !== spec.pathBytes) throw malformed(`its closest path has not ${spec.pathBytes} bytes`);
  if (spec.sum && closestValueHash.length < TOTALS_BYTES) throw malformed('its closest value has no weight and count');
  const leaf = [LEAF_PREFIX, closestPath, closestValueHash];
  return { proof: closestProof, path: closestPath, leaf, isVoid: !isHonestWalk(spec, proof) };
}

function checkLevel(spec: TrieSpec, level: number, max: number): void {
  if (!Number.isInteger(level) || level < 0 || level > max) {
    throw malformed(`it names a level that is not within 0 to ${max} of ${spec.pathBits}`, { level });
  }
}

function isEmptyTrieProof(spec: TrieSpec, proof: ClosestProof): boolean {
  return (
    proof.depth === 0 &&
    proof.flippedBits.length === 1 &&
    proof.closestProof.sideNodes.length === 0 &&
    equalBytes(proof.closestPath, spec.placeholder)
  );
}

/**
 * The strict rule. The flips are exactly the levels above the leaf where path and closest path differ, and at each of
 * them the path's own side is empty.
 * @throws CodedError PROOF_MALFORMED where the flips do not lead to the closest path, as the published verifier does.
 */
function isHonestWalk(spec: TrieSpec, proof: ClosestProof): boolean {
  const { path, closestPath, depth, flippedBits } = proof;
  const flipped = new Set(flippedBits);
  for (let level = 0; level < depth; level++) {
    const differs = bitAt(path, level) !== bitAt(closestPath, level);
    if (differs !== flipped.has(level)) throw malformed('its flips do not lead to the closest path', { level });
  }
  const sideNodes = proof.closestProof.sideNodes;
  if (depth !== sideNodes.length || proof.closestProof.nonMembershipLeafData !== null) return false;
  return flippedBits.every((flip, i) => {
    const ascends = i === 0 || flip > (flippedBits[i - 1] as number);
    return ascends && flip < depth && equalBytes(sideNodes[depth - 1 - flip] as Uint8Array, spec.placeholder);
  });
}

export function compactClosestProof(spec: TrieSpec, proof: ClosestProof): CompactClosestProof {
  return {
    path: proof.path,
    flippedBits: proof.flippedBits.map(encodeLevel),
    depth: encodeLevel(proof.depth),
    closestPath: proof.closestPath,
    closestValueHash: proof.closestValueHash,
    closestProof: compactProof(spec, proof.closestProof),
  };
}

/** @throws CodedError PROOF_MALFORMED */
export function expandClosestProof(spec: TrieSpec, compact: CompactClosestProof): ClosestProof {
  return {
    path: compact.path,
    flippedBits: compact.flippedBits.map((bytes) => decodeLevel(spec, bytes)),
    depth: decodeLevel(spec, compact.depth),
    closestPath: compact.closestPath,
    closestValueHash: compact.closestValueHash,
    closestProof: expandProof(spec, compact.closestProof),
  };
}

/** A level is at most 256: one byte, or 01 00. */
function encodeLevel(level: number): Uint8Array {
  return level < 256 ? Uint8Array.of(level) : Uint8Array.of(level >> 8, level & 0xff);
}

function decodeLevel(spec: TrieSpec, bytes: Uint8Array): number {
  if (bytes.length > encodeLevel(spec.pathBits).length) throw malformed('a level in it has too many bytes');
  return bytes.reduce((level, byte) => 256 * level + byte, 0);
}
