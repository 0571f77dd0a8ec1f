import { CodedError } from '../runtime/errors.ts';
import { equalBytes } from './bytes.ts';
import {
  checkEncoding,
  digestOf,
  EXTENSION,
  LEAF_PREFIX,
  malformed,
  type ProofHasher,
  parseLeaf,
} from './trie-encoding.ts';
import type { Claim, Proof } from './trie-proof.ts';
import { firstDifference, requireKey, requireWeight, TOTALS_BYTES, type TrieSpec } from './trie-spec.ts';

/** What is to be hashed and folded to know if a proof shows what it should. */
export interface Question {
  readonly proof: Proof;
  readonly path: Uint8Array;
  /** The encoding of the leaf at the end of the path, in parts; null: the place is empty. */
  readonly leaf: readonly Uint8Array[] | null;
  /** The proof shows nothing, whatever it folds to. */
  readonly isVoid: boolean;
}

/** True, false, or what is malformed. */
export type Verdict = boolean | CodedError;

const EMPTY = new Uint8Array(0);

/** The questions that claims put, all keys and values hashed together; or what is malformed. */
export function askClaims(
  hasher: ProofHasher,
  claims: readonly (Claim & { proof: Proof })[],
): (Question | CodedError)[] {
  const { spec } = hasher;
  const messages: (readonly Uint8Array[])[] = [];
  const problems = claims.map((claim) => attempt(() => checkClaim(spec, claim)));
  for (const [i, claim] of claims.entries()) {
    if (problems[i] instanceof CodedError) continue;
    if (spec.hashesPaths) messages.push([claim.key]);
    if (spec.hashesValues && isMember(spec, claim)) messages.push([claim.value ?? EMPTY]);
  }
  const hashes = hasher.sha256(messages)[Symbol.iterator]();
  const nextHash = (): Uint8Array => hashes.next().value as Uint8Array;
  return claims.map((claim, i) => {
    const problem = problems[i];
    if (problem instanceof CodedError) return problem;
    const path = spec.hashesPaths ? nextHash() : claim.key.subarray(0, spec.pathBytes);
    if (!isMember(spec, claim)) return attempt(() => askAbsence(spec, path, claim.proof));
    const body = spec.hashesValues ? nextHash() : (claim.value ?? EMPTY);
    const leaf = spec.sum ? [LEAF_PREFIX, path, body, totalsOf(claim)] : [LEAF_PREFIX, path, body];
    return { proof: claim.proof, path, leaf, isVoid: false };
  });
}

/** An empty value (in a sum trie: with weight 0) means that the key is absent. */
function isMember(spec: TrieSpec, { value, weight = 0n }: Claim): boolean {
  return (value?.length ?? 0) > 0 || (spec.sum && weight > 0n);
}

function checkClaim(spec: TrieSpec, claim: Claim & { proof: Proof }): void {
  checkProof(spec, claim.proof);
  requireKey(spec, claim.key);
  if (spec.sum) requireWeight(claim.weight ?? 0n);
}

function askAbsence(spec: TrieSpec, path: Uint8Array, proof: Proof): Question {
  const leafData = proof.nonMembershipLeafData;
  if (leafData === null) return { proof, path, leaf: null, isVoid: false };
  const leaf = parseLeaf(spec, leafData);
  if (equalBytes(leaf.path, path)) throw malformed('its leaf data is the leaf of the very key');
  // A trie built by an adversary could hold a leaf in another leaf's place; such a leaf shows nothing about this key.
  const isVoid = firstDifference(leaf.path, path) < proof.sideNodes.length;
  return { proof, path, leaf: [leafData], isVoid };
}

function totalsOf({ weight = 0n, count = 1n }: Claim): Uint8Array {
  const totals = new Uint8Array(TOTALS_BYTES);
  const view = new DataView(totals.buffer);
  view.setBigUint64(0, weight);
  view.setBigUint64(8, BigInt.asUintN(64, count));
  return totals;
}

