import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOrder, scenarioOf } from './args.ts';
import { type BrokenRulesName, RULES } from './broken-rules.ts';
import { failure } from './scenario.ts';

/**
 * Where to begin, so that the classic mistakes are caught within seconds; `npm run sim -- --rules NAME` begins at 1. The
 * seeds at which they are caught move with every change of the core.
 */
const FIRST: Record<BrokenRulesName, number> = {
  'inverted-unlock': 1,
  'unverified-highqc': 1,
  'duplicate-signers': 1,
  'vote-before-persist': 130,
};
/** As many seeds as a mistake may take to be caught. */
const SEEDS = 500;

for (const name of RULES) {
  test(`a broken rule is caught: ${name}`, () => {
    const order = parseOrder(['--rules', name])!;
    for (let seed = FIRST[name]; seed < FIRST[name] + SEEDS; seed++) {
      const failed = failure(scenarioOf(order, seed));
      if (failed) return assert.notEqual(failed.violation.invariant, 'liveness');
    }
    assert.fail(`not within ${SEEDS} seeds`);
  });
}
