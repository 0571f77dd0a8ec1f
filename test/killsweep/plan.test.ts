import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from './plan.ts';

const POINTS = 200;
const plan = planOf(POINTS, 1);
const inside = (phase: string, target: string, call: string, moment: string) =>
  plan.filter(
    (one) => `${one.phase} ${one.target} ${one.call} ${one.moment}` === `${phase} ${target} ${call} ${moment}`,
  );

test('a seed determines all points, and another seed gives others', () => {
  assert.deepEqual(planOf(POINTS, 1), plan);
  assert.notDeepEqual(planOf(POINTS, 2), plan);
  assert.deepEqual(
    plan.map(({ id }) => id),
    Array.from({ length: POINTS }, (_, index) => index + 1),
  );
});

test('the writes and syncs of record and journal are cut before, in the middle and after', () => {
  for (const [target, call, moments] of [
    ['record', 'writeSync', ['before', 'torn', 'after']],
    ['record', 'fdatasyncSync', ['before', 'after']],
    ['journal', 'writeSync', ['before', 'torn', 'after']],
    ['journal', 'ftruncateSync', ['before', 'after']],
    ['p2p', 'socketWrite', ['before', 'torn', 'after']],
  ] as const) {
    for (const moment of moments)
      assert.ok(inside('voting', target, call, moment).length > 1, `${moment} ${call} of ${target}`);
  }
  for (const power of ['none', 'lost', 'scattered'])
    assert.ok(plan.filter((one) => one.power === power).length > 1, power);
});

test('deaths in a start follow deaths while voting, and never a power failure', () => {
  const starts = plan.filter(({ phase, target }) => phase === 'start' && !/^record\./.test(target));
  assert.ok(starts.length > POINTS / 10);
  for (const { id } of starts) {
    const before = plan[id - 2]!;
    assert.equal(before.phase, 'voting');
    assert.equal(before.power, 'none');
  }
});

test('a torn journal is followed by a death in its repair', () => {
  const torn = plan.filter(
    ({ target, moment, phase, power }) =>
      target === 'journal' && moment === 'torn' && phase === 'voting' && power === 'none',
  );
  assert.ok(torn.length > 1);
  for (const { id } of torn) assert.equal(plan[id]?.call ?? 'ftruncateSync', 'ftruncateSync');
});

test('few points are spent on voting, not on the making of a record', () => {
  assert.equal(planOf(6, 1)[0]!.phase, 'voting');
  assert.equal(plan[0]!.target, 'record.new');
});
