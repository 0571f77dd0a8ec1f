import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FRAME_HEADER_BYTES, FrameReader } from '../../../../net/frame.ts';
import { hasCode } from '../../../../runtime/errors.ts';
import { BATCH_BYTES, BATCH_DELAY_ms, Batcher, batchLimits } from './batcher.ts';
import { connectionToKeep, type KnownConnection } from './duplicates.ts';
import { FRAME_MESSAGES } from './frame-kinds.ts';
import { decodeHello, decodeVerdict, encodeHello, encodeVerdict, P2P_VERSION } from './handshake.ts';
import { decodeList, encodeList } from './list.ts';
import { FRAME_FILL_BYTES, Outbox } from './outbox.ts';
import { Scores } from './score.ts';

const LIMITS = { maxItems: 1_000, maxItemBytes: 100_000 };
const item = fc.uint8Array({ minLength: 1, maxLength: 300 });
const items = fc.array(item, { minLength: 1, maxLength: 40 });
const plain = (list: readonly Uint8Array[]): string[] => list.map((bytes) => Buffer.from(bytes).toString('hex'));

describe('lists', () => {
  it('come back as they went', () => {
    fc.assert(fc.property(items, (list) => assert.deepEqual(plain(decodeList(encodeList(list), LIMITS)), plain(list))));
  });

  it('have one encoding: what decodes encodes to the same bytes, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        let list: Uint8Array[];
        try {
          list = decodeList(bytes, LIMITS);
        } catch (error) {
          assert.ok(hasCode(error, 'LIST_MALFORMED'));
          return;
        }
        assert.deepEqual(Buffer.from(encodeList(list)), Buffer.from(bytes));
      }),
    );
  });

  it('are refused when empty, truncated, or over a limit', () => {
    const good = encodeList([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    const bad = [new Uint8Array(0), good.subarray(0, -1), good.subarray(0, 9), encodeList([new Uint8Array(0)])];
    for (const bytes of bad) assert.throws(() => decodeList(bytes, LIMITS), { code: 'LIST_MALFORMED' });
    assert.throws(() => decodeList(good, { ...LIMITS, maxItems: 1 }), { code: 'LIST_MALFORMED' });
    assert.throws(() => decodeList(good, { ...LIMITS, maxItemBytes: 2 }), { code: 'LIST_MALFORMED' });
  });
});

describe('the outbox', () => {
  const unpack = (outbox: Outbox): Uint8Array[] => {
    const all: Uint8Array[] = [];
    for (let frame = outbox.nextFrame(); frame !== undefined; frame = outbox.nextFrame()) {
      new FrameReader(10_000_000).push(frame, ({ kind, payload }) => {
        assert.equal(kind, FRAME_MESSAGES);
        all.push(...decodeList(payload, { maxItems: 100_000, maxItemBytes: 10_000_000 }));
      });
    }
    return all;
  };

  it('keeps the newest within its bounds, in order, and counts the rest', () => {
    fc.assert(
      fc.property(
        items,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 3_000 }),
        (list, maxMessages, maxBytes) => {
          const outbox = new Outbox({ maxMessages, maxBytes });
          const dropped = list.reduce((sum, one) => sum + outbox.push(one), 0);
          assert.ok(outbox.size === 1 || (outbox.size <= maxMessages && outbox.bytes <= maxBytes));
          assert.equal(outbox.size + dropped, list.length);
          assert.deepEqual(plain(unpack(outbox)), plain(list.slice(dropped)));
          assert.equal(outbox.bytes, 0);
        },
      ),
    );
  });

  it('fills frames, and sends what is larger alone', () => {
    const outbox = new Outbox({ maxMessages: 10_000, maxBytes: 100_000_000 });
    for (let n = 0; n < 1_000; n++) outbox.push(new Uint8Array(300).fill(n));
    outbox.push(new Uint8Array(4_000_000));
    outbox.push(new Uint8Array(300));
    const sizes: number[] = [];
    for (let frame = outbox.nextFrame(); frame !== undefined; frame = outbox.nextFrame()) sizes.push(frame.length);
    assert.equal(sizes.filter((size) => size > FRAME_FILL_BYTES + FRAME_HEADER_BYTES).length, 1);
    assert.equal(sizes.length, Math.ceil((1_000 * 304) / FRAME_FILL_BYTES) + 2);
  });
});