/**
 * The form of a proof, before anything is hashed. Sizes are checked exactly, stricter than the published code, which cuts
 * or pads side nodes of a wrong size where no sibling data comes with them.
 * @throws CodedError PROOF_MALFORMED
 */
export function checkProof(spec: TrieSpec, { sideNodes, nonMembershipLeafData, siblingData }: Proof): void {
  if (sideNodes.length > spec.pathBits) throw malformed('it has more side nodes than the trie has levels');
  for (const node of sideNodes) {
    if (node.length !== spec.digestBytes) throw malformed(`a side node has not ${spec.digestBytes} bytes`);
  }
  if (nonMembershipLeafData !== null) parseLeaf(spec, nonMembershipLeafData);
  if (siblingData !== null && sideNodes.length > 0) checkEncoding(spec, siblingData);
}

/** The verdicts on proofs under one root: all leaves and siblings hashed together, then as many folds as there are lanes. */
export function answer(
  hasher: ProofHasher,
  root: Uint8Array,
  questions: readonly (Question | CodedError)[],
): Verdict[] {
  const { spec } = hasher;
  const messages: (readonly Uint8Array[])[] = [];
  for (const question of questions) {
    if (question instanceof CodedError) continue;
    if (question.leaf !== null) messages.push(question.leaf);
    const sibling = hashedSibling(question.proof);
    if (sibling !== null) messages.push([sibling]);
  }
  const hashes = hasher.sha256(messages)[Symbol.iterator]();
  const nextDigest = (encoding: readonly Uint8Array[]): Uint8Array =>
    digestOf(spec, hashes.next().value as Uint8Array, encoding.at(-1) as Uint8Array);
  const verdicts: Verdict[] = [];
  const folds: { index: number; path: Uint8Array; digest: Uint8Array; sideNodes: readonly Uint8Array[] }[] = [];
  for (const [index, question] of questions.entries()) {
    verdicts.push(question instanceof CodedError ? question : false);
    if (question instanceof CodedError) continue;
    const { proof, path, leaf, isVoid } = question;
    const digest = leaf === null ? spec.placeholder : nextDigest(leaf);
    const sibling = hashedSibling(proof);
    const found = sibling === null ? climbed(hasher, proof) : nextDigest([sibling]);
    if (found !== null && !equalBytes(found, proof.sideNodes[0] as Uint8Array)) {
      verdicts[index] = malformed('its sibling data is not the encoding of the lowest side node');
    } else if (!isVoid) {
      folds.push({ index, path, digest, sideNodes: proof.sideNodes });
    }
  }
  for (let i = 0; i < folds.length; i += hasher.lanes) {
    const group = folds.slice(i, i + hasher.lanes);
    for (const [lane, folded] of hasher.fold(group).entries()) {
      verdicts[(group[lane] as { index: number }).index] = equalBytes(root, folded);
    }
  }
  return verdicts;
}

/** The sibling's encoding where its hash is its digest: of a leaf or an inner node. */
function hashedSibling({ siblingData, sideNodes }: Proof): Uint8Array | null {
  return siblingData === null || sideNodes.length === 0 || siblingData[0] === EXTENSION ? null : siblingData;
}

/** The digest of a sibling that has one-child levels: they are hashed one by one. */
function climbed(hasher: ProofHasher, { siblingData, sideNodes }: Proof): Uint8Array | null {
  if (siblingData === null || sideNodes.length === 0) return null;
  const { pathBytes, digestBytes } = hasher.spec;
  const [, start, end] = siblingData as unknown as [number, number, number];
  const path = siblingData.subarray(3, 3 + pathBytes);
  return hasher.climb(siblingData.subarray(3 + pathBytes, 3 + pathBytes + digestBytes), path, start, end);
}

function attempt<Result>(run: () => Result): Result | CodedError {
  try {
    return run();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}
