import { commonSlope, type Point, type Slope, slopeOf } from '../slope.ts';
import type { NodeSample, ProcessSample, Sample } from './sample.ts';

/** A process that is younger has not taken its place yet: it is left out everywhere. */
const YOUNG_s = 10;
/**
 * Slopes are of what comes after this share of the run: before, code is compiled, caches and pools take their size, and the
 * state grows until the first transactions leave the replay window (1,000 blocks, a quarter of an hour).
 */
const SETTLED_SHARE = 1 / 3;
/** Of the median: beyond this, chaos has just made one of the actors grow on purpose. Slopes leave such samples out. */
const SWOLLEN = 1.5;
/** The beginning and the end are what most samples of so much of the run say. */
const END_SHARE = 0.1;
/** A slope of fewer points is one of chance. */
const FEW = 10;
const HOUR_s = 3_600;
const MINUTE_s = 60;

/** Counts of one kind at the beginning and the end, and the highest ever. */
export interface Change {
  readonly begin: number;
  readonly end: number;
  readonly most: number;
}

export interface ProcessSummary {
  readonly name: string;
  readonly lives: number;
  readonly longest_life_s: number;
  readonly memory_mb: Change;
  /** MB per hour; null where too few samples tell. */
  readonly slope: Slope | null;
  readonly counts: Readonly<Record<CountName, Change>>;
}

const COUNTS = ['processes', 'threads', 'sockets', 'files', 'pipes', 'others', 'ports'] as const;
export type CountName = (typeof COUNTS)[number];

const NODE_COUNTS = ['height', 'crash_reports', 'dead_letters', 'logs_mb', 'database_mb'] as const;
type NodeCountName = (typeof NODE_COUNTS)[number];

interface RestartSummary {
  readonly actors: number;
  readonly nodes: number;
  /** Of actors, all nodes together. */
  readonly per_minute: number;
  readonly most_in_a_minute: number;
  /** Minutes with more than the limit. */
  readonly storms: number;
}

export interface Summary {
  readonly length_s: number;
  readonly samples: number;
  readonly processes: readonly ProcessSummary[];
  readonly nodes: readonly ({ readonly node: number } & Readonly<Record<NodeCountName, Change>>)[];
  readonly restarts: RestartSummary;
  readonly descendants: Change;
  readonly stray_servers: Change;
}

/** @param storm_per_minute actor restarts in a minute, all nodes together, beyond which it counts as a storm */
export function summaryOf(samples: readonly Sample[], storm_per_minute: number): Summary {
  const names = [...new Set(samples.flatMap(({ processes }) => processes.map(({ name }) => name)))];
  const numbers = [...new Set(samples.flatMap(({ nodes }) => nodes.map(({ node }) => node)))];
  return {
    length_s: samples.at(-1)?.at_s ?? 0,
    samples: samples.length,
    processes: names.map((name) => processSummary(name, samples)),
    nodes: numbers.map((node) => nodeSummary(node, samples)),
    restarts: restartsOf(samples, storm_per_minute),
    descendants: changeOf(samples.map(({ at_s, descendants }) => ({ x: at_s, y: descendants }))),
    stray_servers: changeOf(samples.map(({ at_s, stray_servers }) => ({ x: at_s, y: stray_servers }))),
  };
}

interface Looked extends ProcessSample {
  readonly at_s: number;
}

function processSummary(name: string, samples: readonly Sample[]): ProcessSummary {
  const all = samples.flatMap(({ at_s, processes }) =>
    processes.filter((one) => one.name === name).map((one): Looked => ({ ...one, at_s })),
  );
  const settled_s = SETTLED_SHARE * (samples.at(-1)?.at_s ?? 0);
  const settled = withoutSwollen(all.filter(({ at_s }) => at_s >= settled_s));
  const lives = new Set(all.map(({ pid }) => pid)).size;
  const grown = all.filter(({ age_s }) => age_s >= YOUNG_s);
  const over = (value: (one: Looked) => number): Change =>
    changeOf(grown.map((one) => ({ x: one.at_s, y: value(one) })));
  const count = (key: CountName): Change => over((one) => (key === 'ports' ? one.ports.length : one[key]));
  return {
    name,
    lives,
    longest_life_s: Math.max(...all.map(({ age_s }) => age_s)),
    memory_mb: over(memoryOf),
    slope: enough(lives === 1 ? slopeOf(settled.map(pointOf)) : ofManyLives(settled)),
    counts: Object.fromEntries(COUNTS.map((key) => [key, count(key)])) as Record<CountName, Change>,
  };
}

