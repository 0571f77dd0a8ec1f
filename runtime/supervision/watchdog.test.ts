import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WATCH_ms, Watchdog } from './watchdog.ts';

const LIMITS = { maxHeap_mb: 64, maxExternal_mb: 100, stall_ms: 5_000 };

/** Looks again and again; returns the code of the first verdict and after how much time it came, or null. */
function watch(
  beatsAt: (now_ms: number) => number,
  options: { looks?: readonly number[]; external_mb?: number } = {},
): [string, number] | null {
  const watchdog = new Watchdog('echo', LIMITS);
  const looks = options.looks ?? Array.from({ length: 100 }, (_, index) => index * WATCH_ms);
  for (const now_ms of looks) {
    const external_bytes = (options.external_mb ?? 1) * 2 ** 20;
    const reading = { beats: beatsAt(now_ms), beat_ms: 0, heap_bytes: 0, heapLimit_bytes: 0, external_bytes, cpu_s: 0 };
    const verdict = watchdog.look(reading, now_ms);
    if (verdict) return [verdict.code, now_ms];
  }
  return null;
}

test('a thread that beats is left alone, also when it beats late', () => {
  assert.equal(
    watch((now_ms) => now_ms),
    null,
  );
  assert.equal(
    watch((now_ms) => Math.floor(now_ms / 4_500)),
    null,
  );
});

test('a thread that falls silent is stalled after its time', () => {
  assert.deepEqual(
    watch((now_ms) => Math.min(now_ms, 2_000)),
    ['ACTOR_STALLED', 7_000],
  );
  assert.deepEqual(
    watch(() => 0),
    ['ACTOR_STALLED', 5_000],
    'also if it never beat',
  );
});

test('a process that was stopped for a minute blames no thread for it', () => {
  // Both sleep from 1 s to 61 s; afterwards the thread beats half a second later than the watchdog looks.
  const looks = [0, 250, 500, 750, 1_000, 61_000, 61_250, 61_500, 61_750];
  assert.equal(
    watch((now_ms) => (now_ms < 61_500 ? Math.min(now_ms, 1_000) : now_ms), { looks }),
    null,
  );
});

test('nor does one that was stopped for less than that', () => {
  // Stopped from 1 s to 5.9 s; the thread comes after the watchdog.
  const looks = [0, 500, 1_000, 5_900, 6_400];
  assert.equal(
    watch((now_ms) => (now_ms < 6_400 ? Math.min(now_ms, 1_000) : now_ms), { looks }),
    null,
  );
});

test('buffers beyond the limit are seen at the second look', () => {
  assert.equal(
    watch((now_ms) => now_ms, { external_mb: 100 }),
    null,
  );
  assert.deepEqual(
    watch((now_ms) => now_ms, { external_mb: 101 }),
    ['ACTOR_OUT_OF_MEMORY', WATCH_ms],
  );
});
