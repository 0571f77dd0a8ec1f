import type { Observation } from '../../../../runtime/actor.ts';
import type { Note } from './note.ts';

/**
 * Series that are added up over the lives of their actors. A node has some 800; beyond the bound a series is shown
 * as its actor's present life counts it, and begins again at 0 with the next one.
 */
const MAX_SERIES = 10_000;

type Metric = Observation['metrics'][number];
/** Buckets, sums and counts of histograms and summaries carry their own name. */
type Value = Metric['values'][number] & { readonly metricName?: string };

/** One counter, or one bucket, sum or count. */
interface Series {
  /** What the lives before the present one counted. */
  base: number;
  /** What the present one had counted when it was last seen. */
  last: number;
}

interface Actor {
  incarnation: number;
  /** By the metric's name, then by the rest of what names a series. */
  readonly metrics: Map<string, Map<string, Series>>;
}

/**
 * What the actors have counted in all their lives. A replaced actor counts from 0 again; here its present life is added
 * to what was last seen of the former ones, so that what is exposed never falls.
 */
export class Totals {
  readonly #actors = new Map<string, Actor>();
  #series = 0;
  #refused = 0;

  /** Takes up what a former life of telemetry knew. */
  constructor(note?: Note) {
    for (const [name, incarnation] of note?.actors ?? []) this.#actors.set(name, { incarnation, metrics: new Map() });
    for (const [actor, metric, key, base, last] of note?.rows ?? []) {
      const [name] = note?.actors[actor] ?? [];
      const known = name === undefined ? undefined : this.#actors.get(name);
      const family = note?.metrics[metric];
      if (known && family !== undefined) this.#create(familyOf(known, family), key, { base, last });
    }
  }

  /** Actors that were ever seen. */
  get actors(): string[] {
    return [...this.#actors.keys()];
  }

  /** Series of the last observations that did not fit. */
  get refused(): number {
    return this.#refused;
  }

  /** Adds to everything that only grows what former lives have counted; gauges and quantiles stay as they are. */
  add(observations: readonly Observation[]): Observation[] {
    this.#refused = 0;
    return observations.map((observation) => {
      const actor = this.#present(observation);
      const metrics = observation.metrics.map((metric) => this.#addMetric(actor, metric));
      return { ...observation, metrics };
    });
  }

  /** All that a next life of telemetry must know, what cannot be counted anew first. */
  note(): Note {
    const actors: Note['actors'] = [];
    const metrics = new Map<string, number>();
    const rows: Note['rows'] = [];
    for (const [name, { incarnation, metrics: families }] of this.#actors) {
      const actor = actors.push([name, incarnation]) - 1;
      for (const [family, series] of families) {
        if (!metrics.has(family)) metrics.set(family, metrics.size);
        for (const [key, { base, last }] of series) rows.push([actor, metrics.get(family)!, key, base, last]);
      }
    }
    // Former lives are gone; the present one will be asked again, unless it dies as well.
    rows.sort(([, , , a], [, , , b]) => Number(b > 0) - Number(a > 0));
    return { version: 1, actors, metrics: [...metrics.keys()], rows };
  }

  /** The actor with the life that was observed as the present one. */
  #present({ actor: name, incarnation }: Observation): Actor {
    const known = this.#actors.get(name);
    if (!known) {
      const fresh: Actor = { incarnation, metrics: new Map() };
      this.#actors.set(name, fresh);
      return fresh;
    }
    if (known.incarnation !== incarnation) {
      known.incarnation = incarnation;
      for (const series of known.metrics.values()) for (const one of series.values()) bury(one);
    }
    return known;
  }

  #addMetric(actor: Actor, metric: Metric): Metric {
    const values = metric.values as readonly Value[];
    if (!values.some((value) => onlyGrows(metric, value)) && !actor.metrics.has(metric.name)) return metric;
    const series = familyOf(actor, metric.name);
    const seen = new Set<string>();
    const sums = values.map((value) => {
      if (!onlyGrows(metric, value)) return value;
      const key = keyOf(metric.name, value);
      const one = series.get(key) ?? this.#create(series, key, { base: 0, last: 0 });
      seen.add(key);
      if (!one) return value;
      one.last = value.value;
      return { ...value, value: one.base + one.last };
    });
    // What only former lives have counted: the present one has not come to it.
    for (const [key, one] of series) {
      if (!seen.has(key)) sums.push(sampleOf(metric.name, key, one.base + one.last));
    }
    return { ...metric, values: sums };
  }

  #create(series: Map<string, Series>, key: string, one: Series): Series | undefined {
    if (this.#series >= MAX_SERIES) {
      this.#refused++;
      return undefined;
    }
    this.#series++;
    series.set(key, one);
    return one;
  }
}

function familyOf(actor: Actor, name: string): Map<string, Series> {
  let series = actor.metrics.get(name);
  if (!series) {
    series = new Map();
    actor.metrics.set(name, series);
  }
  return series;
}

/** The present life has become a former one. */
function bury(one: Series): void {
  one.base += one.last;
  one.last = 0;
}

function onlyGrows(metric: Metric, value: Value): boolean {
  const type = String(metric.type);
  if (type === 'counter' || type === 'histogram') return true;
  // Of a summary, the quantiles have no name of their own.
  return type === 'summary' && value.metricName !== undefined;
}

/** What names a series besides actor and metric: the ending of its own name and its labels, in one order always. */
function keyOf(metric: string, { metricName = metric, labels }: Value): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([metricName.slice(metric.length), ...sorted.flat()]);
}

function sampleOf(metric: string, key: string, value: number): Value {
  const [ending, ...pairs] = JSON.parse(key) as [string, ...(string | number)[]];
  const labels: Record<string, string | number> = {};
  for (let at = 0; at < pairs.length; at += 2) labels[String(pairs[at])] = pairs[at + 1]!;
  return { value, labels, metricName: metric + ending };
}
