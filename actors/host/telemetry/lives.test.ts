import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Counter } from 'prom-client';
import { defineActor } from '../../../runtime/actor.ts';
import { mainProtocol } from '../../../runtime/main-protocol.ts';
import { defineProtocol } from '../../../runtime/protocol.ts';
import { type HostedActor, SingleThreadHost } from '../../../runtime/single-thread.ts';
import { telemetryConfigSchema } from './config.ts';
import definition from './index.ts';

let folder = '';
let host: SingleThreadHost;
/** What the main thread keeps for telemetry. */
let kept: Uint8Array | null = null;
let work: Counter | undefined;

const main = defineActor({
  protocol: mainProtocol,
  uses: [],
  listens: [],
  start: () => ({
    tell: {},
    ask: {
      keep: ({ note }) => {
        kept = note.slice();
        return {};
      },
      status: () => ({ actors: [] }),
      kept: () => ({ note: kept }),
    },
    stop: () => undefined,
  }),
});
const worker = defineActor({
  protocol: defineProtocol('worker', {}),
  uses: [],
  listens: [],
  start({ metrics }) {
    work = new Counter({ name: 'work_total', help: 'Work done.', registers: [metrics] });
    return { tell: {}, ask: {}, stop: () => undefined };
  },
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'telemetry-lives-'));
  kept = null;
  const config = telemetryConfigSchema.parse({ port: 0, cache_ms: 0, address_file: join(folder, 'url') });
  const actors = [main, worker, definition].map((one) => ({ definition: one, config })) as unknown as HostedActor[];
  host = new SingleThreadHost(actors, { seed: 1n });
  await host.start();
});
afterEach(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

/** Value of a series in what a scraper gets, while virtual time goes on. */
async function scrape(series: string): Promise<number> {
  const url = readFileSync(join(folder, 'url'), 'utf8').trim();
  let text: string | undefined;
  const answer = fetch(`${url}/metrics`, { headers: { connection: 'close' } }).then((response) => response.text());
  const got = answer.then((body) => {
    text = body;
  });
  while (text === undefined) await Promise.race([got, host.advance(1)]);
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  assert.ok(line, `${series} in\n${text}`);
  return Number(line.split(' ').at(-1));
}

async function replace(...names: string[]): Promise<void> {
  for (const name of names) await host.kill(name);
  for (const name of names) await host.restart(name);
}

const WORK = 'work_total{actor="worker"}';
const SCRAPES = 'potoroo_telemetry_scrapes_total{actor="telemetry"}';

test('counters go on over the deaths of their actor, of telemetry, and of both between two scrapes', async () => {
  work?.inc(5);
  assert.equal(await scrape(WORK), 5);
  await replace('worker');
  assert.equal(await scrape(WORK), 5);
  work?.inc(2);
  assert.equal(await scrape(WORK), 7);
  await replace('telemetry');
  assert.equal(await scrape(WORK), 7);
  await replace('worker', 'telemetry');
  work?.inc();
  assert.equal(await scrape(WORK), 8);
  await replace('telemetry', 'worker');
  assert.equal(await scrape(WORK), 8);
  assert.equal(await scrape(SCRAPES), 7);
});

test('a note that is not one is not believed: counters begin at 0, and the scrapes go on', async () => {
  work?.inc(5);
  await replace('worker');
  kept = Buffer.from('garbage');
  await replace('telemetry');
  assert.equal(await scrape(WORK), 0);
  work?.inc(3);
  assert.equal(await scrape(WORK), 3);
  await replace('worker');
  assert.equal(await scrape(WORK), 3);
});

test('without the main thread scrapes are answered all the same', async () => {
  work?.inc(5);
  await host.kill('main');
  await replace('telemetry');
  assert.equal(await scrape(WORK), 5);
});
