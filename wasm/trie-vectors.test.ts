import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectorBuild } from './kernel.ts';
import { Tally } from './testing/tally.ts';
import { checkTrieVectors, readVectors, type TrieVectors } from './testing/trie-vectors.ts';

const file = new URL('../../wasm/test-data/smt-vectors.json.gz', import.meta.url);
const vectors = readVectors(file) as TrieVectors;

for (const build of new Set(['plain', vectorBuild()] as const)) {
  test(`${build}: every root, proof, closest proof and tampered proof`, () => {
    const tally = new Tally();
    checkTrieVectors(vectors, build, tally);
    assert.deepEqual(tally.failures, []);
    assert.equal(tally.counts.get('root'), 2114);
    assert.equal(tally.counts.get('proof'), 730);
    assert.equal(tally.counts.get('closest proof'), 408);
    assert.equal(tally.counts.get('tampered proof'), 86);
  });
}
