import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { hasCode } from '../runtime/errors.ts';
import {
  type Claim,
  type ClosestProof,
  type CompactProof,
  type Proof,
  SparseMerkleTrie,
  type TrieOptions,
} from './trie.ts';

/** The file's own form; its `meta` explains the fields. Byte strings are hex. */
interface VectorProof {
  sideNodes: string[];
  nonMembershipLeafData?: string;
  siblingData?: string;
}
interface VectorCompact {
  sideNodes: string[] | null;
  bitMask: string;
  numSideNodes: number;
}
interface VectorClaim {
  key: string;
  value?: string;
  sum?: string;
  count?: string;
}
interface VectorMember extends VectorClaim {
  at: number;
  member: boolean;
  proof: VectorProof;
  compact?: VectorCompact;
  verify: boolean;
}
interface VectorClosest {
  at: number;
  path: string;
  flippedBits: number[];
  depth: number;
  closestPath: string;
  closestValueHash?: string;
  closestProof: VectorProof;
  compactFlippedBits?: string[];
  compactDepth?: string;
  compact?: VectorCompact;
  verify: string;
  strict: boolean;
  quirk?: string;
}
interface VectorNegative extends VectorClaim {
  desc: string;
  kind: 'proof' | 'closest';
  root: string;
  proof?: VectorProof;
  closest?: VectorClosest;
  expect: string;
}
interface Sequence {
  name: string;
  kind: 'smt' | 'smst';
  pathHasher: string;
  valueHasher: string;
  emptyRoot: string;
  ops: {
    op: 'update' | 'delete' | 'commit' | 'import';
    k?: string;
    v?: string;
    w?: string;
    root: string;
    err?: string;
  }[];
  finalSum?: string;
  finalCount?: number | string;
  proofs?: VectorMember[];
  closest?: VectorClosest[];
  negative?: VectorNegative[];
}

const file = new URL('../../wasm/test-data/smt-vectors.json.gz', import.meta.url);
const { sequences } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { sequences: Sequence[] };

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

function optionsOf(sequence: Sequence): TrieOptions {
  return {
    sum: sequence.kind === 'smst',
    valueHasher: sequence.valueHasher === 'nil' ? 'none' : 'sha256',
    pathHasher: sequence.pathHasher === 'sha256' ? 'sha256' : Number(sequence.pathHasher.slice('identity'.length)),
  };
}

/** The tries before the first and after every operation. Every one of them stays valid while the next are made. */
function replay(sequence: Sequence): SparseMerkleTrie[] {
  const tries = [SparseMerkleTrie.empty(optionsOf(sequence))];
  for (const { op, k, v, w } of sequence.ops) {
    const trie = tries.at(-1) as SparseMerkleTrie;
    if (op === 'update') {
      tries.push(trie.update([{ key: bytes(k ?? ''), value: bytes(v ?? ''), weight: BigInt(w ?? 0) }]));
    } else if (op === 'delete') {
      tries.push(trie.update([{ key: bytes(k ?? ''), value: null }]));
    } else {
      tries.push(trie);
    }
  }
  return tries;
}

function proofOf(vector: VectorProof, options: TrieOptions): Proof {
  const placeholder = new Uint8Array(options.sum ? 48 : 32);
  return {
    sideNodes: vector.sideNodes.map((node) => (node === '' ? placeholder : bytes(node))),
    nonMembershipLeafData: vector.nonMembershipLeafData === undefined ? null : bytes(vector.nonMembershipLeafData),
    siblingData: vector.siblingData === undefined ? null : bytes(vector.siblingData),
  };
}

function closestOf(vector: VectorClosest, options: TrieOptions): ClosestProof {
  return {
    path: bytes(vector.path),
    flippedBits: vector.flippedBits,
    depth: vector.depth,
    closestPath: bytes(vector.closestPath),
    closestValueHash: vector.closestValueHash === undefined ? null : bytes(vector.closestValueHash),
    closestProof: proofOf(vector.closestProof, options),
  };
}

function claimOf(vector: VectorClaim): Claim {
  return {
    key: bytes(vector.key),
    value: vector.value === undefined ? null : bytes(vector.value),
    weight: BigInt(vector.sum ?? 0),
    count: BigInt(vector.count ?? 1),
  };
}

/** Everything but the bytes of the sibling's encoding, which depend on history; the verifier checks its digest. */
function comparable(proof: Proof): object {
  return {
    sideNodes: proof.sideNodes.map(hex),
    leaf: proof.nonMembershipLeafData && hex(proof.nonMembershipLeafData),
    hasSibling: proof.siblingData !== null,
  };
}

function checkCompact(compact: CompactProof, vector: VectorCompact, proof: Proof): void {
  assert.equal(hex(compact.bitMask), vector.bitMask);
  assert.equal(compact.numSideNodes, vector.numSideNodes);
  const expected = vector.sideNodes ?? proof.sideNodes.filter((node) => node.some((byte) => byte !== 0)).map(hex);
  assert.deepEqual(compact.sideNodes.map(hex), expected);
}

/** 'true', 'false' or 'error', as the file writes verdicts. */
function verdict(check: () => boolean): string {
  try {
    return String(check());
  } catch (error) {
    assert.ok(hasCode(error, 'PROOF_MALFORMED'), String(error));
    return 'error';
  }
}

