import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fingerprint } from './fingerprint.ts';

const body = fc.record({
  height: fc.bigInt({ min: 0n, max: 2n ** 90n }),
  round: fc
    .double({ noNaN: true, min: 0, max: 1_000_000, noDefaultInfinity: true })
    .map((one) => Math.round(one * 1_024) / 1_024),
  hash: fc.uint8Array({ maxLength: 16 }),
  text: fc.string(),
  list: fc.array(fc.uint8Array({ maxLength: 16 }), { maxLength: 10 }),
});

test('equal content has an equal name, whatever holds the bytes', () => {
  fc.assert(
    fc.property(body, (one) => {
      const copy = { ...one, hash: Buffer.from(one.hash), list: one.list.map((bytes) => Buffer.from(bytes)) };
      const name = fingerprint(1, 2, one);
      assert.equal(fingerprint(1, 2, copy), name);
      assert.ok(Number.isSafeInteger(name) && name >= 0);
    }),
  );
});

test('different content has another name', () => {
  const names = new Map<number, string>();
  fc.assert(
    fc.property(body, (one) => {
      const text = JSON.stringify(one, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
      const name = fingerprint(1, 2, one);
      assert.equal(names.get(name) ?? text, text);
      names.set(name, text);
    }),
    { numRuns: 2_000 },
  );
});

test('kind and number of the message are a part of it', () => {
  const names = [0, 1, 2].flatMap((op) => [0, 1, 2].map((type) => fingerprint(op, type, { text: 'x' })));
  assert.equal(new Set(names).size, 9);
});

test('large content is sampled: both ends count, and the length', () => {
  const block = new Uint8Array(4 << 20);
  const name = fingerprint(1, 0, { block });
  for (const change of [0, 7, block.length - 1]) {
    const other = block.slice();
    other[change] = 1;
    assert.notEqual(fingerprint(1, 0, { block: other }), name);
  }
  assert.notEqual(fingerprint(1, 0, { block: block.subarray(1) }), name);
});