function withoutSwollen(looks: readonly Looked[]): readonly Looked[] {
  const most_mb = SWOLLEN * median(looks.map(memoryOf));
  return looks.filter((look) => memoryOf(look) <= most_mb);
}

function enough(slope: Slope | null): Slope | null {
  return slope !== null && slope.points >= FEW ? slope : null;
}

/** Backends share most of a database's memory: what is counted for each of them is its share. */
export function memoryOf({ name, rss_mb, pss_mb }: ProcessSample): number {
  return name.startsWith('database') ? pss_mb : rss_mb;
}

/**
 * Samples of many lives are compared at equal age only, in classes that double (10 to 20 s, 20 to 40 s, …): how much more
 * does a process of the same age hold, the later in the run it is? Growth within a long life counts, too.
 */
function ofManyLives(looks: readonly Looked[]): Slope | null {
  const grown = looks.filter(({ age_s }) => age_s >= YOUNG_s);
  const classes = new Map<number, Point[]>();
  for (const look of grown) {
    const key = Math.floor(Math.log2(look.age_s / YOUNG_s));
    classes.set(key, [...(classes.get(key) ?? []), pointOf(look)]);
  }
  return commonSlope([...classes.values()]);
}

function pointOf(look: Looked): Point {
  return { x: look.at_s / HOUR_s, y: memoryOf(look) };
}

function nodeSummary(node: number, samples: readonly Sample[]): Summary['nodes'][number] {
  const looks = samples.flatMap(({ at_s, nodes }) =>
    nodes.filter((one) => one.node === node).map((one) => ({ ...one, at_s })),
  );
  const change = (key: NodeCountName): Change =>
    changeOf(looks.flatMap((one) => (one[key] === null ? [] : { x: one.at_s, y: one[key] })));
  const changes = Object.fromEntries(NODE_COUNTS.map((key) => [key, change(key)]));
  return { node, ...(changes as Record<NodeCountName, Change>) };
}

function changeOf(points: readonly Point[]): Change {
  if (points.length === 0) return { begin: 0, end: 0, most: 0 };
  const [first, last] = [points[0]!.x, points.at(-1)!.x];
  const share = END_SHARE * (last - first);
  return {
    begin: median(points.filter(({ x }) => x <= first + share).map(({ y }) => y)),
    end: median(points.filter(({ x }) => x >= last - share).map(({ y }) => y)),
    most: Math.max(...points.map(({ y }) => y)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

/** A counter of a new process begins at 0; what the old one counted since its last sample is not seen. */
function restartsOf(samples: readonly Sample[], storm_per_minute: number): RestartSummary {
  const before = new Map<number, { pid: number; restarts: number }>();
  const minutes = new Map<number, number>();
  let actors = 0;
  let nodes = 0;
  const count = ({ node, pid, actor_restarts }: NodeSample, minute: number): void => {
    if (pid === null || actor_restarts === null) return;
    const last = before.get(node);
    if (last !== undefined && last.pid !== pid) nodes++;
    const more = actor_restarts - (last?.pid === pid ? last.restarts : 0);
    actors += more;
    minutes.set(minute, (minutes.get(minute) ?? 0) + more);
    before.set(node, { pid, restarts: actor_restarts });
  };
  for (const { at_s, nodes: looks } of samples) {
    for (const look of looks) count(look, Math.floor(at_s / MINUTE_s));
  }
  const length_min = Math.max(1, (samples.at(-1)?.at_s ?? 0) / MINUTE_s);
  const counts = [...minutes.values()];
  return {
    actors,
    nodes,
    per_minute: Math.round((actors / length_min) * 10) / 10,
    most_in_a_minute: Math.max(0, ...counts),
    storms: counts.filter((one) => one > storm_per_minute).length,
  };
}
