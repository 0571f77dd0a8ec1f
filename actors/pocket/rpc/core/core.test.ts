import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../../runtime/errors.ts';
import { VirtualClock } from '../../../../runtime/virtual-clock.ts';
import { cached } from './cached.ts';
import { Gate } from './gate.ts';
import { toJson } from './json.ts';
import { pageOf } from './paging.ts';

test('JSON is that of JSON.stringify for everything without a bigint', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(toJson(value), JSON.stringify(value));
    }),
  );
  assert.equal(toJson({ a: undefined, b: [undefined], c: Number.NaN }), '{"b":[null],"c":null}');
});

test('a bigint of any size is an exact JSON integer', () => {
  fc.assert(
    fc.property(fc.bigInt(), (value) => {
      assert.equal(toJson({ value, list: [value] }), `{"value":${value},"list":[${value}]}`);
    }),
  );
});

test('pages cover every item once', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 1_000 }), (total, perPage) => {
      const { total_pages } = pageOf(1, perPage, total);
      let next = 0;
      for (let page = 1; page <= total_pages; page++) {
        assert.equal(pageOf(page, perPage, total).offset, next);
        next += Math.min(perPage, total - next);
      }
      assert.equal(next, total);
      assert.throws(
        () => pageOf(total_pages + 1, perPage, total),
        (error) => hasCode(error, 'PAGE_NOT_FOUND'),
      );
    }),
  );
});

test('a gate never admits more than its limit, except one piece that is larger alone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(12), fc.boolean()), { maxLength: 60 }), (steps) => {
      const gate = new Gate(10, 'some.limit');
      const held: { cost: number; leave: () => void }[] = [];
      for (const [cost, leaveFirst] of steps) {
        if (leaveFirst) {
          const first = held.shift();
          first?.leave();
          first?.leave();
        }
        try {
          held.push({ cost, leave: gate.enter(cost) });
        } catch (error) {
          assert.ok(hasCode(error, 'RPC_BUSY'));
        }
        const sum = held.reduce((total, one) => total + one.cost, 0);
        assert.equal(gate.used, sum);
        assert.ok(sum <= 10 || held.filter((one) => one.cost > 0).length === 1);
      }
    }),
  );
});

test('a gate is left also when the work fails', async () => {
  const gate = new Gate(1, 'some.limit');
  await assert.rejects(gate.run(() => Promise.reject(new Error('no'))));
  assert.equal(await gate.run(async () => 1), 1);
});

test('a cached answer is fetched once for all who ask, and again when it is old or failed', async () => {
  const clock = new VirtualClock();
  let fetches = 0;
  let fails = false;
  const ask = cached(clock, 100, async () => {
    fetches++;
    if (fails) throw new Error('away');
    return fetches;
  });
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1]);
  clock.moveTo(99);
  assert.equal(await ask(), 1);
  clock.moveTo(100);
  fails = true;
  await assert.rejects(ask());
  fails = false;
  assert.equal(await ask(), 3);
});