test('every root, sum and count', () => {
  let roots = 0;
  for (const sequence of sequences) {
    const tries = replay(sequence);
    assert.equal(hex(tries[0]!.root), sequence.emptyRoot, sequence.name);
    for (const [i, { root, op, err }] of sequence.ops.entries()) {
      assert.equal(hex(tries[i + 1]!.root), root, `${sequence.name} after operation ${i}`);
      if (op === 'delete' && err !== undefined) assert.equal(tries[i + 1], tries[i]);
      roots++;
    }
    const last = tries.at(-1)!;
    if (sequence.finalSum !== undefined) assert.equal(last.sum, BigInt(sequence.finalSum));
    if (sequence.finalCount !== undefined) assert.equal(last.size, Number(sequence.finalCount));
    // And in one go, from nothing: canonical whatever the history.
    const inOneGo = SparseMerkleTrie.empty(optionsOf(sequence)).update(
      sequence.ops
        .filter(({ op }) => op === 'update' || op === 'delete')
        .map(({ op, k, v, w }) => ({
          key: bytes(k ?? ''),
          value: op === 'delete' ? null : bytes(v ?? ''),
          weight: BigInt(w ?? 0),
        })),
    );
    assert.deepEqual(inOneGo.root, last.root, sequence.name);
    assert.equal(inOneGo.size, last.size);
  }
  assert.equal(roots, 2114);
});

test('every proof: made alike, verified with the same verdict, compacted alike', () => {
  let proofs = 0;
  for (const sequence of sequences) {
    const options = optionsOf(sequence);
    const tries = replay(sequence);
    for (const vector of sequence.proofs ?? []) {
      const trie = tries[vector.at]!;
      const where = `${sequence.name}, key ${vector.key}`;
      const proof = trie.prove(bytes(vector.key));
      const published = proofOf(vector.proof, options);
      assert.deepEqual(comparable(proof), comparable(published), where);
      assert.equal(trie.has(bytes(vector.key)), vector.member, where);
      for (const one of [proof, published]) {
        assert.equal(SparseMerkleTrie.verify(trie.root, claimOf(vector), one, options), vector.verify, where);
        const compact = SparseMerkleTrie.compact(one, options);
        if (vector.compact !== undefined) checkCompact(compact, vector.compact, one);
        assert.deepEqual(SparseMerkleTrie.expand(compact, options), one, where);
      }
      proofs++;
    }
  }
  assert.equal(proofs, 730);
});

test('every closest proof: made alike, and accepted under the strict rule', () => {
  let proofs = 0;
  for (const sequence of sequences) {
    const options = optionsOf(sequence);
    const tries = replay(sequence);
    for (const vector of sequence.closest ?? []) {
      checkClosest(vector, tries[vector.at]!, options, `${sequence.name}, path ${vector.path}`);
      proofs++;
    }
  }
  assert.equal(proofs, 408);
});

function checkClosest(vector: VectorClosest, trie: SparseMerkleTrie, options: TrieOptions, where: string): void {
  const proof = trie.proveClosest(bytes(vector.path));
  const published = closestOf(vector, options);
  // The one quirk in the file: at the greatest depth the published code forgets to record the depth.
  const depth = vector.quirk === undefined ? vector.depth : vector.closestProof.sideNodes.length;
  assert.deepEqual(
    { ...proof, closestProof: comparable(proof.closestProof) },
    { ...published, depth, closestProof: comparable(published.closestProof) },
    where,
  );
  assert.equal(SparseMerkleTrie.verifyClosest(trie.root, proof, options), true, where);
  const compact = SparseMerkleTrie.compactClosest(proof, options);
  assert.deepEqual(SparseMerkleTrie.expandClosest(compact, options), proof, where);
  if (vector.quirk !== undefined) return;
  // The published verifier hashes a hashed value again and refuses; the strict rule alone counts here.
  assert.equal(SparseMerkleTrie.verifyClosest(trie.root, published, options), vector.strict, where);
  if (vector.compactDepth !== undefined) assert.equal(hex(compact.depth), vector.compactDepth, where);
  if (vector.compactFlippedBits !== undefined) {
    assert.deepEqual(compact.flippedBits.map(hex), vector.compactFlippedBits, where);
  }
  if (vector.compact !== undefined) checkCompact(compact.closestProof, vector.compact, proof.closestProof);
}

/** Where this verifier is meant to be stricter than the published one. */
const STRICTER: Record<string, string> = {
  'short side node without sibling data (size check is skipped upstream)': 'error',
  'over-long side node without sibling data (truncated upstream, so it still verifies)': 'error',
  'unrelated leaf with inner prefix (upstream panics)': 'error',
};

test('every tampered proof is refused in the same way, or more strictly where the published verifier is too lax', () => {
  let cases = 0;
  for (const sequence of sequences) {
    const options = optionsOf(sequence);
    for (const vector of sequence.negative ?? []) {
      const root = bytes(vector.root);
      const { proof, closest } = vector;
      let expected = STRICTER[vector.desc] ?? vector.expect;
      if (closest !== undefined && expected === 'true') expected = String(closest.strict);
      const found = verdict(() =>
        closest === undefined
          ? SparseMerkleTrie.verify(root, claimOf(vector), proofOf(proof as VectorProof, options), options)
          : SparseMerkleTrie.verifyClosest(root, closestOf(closest, options), options),
      );
      assert.equal(found, expected, `${sequence.name}: ${vector.desc}`);
      cases++;
    }
  }
  assert.equal(cases, 86);
});
