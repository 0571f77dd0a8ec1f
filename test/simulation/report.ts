import { commandOf } from './args.ts';
import type { Failure, Tally } from './batch.ts';
import type { BrokenRulesName } from './broken-rules.ts';
import type { Invariant } from './judge.ts';
import type { FailedRun } from './scenario.ts';

/** Events at the end of a history that are worth reading. */
const EVENTS = 40;
/** What a mistake in the safety rules shows in; that a network is stuck shows nothing about them. */
const SAFETY: readonly Invariant[] = ['agreement', 'quorum', 'double_vote', 'lock', 'state'];

export function isSafety(failure: Failure): boolean {
  return SAFETY.includes(failure.invariant);
}

/** One line for machines. @param seconds of real time */
export function asJson(tally: Tally, seconds: number): string {
  const { seeds, steps, blocks, faults, failures } = tally;
  return JSON.stringify({
    seeds,
    steps,
    blocks_committed: blocks,
    faults,
    violations: failures.length,
    seconds: Math.round(seconds * 1_000) / 1_000,
  });
}

export function inWords(tally: Tally, seconds: number): string {
  const { seeds, steps, blocks, failures } = tally;
  const faults = Object.entries(tally.faults).map(([fault, count]) => `${fault} ${count}`);
  return [
    `${seeds} seeds, ${steps} steps, ${blocks} blocks, ${failures.length} violations in ${seconds.toFixed(1)} s`,
    `faults: ${faults.join(', ') || 'none'}`,
  ].join('\n');
}

/** The shortest history found, and how to see it again. */
export function story(failed: FailedRun): string {
  return [
    `seed ${failed.scenario.seed} violates ${failed.violation.message}`,
    `after ${(failed.at_ms / 1_000).toFixed(3)} s of virtual time and ${failed.steps} steps; the last of them:`,
    ...failed.history.slice(-EVENTS),
    `again: ${commandOf(failed.scenario)}`,
    ...(failed.violation.cause instanceof Error ? [`${failed.violation.cause.stack}`] : []),
  ].join('\n');
}

/** What became of a broken rule set. */
export function verdict(rules: BrokenRulesName, caught: Failure | undefined, seeds: number): string {
  if (caught) return `${rules} was caught at seed ${caught.seed}: ${caught.message}`;
  return `${rules} was not caught in ${seeds} seeds: the simulator does not see this mistake`;
}
