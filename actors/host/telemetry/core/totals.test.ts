import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import type { Observation } from '../../../../runtime/actor.ts';
import { exposition } from './exposition.ts';
import { fitted, noteSchema } from './note.ts';
import { Totals } from './totals.ts';

const packr = new Packr({ useRecords: false });
const LIMIT_bytes = 1 << 20;

/** One life of an actor. */
class Life {
  readonly registry = new Registry();
  readonly counter = new Counter({ name: 'c', help: 'C', labelNames: ['a', 'b'], registers: [this.registry] });
  readonly histogram = new Histogram({
    name: 'h',
    help: 'H',
    labelNames: ['x'],
    buckets: [1, 5],
    registers: [this.registry],
  });
  readonly summary = new Summary({ name: 's', help: 'S', percentiles: [0.5], registers: [this.registry] });
  readonly gauge = new Gauge({ name: 'g', help: 'G', registers: [this.registry] });
}

const ACTORS = ['consensus', 'rpc', 'telemetry'] as const;
const actor = fc.constantFrom(...ACTORS);
const label = fc.constantFrom('1', '2', '3');
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('count'), actor, label, amount: fc.nat(9) }) },
  fc.record({ kind: fc.constant('die'), actor }),
  fc.record({ kind: fc.constant('forget') }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('scrape'), missing: fc.subarray([...ACTORS]) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A node of three actors, one of them telemetry, and what its scraper has seen. */
class Model {
  readonly #lives = new Map<string, Life>(ACTORS.map((name) => [name, new Life()]));
  readonly #incarnations = new Map<string, number>(ACTORS.map((name) => [name, 1]));
  /** By actor and label: what its former lives had counted when they were last seen, and what the present one had. */
  readonly #former = new Map<string, number>();
  readonly #seen = new Map<string, number>();
  readonly #exposed = new Map<string, number>();
  #totals = new Totals();
  #note: Uint8Array | null = null;

  async do(one: Step): Promise<void> {
    if ('amount' in one) this.#count(one.actor, one.label, one.amount);
    else if ('actor' in one) this.#die(one.actor);
    else if ('missing' in one) await this.#scrape(one.missing);
    else this.#forget();
  }

  #count(name: string, x: string, amount: number): void {
    const { counter, histogram, summary, gauge } = this.#lives.get(name)!;
    // The first to use a label decides on the order of names.
    counter.inc(amount % 2 === 0 ? { a: x, b: 'b' } : { b: 'b', a: x }, amount);
    histogram.observe({ x }, amount);
    summary.observe(amount);
    gauge.set(amount);
  }

  #die(name: string): void {
    this.#lives.set(name, new Life());
    this.#incarnations.set(name, this.#incarnations.get(name)! + 1);
    for (const x of ['1', '2', '3']) {
      const key = `${name}${x}`;
      this.#former.set(key, (this.#former.get(key) ?? 0) + (this.#seen.get(key) ?? 0));
      this.#seen.delete(key);
    }
    if (name === 'telemetry') this.#forget();
  }

  /** Telemetry begins anew, with its note and nothing else. */
  #forget(): void {
    this.#totals = this.#note ? new Totals(noteSchema.parse(packr.unpack(this.#note))) : new Totals();
  }

  async #scrape(missing: readonly string[]): Promise<void> {
    const observations: Observation[] = [];
    for (const [name, life] of this.#lives) {
      if (missing.includes(name)) continue;
      const metrics = await life.registry.getMetricsAsJSON();
      observations.push({ actor: name, incarnation: this.#incarnations.get(name)!, metrics });
    }
    const shown = samples(exposition(this.#totals.add(observations)).text);
    this.#note = fitted(this.#totals.note(), LIMIT_bytes, (part) => packr.pack(part)).bytes;
    for (const [series, before] of this.#exposed) {
      if (missing.some((name) => series.includes(`"${name}"`))) continue;
      assert.ok((shown.get(series) ?? -1) >= before, `${series}: ${before}, then ${shown.get(series)}`);
    }
    for (const [series, value] of shown) if (grows(series)) this.#exposed.set(series, value);
    for (const { actor: name } of observations) await this.#compare(name, shown);
  }

  /** Nothing seen is lost or counted twice. */
  async #compare(name: string, shown: ReadonlyMap<string, number>): Promise<void> {
    const { values } = await this.#lives.get(name)!.counter.get();
    for (const x of ['1', '2', '3']) {
      const key = `${name}${x}`;
      const present = values.find((value) => value.labels.a === x);
      if (present) this.#seen.set(key, present.value);
      const expected = (this.#former.get(key) ?? 0) + (present?.value ?? 0);
      assert.equal(shown.get(`c{a="${x}",actor="${name}",b="b"}`) ?? 0, expected);
    }
  }
}

/** Samples of a text, with their labels in one order. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const pairs = lines.map((line) => {
    const [, name, labels, value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line)!;
    return [`${name}{${labels!.split(',').sort().join(',')}}`, Number(value)] as const;
  });
  assert.equal(new Set(pairs.map(([series]) => series)).size, pairs.length, 'every series once');
  return new Map(pairs);
}

function grows(series: string): boolean {
  return /^(c|h_bucket|h_sum|h_count|s_sum|s_count)\{/.test(series);
}

test('whatever dies between scrapes, nothing that was shown ever falls, and nothing is counted twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const model = new Model();
      for (const one of steps) await model.do(one);
    }),
    { numRuns: 300 },
  );
});

function counts(actorName: string, incarnation: number, values: Record<string, number>): Observation {
  const list = Object.entries(values).map(([x, value]) => ({ labels: { x }, value }));
  const metric = { name: 'c', help: 'C', type: 'counter', aggregator: 'sum', values: list, collect: () => undefined };
  return { actor: actorName, incarnation, metrics: [metric as unknown as Observation['metrics'][number]] };
}

test('beyond the bound, series are shown as their actor counts them, and are counted', () => {
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`x${index}`, 2]));
  const totals = new Totals();
  totals.add([counts('rpc', 1, many)]);
  assert.equal(totals.refused, 1);
  const [{ metrics }] = totals.add([counts('rpc', 2, { ...many, x10000: 1 })]) as [Observation];
  const values = new Map(metrics[0]!.values.map(({ labels, value }) => [labels.x, value]));
  assert.equal(values.get('x9999'), 4);
  assert.equal(values.get('x10000'), 1);
});

test('a note that is too large keeps what former lives have counted before what the present ones have', () => {
  const totals = new Totals();
  const many = (name: string) => Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${name}${index}`, 2]));
  totals.add([counts('present', 1, many('p')), counts('former', 1, many('f'))]);
  totals.add([counts('present', 1, many('p')), counts('former', 2, many('f'))]);
  const { bytes, missing } = fitted(totals.note(), 16_000, (note) => packr.pack(note));
  assert.ok(bytes.length <= 16_000 && missing > 0 && missing < 500, `${bytes.length} bytes without ${missing}`);
  const kept = new Totals(noteSchema.parse(packr.unpack(bytes)));
  const [, former] = kept.add([counts('present', 1, many('p')), counts('former', 3, many('f'))]);
  assert.ok(former!.metrics[0]!.values.every(({ value }) => value === 6));
});
