import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bytes,
  type Case,
  expected,
  RFC_8032,
  signed,
  smallOrderCases,
  tamperedCases,
  torsionCases,
} from './ed25519-cases.ts';
import { Ed25519Kernel, withEd25519Kernel } from './ed25519-kernel.ts';
import { bestBuild, vectorBuild } from './kernel.ts';
import type { SignedMessage } from './verify-format.ts';

const BUILDS = [...new Set(['plain', vectorBuild(), bestBuild()] as const)];
/** Signatures that one call of the kernel takes. */
const ITEMS_MAX = 4096;

const rfcCases: Case[] = RFC_8032.map(([, publicKey, message, signature], i) => ({
  name: `RFC 8032, ${i + 1}`,
  publicKey: bytes(publicKey),
  message: bytes(message),
  signature: bytes(signature),
}));
const cases = [...rfcCases, ...torsionCases(), ...tamperedCases(), ...smallOrderCases()];
const verdicts = cases.map(expected);

test('the cases are of both kinds', () => {
  const valid = verdicts.filter(Boolean).length;
  // What is tampered with and stays valid: nothing, and zeros everywhere (a key of small order).
  assert.equal(valid, RFC_8032.length + 30 + 2 + 196);
});

/** Many signatures of few keys, made once: signing takes longer than verifying. */
const many = Array.from({ length: 700 }, (_, i) =>
  signed(
    new Uint8Array(32).fill(i % 90),
    Uint8Array.from({ length: i % 300 }, (_, j) => i + j),
  ),
);

/** Items of which some, at the places given, do not belong to their messages. */
function spoiled(items: readonly SignedMessage[], places: readonly number[]): SignedMessage[] {
  return items.map((item, i) =>
    places.includes(i) ? { ...item, message: Uint8Array.from([...item.message, 1]) } : item,
  );
}

