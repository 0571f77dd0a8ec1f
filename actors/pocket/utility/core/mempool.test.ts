import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../../runtime/errors.ts';
import { send, testKey } from '../test-support/fixtures.ts';
import { Mempool } from './mempool.ts';
import { type Prepared, prepare } from './prepared.ts';

const keys = [1, 2, 3].map(testKey);
const cache = new Map<string, Prepared>();
function tx(from: number, nonce: number, validUntilHeight = 10n): Prepared {
  const id = `${from}/${nonce}/${validUntilHeight}`;
  const known = cache.get(id) ?? prepare(send(keys[from]!, keys[0]!.address, 1n, `${nonce}`, { validUntilHeight }));
  cache.set(id, known);
  return known;
}
const refused = (code: string) => (error: unknown) => hasCode(error, code);

test('full means refusal, by count, bytes and sender', () => {
  const one = tx(0, 0);
  const byCount = new Mempool({ max_transactions: 1, max_bytes: 10_000, max_per_sender: 9 });
  byCount.add(one, 5n, true);
  assert.throws(() => byCount.checkRoom(tx(1, 0)), refused('MEMPOOL_FULL'));
  const byBytes = new Mempool({ max_transactions: 9, max_bytes: one.bytes.length * 2 - 1, max_per_sender: 9 });
  byBytes.checkRoom(one);
  byBytes.add(one, 5n, true);
  assert.throws(() => byBytes.checkRoom(tx(1, 0)), refused('MEMPOOL_FULL'));
  const bySender = new Mempool({ max_transactions: 9, max_bytes: 10_000, max_per_sender: 1 });
  bySender.add(one, 5n, true);
  assert.throws(() => bySender.checkRoom(tx(0, 1)), refused('SENDER_LIMIT'));
  bySender.checkRoom(tx(1, 0));
});

test('candidates come in order of arrival and stop at the first that does not fit', () => {
  const mempool = new Mempool({ max_transactions: 9, max_bytes: 10_000, max_per_sender: 9 });
  const all = [tx(2, 0), tx(0, 0), tx(1, 0)];
  for (const one of all) mempool.add(one, 1n, true);
  const size = all[0]!.bytes.length + 4;
  assert.deepEqual(mempool.candidates(size * 2, 9, 4), all.slice(0, 2));
  assert.deepEqual(mempool.candidates(size * 2 - 1, 9, 4), all.slice(0, 1));
  assert.deepEqual(mempool.candidates(size * 9, 2, 4), all.slice(0, 2));
  assert.deepEqual(mempool.page(1, 1), [all[1]]);
});

const anyStep = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    from: fc.nat(2),
    nonce: fc.nat(9),
    last: fc.bigInt({ min: 1n, max: 6n }),
  }),
  fc.record({ do: fc.constant('commit' as const), pick: fc.nat(20) }),
  fc.record({ do: fc.constant('height' as const) }),
  fc.record({ do: fc.constant('poor' as const), from: fc.nat(2), balance: fc.constantFrom(0n, 10_000n) }),
);

test('its books are those of a plain list, whatever happens', () => {
  const limits = { max_transactions: 12, max_bytes: 2_500, max_per_sender: 5 };
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const mempool = new Mempool(limits);
      let list: { one: Prepared; cost: bigint }[] = [];
      let next = 1n;
      for (const step of steps) {
        if (step.do === 'add') {
          const one = tx(step.from, step.nonce, step.last);
          const size = list.reduce((sum, { one: { bytes } }) => sum + bytes.length, 0);
          const full = list.length >= limits.max_transactions || size + one.bytes.length > limits.max_bytes;
          const many = list.filter(({ one: { sender } }) => sender === one.sender).length >= limits.max_per_sender;
          const known = list.some(({ one: { hashHex } }) => hashHex === one.hashHex);
          assert.equal(mempool.sameAs(one.replayHex), known ? one.hashHex : undefined);
          if (known || one.transaction.validUntilHeight < next) continue;
          if (full || many) {
            assert.throws(() => mempool.checkRoom(one));
            continue;
          }
          mempool.checkRoom(one);
          mempool.add(one, BigInt(step.nonce + 1), false);
          list.push({ one, cost: BigInt(step.nonce + 1) });
        } else if (step.do === 'commit') {
          const gone = list[step.pick];
          mempool.removeCommitted(['00', ...(gone ? [gone.one.replayHex] : [])]);
          list = list.filter((entry) => entry !== gone);
        } else if (step.do === 'height') {
          next += 1n;
          const expired = list.filter(({ one }) => one.transaction.validUntilHeight < next);
          assert.equal(mempool.expire(next).length, expired.length);
          list = list.filter((entry) => !expired.includes(entry));
        } else {
          const { hex } = keys[step.from]!;
          mempool.dropUnpayable(hex, step.balance, () => 10_000n);
          if (step.balance < 10_000n) list = list.filter(({ one }) => one.sender !== hex);
        }
        assert.deepEqual(
          mempool.page(0, 99),
          list.map(({ one }) => one),
        );
        assert.equal(
          mempool.bytes,
          list.reduce((sum, { one }) => sum + one.bytes.length, 0),
        );
        for (const { hex } of keys) {
          const own = list.filter(({ one }) => one.sender === hex);
          assert.equal(
            mempool.pendingOf(hex),
            own.reduce((sum, { cost }) => sum + cost, 0n),
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});
