import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode, KERNEL_TRAP } from '../runtime/errors.ts';
import { vectorBuild } from './kernel.ts';
import { PlainTrie } from './testing/plain-trie.ts';
import { SparseMerkleTrie, type TrieEntry, TrieKernel, type TrieOptions } from './trie.ts';
import { combineShards } from './trie-shards.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const random = (seed: string): Uint8Array => Uint8Array.from(createHash('sha256').update(seed).digest());

/** Paths that share long beginnings, so that branches skip up to 255 levels, beside arbitrary ones. */
const pathArbitrary = fc
  .record({ shared: fc.nat({ max: 255 }), rest: fc.nat({ max: 3 }), fill: fc.constantFrom(0, 0xff) })
  .map(({ shared, rest, fill }) => {
    const path = new Uint8Array(32).fill(fill);
    path[shared >> 3]! ^= 0x80 >> (shared & 7);
    path[31]! ^= rest;
    return path;
  });
const keyArbitrary = fc.oneof(
  pathArbitrary,
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.nat({ max: 20 }).map((n) => random(String(n))),
);
/** Lengths around what a leaf holds in place, around the smallest block, and longer than one chunk of blocks. */
const valueArbitrary = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 4 }),
  fc.constantFrom(31, 32, 33, 64, 65, 300, 5000).map((length) => new Uint8Array(length).fill(length)),
);
const entryArbitrary: fc.Arbitrary<TrieEntry> = fc.record({
  key: keyArbitrary,
  value: fc.option(valueArbitrary, { freq: 3 }),
  weight: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const optionsArbitrary: fc.Arbitrary<TrieOptions> = fc.record({
  sum: fc.boolean(),
  valueHasher: fc.constantFrom('sha256' as const, 'none' as const),
  pathHasher: fc.constantFrom('sha256' as const, 32, 31, 4),
});
interface Step {
  /** The trie that the step goes on from: one of those that live. */
  from: number;
  how: 'update' | 'advance' | 'release';
  entries: TrieEntry[];
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  from: fc.nat(),
  how: fc.constantFrom('update' as const, 'advance' as const, 'release' as const),
  entries: fc.oneof(
    fc.array(entryArbitrary, { maxLength: 8 }),
    fc.array(entryArbitrary, { minLength: 80, maxLength: 120 }),
  ),
});

/** A trie of the kernel and its twin. */
interface Pair {
  trie: SparseMerkleTrie;
  plain: PlainTrie;
}

function assertSame({ trie, plain }: Pair, entries: readonly TrieEntry[]): void {
  assert.equal(hex(trie.root), hex(plain.root));
  assert.equal(trie.size, plain.size);
  for (const { key } of entries) {
    assert.equal(trie.has(key), plain.has(key));
    assert.deepEqual(trie.prove(key), plain.prove(key));
    const path = key.slice(0, plain.pathBytes);
    assert.deepEqual(trie.proveClosest(path), plain.proveClosest(path));
  }
}

/** False where the memory was full: then everything is as it was. */
function takeStep(live: Pair[], { from, how, entries }: Step): boolean {
  const index = from % live.length;
  const { trie, plain } = live[index]!;
  if (how === 'release' && live.length > 1) {
    trie.release();
    live.splice(index, 1);
    return true;
  }
  try {
    if (how === 'update') live.push({ trie: trie.update(entries), plain: plain.update(entries) });
    else live[index] = { trie: trie.advance(entries), plain: plain.update(entries) };
    return true;
  } catch (error) {
    assert.ok(hasCode(error, 'TRIE_MEMORY_FULL'), String(error));
    return false;
  }
}

for (const build of new Set(['plain', vectorBuild()] as const)) {
  const wholes = [false, true].map((sum) => new TrieKernel({ sum, pathHasher: 32 }, { build }));
  const whole32 = (sum: boolean): TrieKernel => wholes[+sum]!;
  const kernelOf = (options: TrieOptions, maxBytes?: number): TrieKernel =>
    new TrieKernel(options, maxBytes === undefined ? { build } : { build, maxBytes });

  /** Random steps on any of the tries that live, each compared with its twin; returns how often the memory was full. */
  const runTwins = (length: number, numRuns: number, maxBytes?: number): number => {
    const arenas = new Map<string, TrieKernel>();
    let refusals = 0;
    fc.assert(
      fc.property(
        optionsArbitrary,
        fc.array(stepArbitrary, { minLength: length >> 1, maxLength: length }),
        (options, steps) => {
          const name = JSON.stringify(options);
          const kernel = arenas.get(name) ?? kernelOf(options, maxBytes);
          arenas.set(name, kernel);
          const before = { leaves: kernel.usage.leaves, branches: kernel.usage.branches };
          const live: Pair[] = [{ trie: SparseMerkleTrie.empty(kernel), plain: PlainTrie.empty(options) }];
          for (const step of steps) {
            if (!takeStep(live, step)) refusals++;
            for (const pair of live.slice(-2)) assertSame(pair, step.entries.slice(0, 3));
          }
          for (const pair of live) assertSame(pair, []);
          for (const { trie } of live) trie.release();
          const { leaves, branches, bytes } = kernel.usage;
          assert.deepEqual({ leaves, branches }, before);
          assert.ok(maxBytes === undefined || bytes <= maxBytes);
        },
      ),
      { numRuns },
    );
    return refusals;
  };

  test(`${build}: branches, rewinds and releases, like the plain trie; what is released is free`, () => {
    runTwins(12, 150);
  });

  test(`${build}: the same where the memory is full again and again`, () => {
    // Room for what the host writes, for the sorting, and for four chunks of leaves, branches and blocks.
    const maxBytes = kernelOf({}).usage.bytes + 262_144 + 8_192 + 4 * 65_536;
    assert.ok(runTwins(40, 60, maxBytes) > 0);
  });

  test(`${build}: many entries, in order and out of it, twice the same, packed and not`, () => {
    const keys = Array.from({ length: 3000 }, (_, i) => random(`key ${i % 2900}`));
    // Paths that agree in their first bytes, all of them in 28: the sort has to look further.
    const near = Array.from({ length: 300 }, (_, i) => {
      const key = new Uint8Array(32).fill(7);
      key.set(random(String(i)).subarray(0, 2), i % 2 === 0 ? 28 : 4);
      return key;
    });
    for (const options of [{}, { sum: true }, { pathHasher: 32, valueHasher: 'none' as const }]) {
      const entries = [...keys, ...near].map((key, i) => ({ key, value: random(`value ${i}`), weight: BigInt(i) }));
      const expected = PlainTrie.empty(options).update(entries);
      const kernel = kernelOf(options);
      const trie = SparseMerkleTrie.empty(kernel).update(entries);
      assert.equal(hex(trie.root), hex(expected.root));
      const packed = SparseMerkleTrie.empty(kernel).advancePacked({
        count: entries.length,
        keys: Buffer.concat(entries.map(({ key }) => key)),
        keyBytes: 32,
        values: Buffer.concat(entries.map(({ value }) => value)),
        valueBytes: 32,
        weights: BigUint64Array.from(entries, ({ weight }) => weight),
      });
      assert.equal(hex(packed.root), hex(expected.root));
      const half = entries.filter((_, i) => i % 2 === 0).map(({ key }) => ({ key, value: null }));
      assert.equal(hex(trie.update(half).root), hex(expected.update(half).root));
    }
  });

  test(`${build}: a trie read out of another in order is the same`, () => {
    for (const options of [{}, { sum: true }, { valueHasher: 'none' as const, pathHasher: 20 }]) {
      const entries = Array.from({ length: 2000 }, (_, i) => ({
        key: random(`${i}`),
        value: text(`value ${i} ${'x'.repeat(i % 50)}`),
        weight: BigInt(i),
      }));
      const kernel = kernelOf(options);
      const trie = SparseMerkleTrie.empty(kernel).advance(entries);
      const leaves = entries
        .map(({ key, weight }) => {
          const path = kernel.path(key);
          const stored = trie.get(key)!;
          return { path, stored: options.sum ? stored.subarray(0, -16) : stored, weight };
        })
        .sort((a, b) => Buffer.compare(a.path, b.path));
      const middle = leaves.length >> 1;
      const imported = SparseMerkleTrie.empty(kernel).import(leaves.slice(0, middle)).import(leaves.slice(middle));
      assert.equal(hex(imported.root), hex(trie.root));
      assert.equal(imported.size, trie.size);
    }
    const empty = SparseMerkleTrie.empty(kernelOf({}));
    assert.throws(() => empty.import([{ path: new Uint8Array(31), stored: new Uint8Array(32) }]), {
      code: 'TRIE_KEY_INVALID',
    });
    assert.throws(() => empty.import([{ path: new Uint8Array(32), stored: new Uint8Array(31) }]), {
      code: 'TRIE_VALUE_INVALID',
    });
  });

  test(`${build}: shards together have the root of the whole, empty ones and single leaves included`, () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.nat({ max: 4 }),
        fc.array(fc.constantFrom(0, 1, 0x0f, 0x10, 0x7f, 0x80, 0xff), { maxLength: 7 }),
        (sum, bits, firsts) => {
          const entries = firsts.map((first, i) => {
            const key = random(String(i));
            key[0] = first;
            return { key, value: text(`value ${i}`), weight: BigInt(i) * 2n ** 61n };
          });
          const options: TrieOptions = { sum, pathHasher: 32 };
          const shards = Array.from({ length: 2 ** bits }, (_, index) => {
            const kernel = kernelOf({ ...options, shard: { bits, index } });
            const own = entries.filter(({ key }) => key[0]! >> (8 - bits) === index);
            const other = entries.find((entry) => !own.includes(entry));
            const trie = SparseMerkleTrie.empty(kernel);
            if (other !== undefined) assert.throws(() => trie.update([other]), { code: 'TRIE_KEY_INVALID' });
            return trie.update(own);
          });
          const whole = PlainTrie.empty(options).update(entries);
          assert.equal(hex(combineShards(whole32(sum), shards)), hex(whole.root));
        },
      ),
      { numRuns: 25 },
    );
    const shard = SparseMerkleTrie.empty(kernelOf({ shard: { bits: 1, index: 1 } }));
    assert.throws(() => shard.prove(text('a')), { code: 'TRIE_OPTIONS_INVALID' });
    assert.throws(() => combineShards(whole32(false), [shard, shard, shard]), { code: 'TRIE_OPTIONS_INVALID' });
    assert.throws(() => kernelOf({ shard: { bits: 1, index: 2 } }), { code: 'TRIE_OPTIONS_INVALID' });
  });

  test(`${build}: at the limit of its memory an update fails, the trie is as it was and goes on`, () => {
    for (const options of [{}, { valueHasher: 'none' as const }]) {
      const kernel = kernelOf(options, 2_000_000);
      const other = SparseMerkleTrie.empty(kernel).advance(
        Array.from({ length: 1000 }, (_, j) => ({ key: random(`other ${j}`), value: new Uint8Array(j % 200) })),
      );
      let trie = SparseMerkleTrie.empty(kernel);
      const grow = (): void => {
        for (let i = 0; ; i++) {
          const entries = Array.from({ length: 500 }, (_, j) => ({
            key: random(`${i} ${j}`),
            value: new Uint8Array(j % 200).fill(j),
          }));
          const next = i % 2 === 0 ? trie.advance(entries) : trie.update(entries);
          trie.release();
          trie = next;
        }
      };
      assert.throws(grow, { code: 'TRIE_MEMORY_FULL' });
      assert.ok(trie.size >= 1000, `${trie.size} leaves`);
      assert.ok(kernel.usage.bytes <= 2_000_000);
      assert.ok(trie.has(random('0 0')));
      const before = hex(trie.root);
      assert.throws(
        () => trie.update(Array.from({ length: 50_000 }, (_, i) => ({ key: random(`${i}`), value: null }))),
        {
          code: 'TRIE_MEMORY_FULL',
        },
      );
      assert.equal(hex(trie.root), before);
      // What another trie gives back serves this one.
      other.release();
      const smaller = trie.advance(Array.from({ length: 500 }, (_, j) => ({ key: random(`0 ${j}`), value: null })));
      const again = smaller.update([{ key: text('a'), value: text('b') }]);
      assert.equal(again.size, smaller.size + 1);
    }
  });

  test(`${build}: a trie that was released, or whose kernel broke off, says so`, () => {
    const kernel = kernelOf({});
    const trie = SparseMerkleTrie.empty(kernel).update([{ key: text('a'), value: text('b') }]);
    trie.release();
    trie.release();
    assert.throws(() => trie.root, { code: 'TRIE_RELEASED' });
    assert.throws(() => trie.update([]), { code: 'TRIE_RELEASED' });
    assert.throws(() => kernel.release(0x7fff_fff0), { code: KERNEL_TRAP });
    assert.equal(kernel.isSound, false);
    assert.throws(() => SparseMerkleTrie.empty(kernel).update([]), /trie kernel, \w+: 0 leaves/);
  });
}
