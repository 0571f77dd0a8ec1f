import { type Drawn, FailedRun, type Scenario, simulate } from './scenario.ts';

/** Runs that a search may take: a network that is stuck simulates minutes. */
const MOST_RUNS = 48;
/** The smallest network that tolerates a fault. */
const LEAST_NODES = 4;
/** Cutting finer tells no more. */
const LEAST_CUT_MS = 100;

/**
 * Looks for a shorter run that violates the same invariant: with fewer kinds of faults, for a shorter time, on fewer nodes.
 * What one kind of fault does is drawn from dice of its own, so that leaving out another one mostly leaves it as it was.
 */
export function shrink(failed: FailedRun): FailedRun {
  let best = failed;
  let runs = 0;
  const attempt = (changes: Partial<Drawn>): boolean => {
    if (runs++ >= MOST_RUNS) return false;
    const found = fails({ ...best.scenario, ...changes }, failed);
    if (found) best = found;
    return found !== null;
  };
  for (const fault of failed.scenario.faults) {
    attempt({ faults: best.scenario.faults.filter((one) => one !== fault) });
  }
  let time_ms = Math.min(best.scenario.faults_ms, Math.ceil(best.at_ms));
  for (let cut_ms = time_ms >> 1; cut_ms >= LEAST_CUT_MS; cut_ms >>= 1) {
    if (attempt({ faults_ms: time_ms - cut_ms })) time_ms -= cut_ms;
  }
  for (let nodes = LEAST_NODES; nodes < failed.scenario.nodes; nodes++) if (attempt({ nodes })) break;
  return best;
}

function fails(scenario: Scenario, like: FailedRun): FailedRun | null {
  try {
    simulate(scenario);
    return null;
  } catch (error) {
    if (error instanceof FailedRun && error.violation.invariant === like.violation.invariant) return error;
    if (error instanceof FailedRun) return null;
    throw error;
  }
}

/** The run of a scenario that is known to fail. */
export function failureOf(scenario: Scenario): FailedRun {
  try {
    simulate(scenario);
  } catch (error) {
    if (error instanceof FailedRun) return error;
    throw error;
  }
  throw new Error(`seed ${scenario.seed} failed before and does not now: the run is not deterministic`);
}
