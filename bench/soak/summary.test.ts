import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING } from './holdings.ts';
import type { NodeSample, ProcessSample, Sample } from './sample.ts';
import { summaryOf } from './summary.ts';

const EVERY_s = 10;
const STORM = 60;

function look(name: string, pid: number, age_s: number, change: Partial<ProcessSample> = {}): ProcessSample {
  return { ...NOTHING, name, pid, age_s, processes: 1, ...change };
}

function node(change: Partial<NodeSample>): NodeSample {
  const nothing = { crash_reports: 0, dead_letters: 0, logs_mb: 0, database_mb: 0 };
  return { node: 1, state: 'running', pid: 7, height: 0, actor_restarts: 0, ...nothing, ...change };
}

/** As many samples as are wanted, each by its time. */
function samples(count: number, at: (at_s: number, index: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: count }, (_, index) => {
    const at_s = index * EVERY_s;
    return { at_s, processes: [], nodes: [], descendants: 0, stray_servers: 0, ...at(at_s, index) };
  });
}

test('a process that lives on is looked at once it is warm', () => {
  const hour = samples(361, (at_s) => {
    const rss_mb = at_s < 1_200 ? at_s * 10 : 300 + at_s / 360;
    return { processes: [look('driver', 1, at_s, { rss_mb, pss_mb: 1, threads: 12 })] };
  });
  const [driver] = summaryOf(hour, STORM).processes;
  assert.ok(Math.abs(driver!.slope!.slope - 10) < 1e-6, JSON.stringify(driver));
  assert.equal(driver?.lives, 1);
  assert.deepEqual(driver?.counts.threads, { begin: 12, end: 12, most: 12 });
});

test('a young chain, and an actor that chaos made grow, are no slope', () => {
  const hour = samples(361, (at_s, index) => {
    const rss_mb = index % 50 === 40 ? 2_000 + at_s : Math.min(500, 300 + at_s / 5);
    return { processes: [look('driver', 1, at_s, { rss_mb })] };
  });
  const [driver] = summaryOf(hour, STORM).processes;
  assert.ok(Math.abs(driver!.slope!.slope) < 1e-6, JSON.stringify(driver));
  assert.ok(driver!.memory_mb.most > 2_000);
});

test('lives are compared at equal age: a start that is small each time is no fall, and growth is found', () => {
  const life_s = 100;
  const hour = (perHour_mb: number): Sample[] =>
    samples(361, (at_s) => {
      const age_s = at_s % life_s;
      const rss_mb = 200 + age_s + (perHour_mb * at_s) / 3_600;
      return { processes: [look('node 1', Math.floor(at_s / life_s), age_s, { rss_mb })] };
    });
  const slope = (perHour_mb: number) => summaryOf(hour(perHour_mb), STORM).processes[0]!.slope!;
  assert.ok(Math.abs(slope(0).slope) < 3, JSON.stringify(slope(0)));
  assert.ok(Math.abs(slope(0).slope) < 2 * slope(0).error, JSON.stringify(slope(0)));
  assert.ok(Math.abs(slope(50).slope - slope(0).slope - 50) < 1e-6);
});

test('a database counts with the share of each of its processes', () => {
  const few = samples(20, (at_s) => ({
    processes: [look('database 1', 1, 100 + at_s, { rss_mb: 500, pss_mb: 40, processes: 12, ports: [1, 2] })],
  }));
  const [database] = summaryOf(few, STORM).processes;
  assert.equal(database?.memory_mb.end, 40);
  assert.equal(database?.counts.ports.end, 2);
});

test('restarts are added up over the lives of a node, and a storm is seen', () => {
  // Two in a minute; then another process, whose counter begins anew, with a hundred in its last minute.
  const restarts = [0, 1, 1, 2, 2, 2, 3, 3, null, 0, 1, 1, 1, 101];
  const look = samples(restarts.length, (_at_s, index) => ({
    nodes: [node({ actor_restarts: restarts[index]!, pid: index < 8 ? 7 : 8, height: index })],
  }));
  const summary = summaryOf(look, STORM);
  assert.equal(summary.restarts.actors, 3 + 101);
  assert.equal(summary.restarts.nodes, 1);
  assert.equal(summary.restarts.storms, 1);
  assert.equal(summary.restarts.most_in_a_minute, 100);
  assert.equal(summary.nodes[0]?.height.most, 13);
});

test('nothing can be said of no samples', () => {
  const summary = summaryOf([], STORM);
  assert.deepEqual(summary.processes, []);
  assert.equal(summary.restarts.actors, 0);
});
