import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ConsensusMessage } from '../../chain/consensus.ts';
import type { Input } from '../core/input.ts';
import type { Taken } from '../core/recovery.ts';
import { decodeHead, decodeTaken, encodeHead, encodeTaken, type Head, scan } from './journal-format.ts';

/** A record as code writes it; fast-check makes some without a prototype. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const bytes = fc.uint8Array({ maxLength: 200 });
const maybe = fc.option(bytes, { nil: null });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const message: fc.Arbitrary<ConsensusMessage> = record({
  type: fc.constantFrom(1, 2),
  height: u64,
  round: fc.nat(0xffffffff),
  step: fc.integer({ min: 1, max: 5 }),
  blockHash: maybe,
  block: maybe,
  justify: maybe,
  proof: maybe,
  timeout: maybe,
  address: bytes,
  signature: bytes,
  networkId: fc.string(),
});
const id = fc.nat();
const input: fc.Arbitrary<Input> = fc.oneof(
  record({ kind: fc.constant('message' as const), message }),
  record({
    kind: fc.constant('timer' as const),
    timer: fc.constantFrom('view' as const, 'propose' as const, 'tick' as const),
    token: fc.nat(),
  }),
  record({ kind: fc.constant('mempool' as const), transactions: fc.nat() }),
  record({ kind: fc.constantFrom('rebound' as const, 'recovered' as const, 'trigger' as const) }),
  record({ kind: fc.constant('setManual' as const), manual: fc.boolean() }),
  record({ kind: fc.constant('signed' as const), id, signature: bytes }),
  record({ kind: fc.constant('proposed' as const), id, block: bytes }),
  record({ kind: fc.constant('executed' as const), id }),
  record({
    kind: fc.constant('committed' as const),
    id,
    validators: fc.array(record({ address: bytes, publicKey: bytes, serviceUrl: fc.string(), power: u64 }), {
      maxLength: 3,
    }),
  }),
  record({ kind: fc.constant('block' as const), id, block: maybe }),
  record({
    kind: fc.constant('blocks' as const),
    id,
    blocks: fc.array(record({ block: bytes, commitQc: bytes }), { maxLength: 3 }),
  }),
  record({ kind: fc.constant('failed' as const), id, code: fc.string(), message: fc.string() }),
);
const taken: fc.Arbitrary<Taken> = record({
  now_ms: fc.double({ min: 0, max: 1e14, noNaN: true }).map((ms) => ms + 0),
  number: fc.nat(),
  input,
});
/** The form of a memory does not matter here: any tree of what a state is made of. */
const tree = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -7, 'text', 1.5, 2 ** 40, 5n, -(2n ** 70n)),
    bytes,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'height'), tie('node'), { maxKeys: 3, noNullPrototype: true }),
    fc.array(fc.tuple(fc.nat(), tie('node')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(fc.string(), { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).node;
const head = record({ circumstances: fc.string(), memory: tree }) as unknown as fc.Arbitrary<Head>;
const journal = record({ head, inputs: fc.array(taken, { maxLength: 5 }) });

function encode(one: { head: Head; inputs: readonly Taken[] }): Buffer {
  return Buffer.concat([encodeHead(one.head), ...one.inputs.map((each, index) => encodeTaken(index + 1, each))]);
}

/** What is read of a journal must be what was written, from its beginning on. */
function assertPrefix(read: Uint8Array, written: { head: Head; inputs: readonly Taken[] }): number {
  const { payloads, whole } = scan(read);
  const [first, ...others] = payloads;
  if (first) assert.deepEqual(decodeHead(first), written.head);
  assert.deepEqual(others.map(decodeTaken), written.inputs.slice(0, others.length));
  assert.ok(whole <= read.length);
  return payloads.length;
}

test('what is written is read again: bigints, bytes, maps and sets are what they were', () => {
  fc.assert(
    fc.property(journal, (one) => {
      const written = encode(one);
      assert.equal(assertPrefix(written, one), one.inputs.length + 1);
      assert.equal(scan(written).whole, written.length);
    }),
  );
});

test('a journal that ends anywhere gives the records before its end, and says where they end', () => {
  fc.assert(
    fc.property(journal, fc.nat(), fc.uint8Array({ maxLength: 40 }), (one, at, garbage) => {
      const written = encode(one);
      const length = at % (written.length + 1);
      const cut = written.subarray(0, length);
      const count = assertPrefix(cut, one);
      const { whole } = scan(cut);
      assert.equal(assertPrefix(cut.subarray(0, whole), one), count, 'what is left after the cut is whole');
      // Whatever lies behind it: zeros of a file that was made longer before it was written, or anything else.
      assert.equal(assertPrefix(Buffer.concat([cut.subarray(0, whole), new Uint8Array(64)]), one), count);
      assert.equal(assertPrefix(Buffer.concat([cut.subarray(0, whole), garbage]), one), count);
    }),
  );
});

test('a bit that flips anywhere ends the journal before its record', () => {
  fc.assert(
    fc.property(journal, fc.nat(), fc.nat(7), (one, at, bit) => {
      const written = encode(one);
      const place = at % written.length;
      written[place]! ^= 1 << bit;
      const count = assertPrefix(written, one);
      assert.ok(count <= one.inputs.length, 'the record that was hit is gone');
      assert.ok(scan(written).whole <= place);
    }),
  );
});

test('records of another place do not count: a repeated, a missing or an exchanged one ends the journal', () => {
  const inputs = [1, 2, 3].map((number): Taken => ({ now_ms: 5, number, input: { kind: 'executed', id: number } }));
  const start = encodeHead({ circumstances: '', memory: {} as Head['memory'] });
  const [one, two, three] = inputs.map((each, index) => encodeTaken(index + 1, each));
  const count = (...records: Uint8Array[]) => scan(Buffer.concat([start, ...records])).payloads.length;
  assert.deepEqual(
    [count(one!, two!, three!), count(one!, one!), count(one!, three!), count(two!, one!)],
    [4, 2, 2, 1],
  );
});

test('any bytes at all are read without an error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (any) => scan(any).whole <= any.length));
});
