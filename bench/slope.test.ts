import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonSlope, type Point, slopeOf } from './slope.ts';

/** A fixed sequence that looks random, between -1 and 1. */
function noise(index: number): number {
  return Math.sin(index * 12.9898) * Math.cos(index * 78.233);
}

function near(actual: number | undefined, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(actual! - expected) <= tolerance, `${actual} is not ${expected}`);
}

test('a line has its slope and no error', () => {
  const fit = slopeOf([0, 1, 2, 3].map((x) => ({ x, y: 5 - 2 * x })));
  near(fit?.slope, -2);
  near(fit?.error, 0);
  assert.equal(fit?.points, 4);
});

test('slope and error of points that were computed by hand', () => {
  // y = 1.4 x - 0.1 with residuals 0.1, -0.3, 0.3, -0.1: their squares sum to 0.2, and the spread of x is 5.
  const fit = slopeOf([0, 1, 3, 4].map((y, x) => ({ x, y })));
  near(fit?.slope, 1.4);
  near(fit?.error, Math.sqrt(0.2 / 2 / 5));
});

test('too few points, or all at one time, have no slope', () => {
  assert.equal(slopeOf([]), null);
  assert.equal(
    slopeOf([
      { x: 0, y: 1 },
      { x: 1, y: 2 },
    ]),
    null,
  );
  assert.equal(slopeOf([1, 2, 3].map((y) => ({ x: 1, y }))), null);
});

test('noise around a level is within the error of 0, and a leak under it is found', () => {
  const points = (slope: number): Point[] =>
    Array.from({ length: 400 }, (_, x) => ({ x, y: 300 + slope * x + 20 * noise(x) }));
  const flat = slopeOf(points(0))!;
  assert.ok(Math.abs(flat.slope) < 3 * flat.error, JSON.stringify(flat));
  const leak = slopeOf(points(0.1))!;
  near(leak.slope - flat.slope, 0.1);
  assert.ok(leak.slope > 5 * leak.error, JSON.stringify(leak));
});

test('a slow wave is less certain than quick noise of the same height', () => {
  const wave = slopeOf(Array.from({ length: 400 }, (_, x) => ({ x, y: Math.sin(x / 20) })))!;
  const quick = slopeOf(Array.from({ length: 400 }, (_, x) => ({ x, y: Math.sin(x * 2) })))!;
  assert.ok(wave.error > 5 * quick.error, JSON.stringify({ wave, quick }));
});

test('groups at different levels share a slope', () => {
  // Each new life begins low: all points together would show a fall.
  const life = (start: number, level: number): Point[] =>
    [0, 1, 2, 3].map((age) => ({ x: start + age, y: level + 3 * age }));
  near(commonSlope([life(0, 100), life(10, 50), life(20, 10)])?.slope, 3);
  near(commonSlope([[{ x: 100, y: 1e9 }], life(0, 5)])?.slope, 3);
});
