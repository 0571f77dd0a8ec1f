import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NETWORK_ID, signaturesFit } from './keys.ts';
import { type Scenario, simulate } from './scenario.ts';
import { ForkError } from './world.ts';

/** Runs the seeds; a failure says how to run it again. */
function run(from: number, count: number, scenario: Omit<Scenario, 'seed'>) {
  for (let seed = from; seed < from + count; seed++) {
    try {
      simulate({ ...scenario, seed });
    } catch (error) {
      const again = `node dist/test/simulation/run.js --seed ${seed} --nodes ${scenario.validators}`;
      throw new Error(`seed ${seed}: ${again}${scenario.liar ? ' --liar' : ''}`, { cause: error });
    }
  }
}

/** The first of the seeds that makes the network fork, or null. */
function fork(seeds: number, scenario: Omit<Scenario, 'seed'>): number | null {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      simulate({ ...scenario, seed });
    } catch (error) {
      if (error instanceof ForkError) return seed;
    }
  }
  return null;
}

test('no fork and recovery under crashes, partitions and loss', () => {
  run(1, 15, { validators: 1 });
  run(1, 15, { validators: 2 });
  run(1, 15, { validators: 3 });
  run(1, 80, { validators: 4 });
  run(1, 10, { validators: 7, faults_ms: 10_000 });
});

test('no fork and recovery with a lying validator that runs twice', () => {
  run(1, 60, { validators: 4, liar: true });
  run(1, 5, { validators: 7, liar: true, faults_ms: 10_000 });
});

test('the same with real signatures', () => run(1, 1, { validators: 4, liar: true, faults_ms: 5_000, real: true }));

test('the same seed gives the same run', () => {
  assert.deepEqual(simulate({ seed: 5, validators: 4, liar: true }), simulate({ seed: 5, validators: 4, liar: true }));
});

test('validators that do not lock fork, and the signer alone prevents it', () => {
  const broken = () => ({ mayPrepare: () => true });
  const scenario = { validators: 4, liar: true, broken };
  const seed = fork(150, { ...scenario, signer: 'forgets locks' });
  assert.ok(seed !== null);
  assert.doesNotThrow(() => simulate({ ...scenario, seed, signer: 'safe' }));
});

test('half of the validators are no quorum: the network forks', () => {
  const half = (count: number, n: number) => 2 * count >= n;
  const broken: Scenario['broken'] = (keys) => ({
    isQuorum: (validators, ballots) => half([...ballots].length, validators.list.length),
    verifyTimeout: () => undefined,
    verifyQc(qc, validators) {
      const enough = half(qc.signatures.length, validators.list.length);
      if (!enough || !signaturesFit(qc, validators, NETWORK_ID, keys.verify)) throw new Error('invalid');
    },
  });
  assert.notEqual(fork(20, { validators: 4, broken }), null);
});
