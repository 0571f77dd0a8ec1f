import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { hotpokt } from '../../actors/pocket/consensus/core/rules.ts';
import { commandOf } from './args.ts';
import type { BrokenRules } from './broken-rules.ts';
import { NETWORK_ID, signaturesFit } from './keys.ts';
import { FailedRun, type Scenario, simulate } from './scenario.ts';
import { safeSigner } from './signer.ts';

/** Runs the seeds; a failure says how to run it again. */
function run(from: number, count: number, scenario: Omit<Scenario, 'seed'>) {
  for (let seed = from; seed < from + count; seed++) {
    try {
      simulate({ ...scenario, seed });
    } catch (error) {
      if (!(error instanceof FailedRun)) throw error;
      throw new Error(`${error.message}\n${commandOf(error.scenario)}\n${error.history.join('\n')}`, { cause: error });
    }
  }
}

/** The invariant that a mistake violates first, and at which seed; null if none does. */
function caught(seeds: number, scenario: Omit<Scenario, 'seed'>, broken: BrokenRules): [number, string] | null {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      simulate({ ...scenario, seed }, broken);
    } catch (error) {
      if (error instanceof FailedRun && error.violation.invariant !== 'liveness') {
        return [seed, error.violation.invariant];
      }
    }
  }
  return null;
}

test('networks of 4 to 10 stay safe and go on, whatever goes wrong', () => run(1, 80, { nodes: [4, 10] }));

test('so do networks too small to tolerate a faulty validator', () => {
  run(1, 8, { nodes: 1 });
  run(1, 8, { nodes: 2 });
  run(1, 8, { nodes: 3 });
});

test('so does one with real signatures', () => run(100, 1, { nodes: 4, faults_ms: 2_000, real: true }));

test('the same seed gives the same run, in this process and in another one', () => {
  const scenario: Scenario = { seed: 5, nodes: [4, 10] };
  const { digest } = simulate(scenario);
  assert.equal(simulate(scenario).digest, digest);
  assert.notEqual(simulate({ ...scenario, seed: 6 }).digest, digest);
  const script = `import { simulate } from ${JSON.stringify(new URL('./scenario.js', import.meta.url).href)};
    console.log(simulate(${JSON.stringify(scenario)}).digest);`;
  const other = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(other.trim(), digest);
});

test('half of the validators are no quorum: the network forks', () => {
  const half = (count: number, n: number) => 2 * count >= n;
  const broken: BrokenRules = {
    mistake: 'half of the validators are a quorum',
    shownBy: ['partition', 'crash'],
    rules: (keys) => ({
      isQuorum: (validators, ballots) => half([...ballots].length, validators.list.length),
      verifyQc(qc, validators) {
        const enough = half(qc.signatures.length, validators.list.length);
        if (!enough || !signaturesFit(qc, validators, NETWORK_ID, keys.verify)) throw new Error('invalid');
      },
    }),
    signer: safeSigner,
  };
  assert.notEqual(caught(20, { nodes: 4, faults: broken.shownBy }, broken), null);
});

test('validators whose core forgets its locks are stopped by their signers alone', () => {
  const rules = () => ({ mayPrepare: () => true });
  const careless: BrokenRules = {
    mistake: 'neither core nor signer locks',
    shownBy: ['lie', 'siege', 'partition'],
    rules,
    signer(all) {
      const safe = safeSigner({ ...hotpokt, ...all });
      return { ...safe, decide: (state, ...rest) => safe.decide({ ...state, lockedQc: null }, ...rest) };
    },
  };
  const scenario: Omit<Scenario, 'seed'> = { nodes: [4, 10], faults: careless.shownBy };
  const found = caught(60, scenario, careless);
  assert.ok(found);
  const [seed] = found;
  simulate({ ...scenario, seed }, { ...careless, signer: safeSigner });
});
