import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backoff_ms } from './backoff.ts';
import { encodeFrame, FRAME_HEADER_BYTES, type Frame, FrameReader } from './frame.ts';
import { RateLimiter } from './rate.ts';

describe('frames', () => {
  const frame = fc.record({ kind: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 500 }) });

  it('come back whole, however the stream is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), cuts, (frames, lengths) => {
        const stream = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
        const reader = new FrameReader(500);
        const got: Frame[] = [];
        for (let at = 0, n = 0; at < stream.length; n++) {
          const length = lengths[n % lengths.length]!;
          reader.push(stream.subarray(at, at + length), (one) => got.push(one));
          at += length;
        }
        assert.equal(reader.partial, false);
        assert.deepEqual(
          got.map(({ kind, payload }) => [kind, ...payload]),
          frames.map(({ kind, payload }) => [kind, ...payload]),
        );
      }),
    );
  });

  it('are refused by their announced length, before their bytes come', () => {
    const reader = new FrameReader(100);
    const header = encodeFrame(1, new Uint8Array(101)).subarray(0, FRAME_HEADER_BYTES);
    assert.throws(() => reader.push(header, () => assert.fail()), { code: 'FRAME_TOO_LARGE' });
    assert.throws(() => new FrameReader(100).push(new Uint8Array(5), () => assert.fail()), { code: 'FRAME_MALFORMED' });
  });

  it('can change the limit for what follows in the same piece', () => {
    const reader = new FrameReader(10);
    const sizes: number[] = [];
    const piece = Buffer.concat([encodeFrame(1, new Uint8Array(10)), encodeFrame(2, new Uint8Array(50))]);
    reader.push(piece, ({ payload }) => {
      sizes.push(payload.length);
      reader.maxPayloadBytes = 50;
    });
    assert.deepEqual(sizes, [10, 50]);
  });
});

describe('back-off', () => {
  it('stays between an eighth of a second and fifteen, and grows', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, fraction) => {
        const delay = backoff_ms(failures, fraction);
        assert.ok(delay >= 125 && delay <= 15_000);
        assert.ok(backoff_ms(failures + 1, fraction) >= delay);
      }),
    );
  });
});

describe('rates', () => {
  it('let no key have more than its burst and its share of time', () => {
    const takes = fc.array(fc.record({ wait_ms: fc.nat(500), amount: fc.integer({ min: 1, max: 5 }) }), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(takes, (list) => {
        const limiter = new RateLimiter({ perSecond: 10, burst: 20 }, 4);
        let now = 0;
        let taken = 0;
        for (const { wait_ms, amount } of list) {
          now += wait_ms;
          if (limiter.take('peer', amount, now)) taken += amount;
          assert.ok(taken <= 20 + now / 100 + 1e-6);
        }
      }),
    );
  });

  it('forget the quietest key when there are too many', () => {
    const limiter = new RateLimiter({ perSecond: 0, burst: 1 }, 2);
    assert.ok(limiter.take('a', 1, 0));
    assert.ok(!limiter.take('a', 1, 0));
    limiter.take('b', 1, 0);
    limiter.take('c', 1, 0);
    assert.ok(limiter.take('a', 1, 0));
  });
});