for (const build of BUILDS) {
  const kernel = new Ed25519Kernel(build);
  const one = ({ publicKey, message, signature }: SignedMessage): boolean =>
    kernel.verify(publicKey, message, signature);

  test(`${build}: every case alone, twice, and in pairs`, () => {
    cases.forEach((item, i) => {
      assert.equal(one(item), verdicts[i], item.name);
      assert.equal(one(item), verdicts[i], `${item.name}, with its key known`);
      const next = (i * 31 + 7) % cases.length;
      assert.deepEqual(kernel.verifyBatch([item, cases[next] as Case]), [verdicts[i], verdicts[next]], item.name);
    });
  });

  test(`${build}: all cases in one batch, and only the valid ones`, () => {
    assert.deepEqual(kernel.verifyBatch(cases), verdicts);
    const valid = cases.filter((_, i) => verdicts[i]);
    assert.ok(kernel.verifyBatch(valid).every(Boolean));
    assert.deepEqual(kernel.verifyBatch([]), []);
  });

  test(`${build}: keys that are verified with alone again and again`, () => {
    const items = spoiled(many, [600, 650]);
    assert.deepEqual(
      items.flatMap((item, i) => (one(item) ? [] : [i])),
      [600, 650],
    );
  });

  test(`${build}: random keys, messages, and changes`, () => {
    const change = fc.option(fc.record({ part: fc.nat({ max: 2 }), at: fc.nat(), bit: fc.nat({ max: 7 }) }));
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(seed, fc.uint8Array({ maxLength: 600 }), change, (seed, message, change) => {
        const item = signed(seed, message);
        const changed = [item.publicKey, item.message, item.signature][change?.part ?? 0] as Uint8Array;
        if (change !== null && changed.length > 0) changed[change.at % changed.length]! ^= 1 << change.bit;
        const intact = change === null || changed.length === 0;
        // Noble is slow, and nothing but a changed signature needs it.
        assert.equal(one(item), intact || expected(item));
      }),
      { numRuns: 60 },
    );
  });

  test(`${build}: any mixture gives the verdicts of single verification`, () => {
    const indices = fc.array(fc.nat({ max: cases.length - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(indices, (indices) => {
        const items = indices.map((i) => cases[i] as Case);
        assert.deepEqual(
          kernel.verifyBatch(items),
          indices.map((i) => verdicts[i]),
        );
      }),
      { numRuns: 60 },
    );
  });

  test(`${build}: bad ones at random places of batches of all sizes`, () => {
    const places = fc.array(fc.nat({ max: many.length - 1 }), { maxLength: 6 });
    const size = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: many.length }));
    fc.assert(
      fc.property(size, places, (size, places) => {
        const items = spoiled(many, places).slice(0, size);
        assert.deepEqual(
          kernel.verifyBatch(items),
          items.map((_, i) => !places.includes(i)),
        );
      }),
      { numRuns: 12 },
    );
  });

  test(`${build}: more than the kernel takes at once, known and unknown keys, most of them bad`, () => {
    const flood = Array.from({ length: ITEMS_MAX + 200 }, () => ({
      publicKey: Uint8Array.from(randomBytes(32)),
      message: new Uint8Array(1),
      // Nobody's signature, but S is below L.
      signature: Uint8Array.from(randomBytes(64), (byte, i) => (i === 63 ? 0 : byte)),
    }));
    const places = [0, 1, ITEMS_MAX - 1, ITEMS_MAX, flood.length - 1];
    places.forEach((place, i) => {
      flood[place] = many[i] as (typeof flood)[number];
    });
    assert.deepEqual(
      kernel.verifyBatch(flood),
      flood.map((_, i) => places.includes(i)),
    );
    assert.ok(kernel.verifyBatch(many).every(Boolean));
  });

  test(`${build}: full batches`, () => {
    const items = Array.from({ length: ITEMS_MAX }, (_, i) => many[i % many.length] as SignedMessage);
    assert.ok(kernel.verifyBatch(items).every(Boolean));
    const bad = [17, 2000, 4095];
    assert.deepEqual(
      kernel.verifyBatch(spoiled(items, bad)).flatMap((verdict, i) => (verdict ? [] : [i])),
      bad,
    );
  });

  test(`${build}: messages that fill the memory, or do not fit it`, () => {
    const lengths = [5, 700_000, 700_000, 3, 2 ** 20 - 5, 5, 2 ** 20, 2 ** 20 + 1, 7, 0];
    const items = lengths.map((length, i) => signed(new Uint8Array(32).fill(i), new Uint8Array(length).fill(i)));
    assert.deepEqual(
      kernel.verifyBatch(items),
      lengths.map(() => true),
    );
    assert.deepEqual(
      kernel.verifyBatch(spoiled(items, [1, 7])),
      lengths.map((_, i) => i !== 1 && i !== 7),
    );
  });

  test(`${build}: the extreme coefficients`, () => {
    // All ones carries through all digits; all zeros checks nothing, which is why they are random.
    for (const byte of [255, 0x80, 1]) {
      const fixed = (length: number): Uint8Array => new Uint8Array(length).fill(byte);
      assert.deepEqual(kernel.verifyBatch(spoiled(many.slice(0, 300), [3]), fixed)[3], false);
      assert.ok(kernel.verifyBatch(many, fixed).every(Boolean));
    }
    const zeros = (length: number): Uint8Array => new Uint8Array(length);
    assert.ok(kernel.verifyBatch(spoiled(many.slice(0, 4), [3]), zeros).every(Boolean));
  });
}

test('the kernel of this thread is made once, and anew after a failure', () => {
  const first = withEd25519Kernel((kernel) => kernel);
  assert.equal(
    withEd25519Kernel((kernel) => kernel),
    first,
  );
  assert.throws(() => withEd25519Kernel(() => assert.fail('a trap')), { code: 'KERNEL_FAILED' });
  assert.notEqual(
    withEd25519Kernel((kernel) => kernel),
    first,
  );
});

test('a stack that overflows somewhere in the kernel leaves no wrong point behind', () => {
  let tries = 0;
  let overflows = 0;
  const dive = (): void => {
    try {
      dive();
    } catch {
      // The deepest frame: what follows is tried from there upwards.
    }
    if (tries === 400) return;
    const { publicKey, message, signature } = many[tries++] as SignedMessage;
    try {
      withEd25519Kernel((kernel) => kernel.verify(publicKey, message, signature));
    } catch {
      overflows++;
    }
  };
  dive();
  assert.ok(overflows > 0);
  assert.ok(withEd25519Kernel((kernel) => kernel.verifyBatch(many)).every(Boolean));
});
