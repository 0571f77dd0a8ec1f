import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Behaviour, Context, Observation, Peer } from '../../../runtime/actor.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { CodedError } from '../../../runtime/errors.ts';
import type { MainProtocol } from '../../../runtime/main-protocol.ts';
import { systemRandom } from '../../../runtime/random.ts';
import { type TelemetryConfig, telemetryConfigSchema } from './config.ts';
import { exposition } from './core/exposition.ts';
import definition from './index.ts';
import type { TelemetryProtocol } from './protocol.ts';

let running: Behaviour<TelemetryProtocol> | undefined;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(folder, { recursive: true });
});

interface Started {
  readonly url: string;
  readonly own: Registry;
}

/** A main thread that keeps nothing: these tests are about one life. */
const FORGETFUL_MAIN: Peer<MainProtocol> = {
  tell: () => false,
  ask: async () => ({ note: null }) as never,
  ready: true,
};

/** Starts the actor on a free port; `observe` stands for the runtime. */
async function start(
  observe: (own: Observation) => Promise<Observation[]>,
  config: Partial<TelemetryConfig> = {},
): Promise<Started> {
  const own = new Registry();
  const address_file = join(folder, 'telemetry.url');
  const context: Context<TelemetryProtocol, TelemetryConfig> = {
    name: 'telemetry',
    incarnation: 1,
    config: {
      ...telemetryConfigSchema.parse({ port: 0, cache_ms: 0, collect_timeout_ms: 100 }),
      address_file,
      ...config,
    },
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    metrics: own,
    peer: () => FORGETFUL_MAIN as Peer<never>,
    emit: () => {},
    observe: async () => observe({ actor: 'telemetry', incarnation: 1, metrics: await own.getMetricsAsJSON() }),
    fail: (error) => {
      throw error;
    },
  };
  running = await definition.start(context);
  await running.ready?.();
  return { url: readFileSync(address_file, 'utf8').trim(), own };
}

async function observation(actor: string, fill: (registry: Registry) => void): Promise<Observation> {
  const registry = new Registry();
  fill(registry);
  return { actor, incarnation: 1, metrics: await registry.getMetricsAsJSON() };
}

function height(value: number) {
  return (registry: Registry) =>
    new Gauge({ name: 'potoroo_height', help: 'Height.', registers: [registry] }).set(value);
}

test('metrics of all threads are one text, each name described once', async () => {
  const both = [await observation('consensus', height(7)), await observation('persistence', height(6))];
  const { text, conflicts } = exposition(both);
  assert.equal(conflicts, 0);
  assert.equal(
    text,
    '# HELP potoroo_height Height.\n# TYPE potoroo_height gauge\n' +
      'potoroo_height{actor="consensus"} 7\npotoroo_height{actor="persistence"} 6\n',
  );
});

test('histograms, special values, quotes and own actor labels are written as Prometheus wants them', async () => {
  const odd = await observation('a', (registry) => {
    const registers = [registry];
    new Histogram({ name: 'h', help: 'H', buckets: [1], registers }).observe(0.5);
    new Gauge({ name: 'g', help: 'two\nlines', labelNames: ['x'], registers }).set(
      { x: 'q"\\\n' },
      Number.POSITIVE_INFINITY,
    );
    new Counter({ name: 'r', help: 'R', labelNames: ['actor'], registers }).inc({ actor: 'rpc' });
  });
  const { text } = exposition([odd]);
  assert.match(text, /^h_bucket\{actor="a",le="1"\} 1$/m);
  assert.match(text, /^h_bucket\{actor="a",le="\+Inf"\} 1$/m);
  assert.match(text, /^h_sum\{actor="a"\} 0\.5$/m);
  assert.match(text, /^# HELP g two\\nlines$/m);
  assert.ok(text.includes('g{actor="a",x="q\\"\\\\\\n"} +Inf'));
  assert.match(text, /^r\{actor="rpc"\} 1$/m);
});

test('one name with two types is left out and counted', async () => {
  const counter = await observation('b', (registry) =>
    new Counter({ name: 'potoroo_height', help: 'Height.', registers: [registry] }).inc(),
  );
  const { text, conflicts } = exposition([await observation('a', height(1)), counter]);
  assert.equal(conflicts, 1);
  assert.doesNotMatch(text, /actor="b"/);
});

test('a scrape has the actors, the process and the collection itself', async () => {
  const { url } = await start(async (own) => [own, await observation('consensus', height(3))]);
  await fetch(`${url}/metrics`).then((response) => response.text());
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  assert.match(text, /^potoroo_height\{actor="consensus"\} 3$/m);
  assert.match(text, /^process_resident_memory_bytes\{actor="node"\} \d{7,}$/m);
  assert.match(text, /^process_cpu_user_seconds_total\{actor="node"\} [\d.]+$/m);
  assert.match(text, /^potoroo_actor_up\{actor="consensus"\} 1$/m);
  assert.match(text, /^potoroo_telemetry_scrapes_total\{actor="telemetry"\} 2$/m);
});

test('an actor that stops answering is counted, and the others stay visible', async () => {
  let here = [await observation('consensus', height(3)), await observation('rpc', height(3))];
  const { url, own } = await start(async () => here);
  await fetch(`${url}/metrics`);
  here = here.slice(0, 1);
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  assert.match(text, /actor="consensus"/);
  assert.doesNotMatch(text, /actor="rpc"/);
  const counted = await own.metrics();
  assert.match(counted, /potoroo_telemetry_missing_total\{actor="rpc"\} 1/);
  assert.match(counted, /potoroo_actor_up\{actor="rpc"\} 0/);
});

test('an observation that never comes or fails leaves the process metrics', async () => {
  let observe: () => Promise<Observation[]> = () => new Promise(() => {});
  const { url } = await start(() => observe());
  const late = await fetch(`${url}/metrics`);
  assert.equal(late.status, 200);
  assert.match(await late.text(), /process_resident_memory_bytes/);
  observe = () => Promise.reject(new Error('down'));
  assert.match(await fetch(`${url}/metrics`).then((response) => response.text()), /process_resident_memory_bytes/);
});

test('scrapes within the cache time are one collection', async () => {
  let collections = 0;
  const { url } = await start(
    async () => {
      collections++;
      return [];
    },
    { cache_ms: 60_000 },
  );
  await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/metrics`).then((response) => response.text())));
  assert.equal(collections, 1);
});

test('/health answers, other paths and methods get a code', async () => {
  const { url } = await start(async () => []);
  assert.deepEqual(await fetch(`${url}/health`).then((response) => response.json()), { live: true });
  const unknown = await fetch(`${url}/x`);
  assert.deepEqual([unknown.status, ((await unknown.json()) as { code: string }).code], [404, 'ROUTE_NOT_FOUND']);
  const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' });
  assert.deepEqual([posted.status, ((await posted.json()) as { code: string }).code], [405, 'METHOD_NOT_ALLOWED']);
});

test('a busy port names the port and the configuration key', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(
    start(async () => [], { port }),
    (error: CodedError) => error.code === 'PORT_BUSY' && error.message.includes('telemetry.port'),
  );
  await new Promise((resolve) => other.close(resolve));
});
