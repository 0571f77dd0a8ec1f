import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenSweep, sweep } from '../killsweep/sweep.ts';

/** Some minutes are a slice of 200 points: the whole is `npm run sweep`. */
const POINTS = 6;
/** Twins are caught at once, unless the machine is so busy that the kill comes after the decision. */
const BROKEN_POINTS = 8;
const SEED = 20;
const silent = (): void => undefined;

test('a validator that is killed wherever it signs never says two things in one place', async () => {
  const { reached, not_reached, observed } = await sweep({ points: POINTS, seed: SEED, progress: silent });
  assert.deepEqual(not_reached, []);
  assert.equal(reached, POINTS);
  assert.deepEqual(observed.contradictions, []);
  assert.equal(observed.unproven, 0);
  assert.equal(observed.missed, 0);
  assert.ok(observed.victim_votes > POINTS, `${observed.victim_votes} votes were heard`);
  assert.ok(observed.victim_votes_in_certificates > 0);
});

test('the observer catches a validator whose disk forgets what was signed', async () => {
  const { caught, observed } = await brokenSweep({ points: BROKEN_POINTS, seed: SEED, progress: silent });
  assert.ok(caught);
  const [found] = observed.contradictions;
  assert.match(found!.place, /round 0, proposal PREPARE/);
  assert.equal(found!.statements.length, 2);
});