describe('the batcher', () => {
  it('hands over every transaction once, in order, in batches that peers accept', () => {
    const limits = batchLimits(16_384);
    const sizes = fc.array(fc.integer({ min: 1, max: 16_384 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, (lengths) => {
        const batcher = new Batcher();
        const batches = lengths.map((length, n) => batcher.add(new Uint8Array(length).fill(n), n));
        batches.push(batcher.take());
        const got = batches.flatMap((batch) => {
          if (batch === undefined) return [];
          assert.ok(batch.bytes.length <= limits.maxBytes);
          return decodeList(batch.bytes, limits).map((one) => [one.length, one[0]]);
        });
        assert.deepEqual(
          got,
          lengths.map((length, n) => [length, n % 256]),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('lets the first one wait no longer than its delay', () => {
    const batcher = new Batcher();
    assert.equal(batcher.due_ms, undefined);
    batcher.add(Uint8Array.of(1), 100);
    batcher.add(Uint8Array.of(2), 110);
    assert.equal(batcher.due_ms, 100 + BATCH_DELAY_ms);
    assert.equal(batcher.take()?.transactions, 2);
    assert.equal(batcher.add(new Uint8Array(BATCH_BYTES), 200), undefined);
    assert.equal(batcher.add(Uint8Array.of(1), 201)?.transactions, 1);
  });
});

describe('duplicate connections', () => {
  it('are resolved alike by both ends', () => {
    const dial = fc.record({ byA: fc.boolean(), gap_ms: fc.integer({ min: 1, max: 30_000 }) });
    fc.assert(
      fc.property(fc.array(dial, { minLength: 1, maxLength: 5 }), fc.boolean(), (dials, aIsSmaller) => {
        const [a, b] = aIsSmaller ? ['p1', 'p2'] : ['p2', 'p1'];
        let now = 0;
        const times = dials.map(({ gap_ms }) => (now += gap_ms));
        const view = (outbound: (byA: boolean) => boolean): KnownConnection[] =>
          dials.map(({ byA }, n) => ({ id: `c${n}`, outbound: outbound(byA), opened_ms: times[n]! }));
        const ofA = connectionToKeep(
          a!,
          b!,
          view((byA) => byA),
        );
        const ofB = connectionToKeep(b!, a!, view((byA) => !byA).reverse());
        assert.equal(ofA, ofB);
      }),
    );
  });

  it('keep the dial of the smaller id when both dialled at once, else the newer', () => {
    const out = { id: 'out', outbound: true, opened_ms: 0 };
    const soon = { id: 'in', outbound: false, opened_ms: 500 };
    assert.equal(connectionToKeep('a', 'b', [out, soon]), 'out');
    assert.equal(connectionToKeep('b', 'a', [out, soon]), 'in');
    assert.equal(connectionToKeep('a', 'b', [out, { ...soon, opened_ms: 60_000 }]), 'in');
  });
});

describe('scores', () => {
  it('ban after repeated offences, for a while', () => {
    const scores = new Scores(10);
    assert.ok(!scores.offend('peer', 'frame_malformed', 0));
    assert.ok(scores.offend('peer', 'frame_malformed', 0));
    assert.ok(scores.banned('peer', 59_999));
    assert.ok(!scores.banned('peer', 60_000));
    assert.ok(!scores.banned('other', 0));
  });

  it('forget with time, never ban for what is no malice, and stay bounded', () => {
    const scores = new Scores(2);
    for (let minute = 0; minute < 100; minute++) assert.ok(!scores.offend('slow', 'frame_timeout', minute * 60_000));
    for (let n = 0; n < 1_000; n++) assert.ok(!scores.offend('other', 'wrong_network', 0));
    scores.offend('a', 'frame_malformed', 0);
    scores.offend('b', 'frame_malformed', 0);
    scores.offend('c', 'frame_malformed', 0);
    assert.ok(!scores.offend('a', 'frame_malformed', 0), 'a was forgotten');
  });
});

describe('handshakes', () => {
  it('come back as they went', () => {
    const certificate = fc.uint8Array({ maxLength: 500 });
    const networkId = fc.stringMatching(/^[!-~]{1,64}$/);
    fc.assert(
      fc.property(networkId, certificate, (id, bytes) => {
        const hello = decodeHello(encodeHello({ version: P2P_VERSION, networkId: id, certificate: bytes }));
        assert.equal(hello.networkId, id);
        assert.deepEqual([...hello.certificate], [...bytes]);
      }),
    );
    const verdict = { accepted: false, code: 'HELLO_WRONG_NETWORK', reason: 'not ours' };
    assert.deepEqual(decodeVerdict(encodeVerdict(verdict)), verdict);
  });

  it('never throw anything but a code, whatever the bytes', () => {
    const coded = (run: () => unknown): void => {
      try {
        run();
      } catch (error) {
        assert.match((error as { code: string }).code, /^HELLO_/);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        coded(() => decodeHello(bytes));
        coded(() => decodeVerdict(bytes));
      }),
    );
  });
});
