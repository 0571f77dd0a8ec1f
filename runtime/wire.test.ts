import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { callerProtocol, echoProtocol } from './test-actors/protocols.ts';
import { type Frame, frameCodec, linkRecords, OP, weigh } from './wire.ts';

const codecs = () => [frameCodec([echoProtocol, callerProtocol]), frameCodec([callerProtocol, echoProtocol])] as const;

function frame(bodies: unknown[]): Frame {
  const envelopes = bodies.map((body, i) => ({
    op: OP.tell,
    type: 0,
    id: i,
    trace: 't',
    sent_us: i,
    deadline_ms: 0,
    body,
  }));
  return { from: 1, to: 2, hello: false, handled: [0, 1, 2, 3], weight: [0, 0, 0, 0], envelopes };
}

test('both ends derive the same records, whatever the order they name the protocols in', () => {
  assert.deepEqual(linkRecords([echoProtocol, callerProtocol]), linkRecords([callerProtocol, echoProtocol]));
});

test('any message survives a hop: declared, undeclared, nested, big', () => {
  const [sender, receiver] = codecs();
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.string(),
      fc.integer(),
      // MessagePack writes -0 as the integer 0, and no message means anything by the difference.
      fc.double({ noNaN: true }).map((number) => number + 0),
      fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 40 }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => !key.startsWith('__')),
        tie('value'),
        { maxKeys: 4, noNullPrototype: true },
      ),
      fc.record({ text: fc.string(), amount: fc.bigInt() }, { noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), (bodies) => {
      assert.deepEqual(receiver.decode(sender.encode(frame(bodies))), frame(bodies));
    }),
    { numRuns: 300 },
  );
});

test('a link may declare any number of shapes: all of them survive a hop, and undeclared ones beside them', () => {
  for (const count of [20, 28, 29, 30, 33, 60, 61, 62, 100, 300]) {
    const records = Array.from({ length: count }, (_, index) => [`a${index}`, `b${index}`]);
    const protocol = { name: 'many', tell: {}, ask: {}, emit: {}, records };
    const [sender, receiver] = [frameCodec([protocol]), frameCodec([protocol])];
    const declared = records.map(([a, b], index) => ({
      [String(a)]: index,
      [String(b)]: [{ [String(a)]: 'x', [String(b)]: 1n }],
    }));
    const undeclared = Array.from({ length: 40 }, (_, index) => ({ [`c${index}`]: index, d: { [`e${index}`]: null } }));
    for (let round = 0; round < 3; round++) {
      const bodies = [...declared, ...undeclared, ...declared.toReversed()];
      assert.deepEqual(receiver.decode(sender.encode(frame(bodies))), frame(bodies), `${count} shapes`);
    }
  }
});

test('declared shapes cost no field names', () => {
  const [sender] = codecs();
  const declared = sender.encode(frame([{ text: 'a', amount: 1n }])).byteLength;
  const undeclared = sender.encode(frame([{ texts: 'a', amount_: 1n }])).byteLength;
  assert.ok(declared + 10 < undeclared, `${declared} against ${undeclared}`);
});

test('an encoded frame owns its buffer, so that it can be transferred', () => {
  const [sender] = codecs();
  const bytes = sender.encode(frame([]));
  assert.equal(bytes.byteLength, bytes.buffer.byteLength);
});

test('garbage is an error with a code', () => {
  const [, receiver] = codecs();
  assert.throws(() => receiver.decode(new Uint8Array([0xc1, 1, 2])), { code: 'FRAME_MALFORMED' });
});

test('the weight of a message is the same before and after the hop', () => {
  const [sender, receiver] = codecs();
  const body = { list: [{ hash: new Uint8Array(32), tx: new Uint8Array(1000) }], data: new Uint8Array(500), n: 3n };
  const [arrived] = receiver.decode(sender.encode(frame([body]))).envelopes;
  assert.equal(weigh(arrived?.body), weigh(body));
  assert.ok(weigh(body) > 1532);
});

test('a link may speak of any number of shapes, over and over', () => {
  for (const count of [31, 32, 33, 64, 65, 200]) {
    const records = Array.from({ length: count }, (_, index) => [`a${index}`, 'b']);
    const protocol = { ...echoProtocol, name: 'wide', records };
    const [sender, receiver] = [frameCodec([protocol]), frameCodec([protocol])];
    // The readers of a shape are replaced by quicker ones after some use.
    for (let use = 0; use < 5; use++) {
      const bodies = records.map(([first], index) => ({
        [first!]: index,
        b: { [`u${index}`]: [{ [first!]: 1, b: null }] },
      }));
      assert.deepEqual(receiver.decode(sender.encode(frame(bodies))), frame(bodies));
    }
  }
});
