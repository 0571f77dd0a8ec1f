import { type Order, scenarioOf } from './args.ts';
import { addCounts, type FaultCounts } from './faults.ts';
import type { Invariant } from './judge.ts';
import { FailedRun, simulate } from './scenario.ts';

/** A seed whose run violated an invariant. */
export interface Failure {
  readonly seed: number;
  readonly invariant: Invariant;
  readonly message: string;
}

/** What many runs came to. */
export interface Tally {
  seeds: number;
  steps: number;
  blocks: number;
  readonly faults: FaultCounts;
  readonly failures: Failure[];
}

export function emptyTally(): Tally {
  return { seeds: 0, steps: 0, blocks: 0, faults: {}, failures: [] };
}

export function addTally(to: Tally, one: Tally) {
  to.seeds += one.seeds;
  to.steps += one.steps;
  to.blocks += one.blocks;
  addCounts(to.faults, one.faults);
  to.failures.push(...one.failures);
}

/** Runs one seed of an order. */
export function runSeed(order: Order, seed: number): Tally {
  const tally = emptyTally();
  tally.seeds = 1;
  try {
    const { steps, height, faults } = simulate(scenarioOf(order, seed));
    tally.steps = steps;
    tally.blocks = height;
    addCounts(tally.faults, faults);
  } catch (error) {
    if (!(error instanceof FailedRun)) throw error;
    tally.steps = error.steps;
    tally.blocks = error.height;
    tally.failures.push({ seed, invariant: error.violation.invariant, message: error.violation.message });
  }
  return tally;
}
