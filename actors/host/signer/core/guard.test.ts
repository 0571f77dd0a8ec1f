import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../../runtime/errors.ts';
import { MESSAGE_PROPOSE, MESSAGE_VOTE, STEP_COMMIT, STEP_PREPARE } from '../../../pocket/chain/consensus.ts';
import {
  accepted,
  COMPLETE,
  FRESH,
  type Guard,
  guardRule,
  isUnknown,
  latched,
  oriented,
  type Shown,
  strictest,
} from './guard.ts';
import { type SafetyState, UNSIGNED_STATE } from './rules.ts';

const digest = (n: number) => new Uint8Array(32).fill(n);
const shown = (height: bigint, round = 0, step = STEP_COMMIT, of = 1): Shown => ({
  height,
  round,
  step,
  digest: digest(of),
});
/** A record that ends with a vote at COMMIT. */
const at = (height: bigint, round = 0): SafetyState => ({
  ...UNSIGNED_STATE,
  height,
  round,
  step: STEP_COMMIT,
  signed: [{ type: MESSAGE_VOTE, step: STEP_COMMIT, digest: digest(1), signature: new Uint8Array(64) }],
});
const refused = (code: string) => (error: unknown) => hasCode(error, code);

test('a vote of this key behind the end of the record is unknown; what the record covers is not', () => {
  assert.equal(isUnknown(COMPLETE, at(5n, 2), shown(5n, 2)), false);
  assert.equal(isUnknown(COMPLETE, at(5n, 2), shown(5n, 1)), false);
  assert.equal(isUnknown(COMPLETE, at(5n, 2), shown(4n, 9)), false);
  assert.equal(isUnknown(COMPLETE, at(5n, 2), shown(5n, 3)), true);
  assert.equal(isUnknown(COMPLETE, at(5n, 2), shown(6n)), true);
  assert.equal(isUnknown(COMPLETE, UNSIGNED_STATE, shown(1n)), true);
});

test('in the last view every vote must be in the record, and be the same', () => {
  assert.equal(isUnknown(COMPLETE, at(5n), shown(5n, 0, STEP_COMMIT, 2)), true);
  assert.equal(isUnknown(COMPLETE, at(5n), shown(5n, 0, STEP_PREPARE)), true);
  const proposed = { type: MESSAGE_PROPOSE, step: STEP_COMMIT, digest: digest(1), signature: new Uint8Array(64) };
  assert.equal(isUnknown(COMPLETE, { ...at(5n), signed: [proposed] }, shown(5n)), true);
});

test('a stale record signs nothing until an operator accepts it, and then only above what was seen', () => {
  const stale = latched(latched(latched(COMPLETE, shown(9n, 1)), shown(12n)), shown(11n, 7));
  assert.deepEqual(stale.stale, { height: 12n, round: 0 });
  assert.throws(() => guardRule(stale, at(5n), 100n), refused('SIGNER_RECORD_STALE'));
  const after = accepted(stale, 0n);
  // The height after the one seen may be in progress, with votes of the key that nobody has shown yet.
  assert.throws(() => guardRule(after, at(5n), 13n), refused('SIGN_BELOW_FLOOR'));
  guardRule(after, at(5n), 14n);
  assert.equal(isUnknown(after, at(5n), shown(13n)), false);
  assert.equal(isUnknown(after, at(5n), shown(14n)), true);
  assert.equal(accepted(stale, 50n).floor, 51n);
  assert.equal(accepted(COMPLETE, 0n).floor, 0n);
  assert.equal(accepted({ ...COMPLETE, floor: 60n }, 50n).floor, 60n);
});

test('a fresh record on a chain that goes on leaves out the height shown and the next', () => {
  const guard = oriented(FRESH, UNSIGNED_STATE, 40n);
  assert.throws(() => guardRule(guard, UNSIGNED_STATE, 41n), refused('SIGN_BELOW_FLOOR'));
  guardRule(guard, UNSIGNED_STATE, 42n);
  // Only the first one counts: else it would run behind the chain for ever.
  assert.equal(oriented(guard, UNSIGNED_STATE, 41n), guard);
});

test('a validator that takes part from the first block on leaves out no height', () => {
  guardRule(FRESH, UNSIGNED_STATE, 1n);
  const guard = oriented(FRESH, at(1n), 1n);
  assert.equal(guard.fresh, false);
  guardRule(guard, at(1n), 2n);
});

test('the stricter of two guards refuses what either refuses', () => {
  const guards = fc.record({
    floor: fc.bigInt({ min: 0n, max: 5n }),
    fresh: fc.boolean(),
    stale: fc.option(
      fc.record({ height: fc.bigInt({ min: 1n, max: 5n }), round: fc.nat(2) }, { noNullPrototype: true }),
    ),
  });
  const refusal = (guard: Guard, height: bigint): boolean => {
    try {
      guardRule(guard, UNSIGNED_STATE, height);
      return false;
    } catch {
      return true;
    }
  };
  fc.assert(
    fc.property(guards, guards, fc.bigInt({ min: 1n, max: 6n }), (a, b, height) => {
      assert.equal(refusal(strictest(a, b), height), refusal(a, height) || refusal(b, height));
      assert.deepEqual(strictest(a, b), strictest(b, a));
    }),
  );
});
