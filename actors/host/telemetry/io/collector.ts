import { Registry } from 'prom-client';
import type { Observation } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import type { TelemetryConfig } from '../config.ts';
import { exposition } from '../core/exposition.ts';
import type { Totals } from '../core/totals.ts';
import { processMetrics, type TelemetryMetrics } from '../metrics.ts';

interface CollectorParts {
  readonly clock: Clock;
  readonly config: TelemetryConfig;
  readonly metrics: TelemetryMetrics;
  readonly observe: () => Promise<Observation[]>;
  /** Of this life and the former ones. */
  readonly totals: Totals;
  /** Hands the totals over for the next life. */
  readonly keep: () => Promise<void>;
}

/** Actor names that are remembered to notice one that is missing; a node has about ten. */
const MAX_TARGETS = 64;

/**
 * Collects the metrics of all threads, once for everybody who asks within `cache_ms`. Whoever does not answer in
 * time is left out: a stuck actor must not make the others invisible.
 */
export function collector(parts: CollectorParts): () => Promise<string> {
  const { clock, config, metrics, totals } = parts;
  const own = new Registry();
  processMetrics(own);
  const known = new Set(totals.actors);
  let kept: Promise<string> | null = null;
  let until_ms = 0;

  const collect = async (): Promise<string> => {
    const done = metrics.duration.startTimer();
    const observations = await withDeadline(clock, config.collect_timeout_ms, parts.observe());
    done();
    noteTargets(known, observations, metrics);
    const sums = totals.add(observations);
    metrics.untracked.set(totals.refused);
    // First kept, then shown: what a scraper has seen, the next life must know of.
    await parts.keep();
    // The process counts as long as there is anybody to show it: it is the same in every life.
    const node: Observation = { actor: 'node', incarnation: 1, metrics: await own.getMetricsAsJSON() };
    const { text, conflicts } = exposition([node, ...sums]);
    if (conflicts > 0) metrics.conflicts.inc(conflicts);
    return text;
  };

  return () => {
    metrics.scrapes.inc();
    if (kept !== null && clock.now() < until_ms) return kept;
    const collecting = collect();
    kept = collecting;
    until_ms = Number.POSITIVE_INFINITY;
    const settle = (keep: boolean) => () => {
      until_ms = keep ? clock.now() + config.cache_ms : 0;
    };
    collecting.then(settle(true), settle(false));
    return collecting;
  };
}

/** Answers nothing rather than late; an observation that fails is as one that does not come. */
function withDeadline(clock: Clock, limit_ms: number, observations: Promise<Observation[]>): Promise<Observation[]> {
  return new Promise((resolve) => {
    const cancel = clock.after(limit_ms, () => resolve([]));
    observations.then(resolve, () => resolve([])).finally(cancel);
  });
}

function noteTargets(known: Set<string>, observations: readonly Observation[], metrics: TelemetryMetrics): void {
  const here = new Set(observations.map((one) => one.actor));
  for (const actor of here) if (known.size < MAX_TARGETS) known.add(actor);
  for (const actor of known) {
    metrics.up.set({ actor }, here.has(actor) ? 1 : 0);
    if (!here.has(actor)) metrics.missing.inc({ actor });
  }
}
