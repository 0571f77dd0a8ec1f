import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, help, parseOrder, scenarioOf, UsageError } from './args.ts';
import { RULES } from './broken-rules.ts';
import { ALL_FAULTS, FAULTS } from './faults.ts';
import { type FailedRun, failure } from './scenario.ts';
import { shrink } from './shrink.ts';

function order(...args: string[]) {
  const parsed = parseOrder(args);
  assert.ok(parsed);
  return parsed;
}

test('seeds, nodes and faults are read as documented', () => {
  const { seeds, nodes, faults, rules, json } = order('--seeds', '1..200', '--nodes', '4..10', '--json');
  assert.deepEqual([seeds, nodes, faults, rules, json], [[1, 200], [4, 10], ALL_FAULTS, null, true]);
  assert.deepEqual(order('--seed', '7').seeds, [7, 7]);
  assert.deepEqual(order('--faults', 'loss,clocks').faults, ['loss', 'skew', 'drift']);
  assert.deepEqual(order('--faults', 'none').faults, []);
  assert.deepEqual(order('--rules', 'duplicate-signers').seeds, [1, 500]);
});

test('what is wrong is refused, and named', () => {
  const wrong = [
    ['--seeds', '9..1'],
    ['--seeds', 'x'],
    ['--nodes', '0'],
    ['--nodes', '99'],
    ['--faults', 'rain'],
    ['--rules', 'none'],
    ['--jobs', '0'],
    ['--seed', '1', '--seeds', '1..2'],
    ['--no-such-option'],
    ['stray'],
  ];
  for (const args of wrong) assert.throws(() => parseOrder(args), UsageError, args.join(' '));
  assert.throws(() => parseOrder(['--faults', 'rain']), /"rain"/);
});

test('help names every fault and every rule set', () => {
  const text = help();
  for (const name of [...Object.keys(FAULTS), ...RULES]) assert.ok(text.includes(`  ${name} `), name);
});

test('a failure is cut down to a shorter run of the same violation, and its command runs it again', () => {
  const broken = order('--rules', 'duplicate-signers');
  let failed: FailedRun | null = null;
  for (let seed = 1; seed <= 60 && !failed; seed++) failed = failure(scenarioOf(broken, seed));
  assert.ok(failed);
  const shortest = shrink(failed);
  assert.equal(shortest.violation.invariant, failed.violation.invariant);
  assert.ok(shortest.scenario.faults.length <= failed.scenario.faults.length);
  assert.deepEqual(shortest.scenario.faults, ['forge'], 'the forging validator is all it takes');
  const again = parseOrder(commandOf(shortest.scenario).split(' ').slice(4))!;
  assert.equal(failure(scenarioOf(again, again.seeds[0]))?.message, shortest.message);
});
