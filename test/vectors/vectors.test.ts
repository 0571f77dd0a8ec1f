import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile } from './check-file.ts';
import { Tally } from './tally.ts';

/** Times two: on both builds. */
const EXPECTED = {
  'smt-vectors.json.gz': { root: 2114, proof: 730, 'closest proof': 408, 'tampered proof': 86 },
  'relay-mining-vectors.json.gz': { average: 600, target: 193, claim: 7, 'proof path': 5, draw: 26 },
};

for (const [name, counts] of Object.entries(EXPECTED)) {
  test(`all of ${name}`, () => {
    const tally = new Tally();
    checkFile(new URL(`../../../test/vectors/${name}`, import.meta.url), tally);
    assert.deepEqual(tally.failures, []);
    for (const [kind, count] of Object.entries(counts)) assert.equal(tally.counts.get(kind), 2 * count, kind);
  });
}
