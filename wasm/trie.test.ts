import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../runtime/errors.ts';
import { sha256 } from './hash.ts';
import { vectorBuild } from './kernel.ts';
import {
  type ClosestProof,
  type Proof,
  SparseMerkleTrie,
  type TrieEntry,
  TrieKernel,
  type TrieOptions,
} from './trie.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Names of the state tries of the Pocket V1 state hash. */
const STATE_TRIES = ['app', 'val', 'fish', 'servicer', 'account', 'pool', 'transactions', 'params', 'flags', 'ibc'];

/** A trie over paths of one or two bytes, where all shapes occur, chains and neighbours at the greatest depth included. */
const optionsArbitrary = fc.record({
  sum: fc.boolean(),
  valueHasher: fc.constantFrom('sha256' as const, 'none' as const),
  pathHasher: fc.constantFrom(1, 2),
});
const keyArbitrary = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 0x80, 0xfe, 0xff), fc.nat({ max: 3 }))
  .map((k) => Uint8Array.from(k));
const entryArbitrary: fc.Arbitrary<TrieEntry> = fc.record({
  key: fc.oneof(keyArbitrary, fc.uint8Array({ minLength: 2, maxLength: 2 })),
  value: fc.option(fc.uint8Array({ minLength: 1, maxLength: 4 }), { freq: 3 }),
  weight: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const batchesArbitrary = fc.array(fc.array(entryArbitrary, { maxLength: 12 }), { maxLength: 6 });

interface Model {
  path: Uint8Array;
  value: Uint8Array;
  weight: bigint;
}

/** The definition of the root, word for word. */
function definedRoot(options: TrieOptions, leaves: Model[], depth = 0): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(options.sum ? 48 : 32);
  if (leaves.length === 1) {
    const { path, value, weight } = leaves[0] as Model;
    const body = options.valueHasher === 'none' ? value : sha256(value);
    return definedDigest(options, [Uint8Array.of(0), path, body], [weight, 1n]);
  }
  const bit = ({ path }: Model): number => (path[depth >> 3]! >> (7 - (depth % 8))) & 1;
  const left = definedRoot(
    options,
    leaves.filter((leaf) => bit(leaf) === 0),
    depth + 1,
  );
  const right = definedRoot(
    options,
    leaves.filter((leaf) => bit(leaf) === 1),
    depth + 1,
  );
  const totals = options.sum ? [40, 32].map((end) => total(left, 72 - end) + total(right, 72 - end)) : [];
  return definedDigest(options, [Uint8Array.of(1), left, right], totals);
}

const total = (digest: Uint8Array, at: number): bigint => Buffer.from(digest).readBigUInt64BE(at);

function definedDigest(options: TrieOptions, parts: Uint8Array[], totals: bigint[]): Uint8Array {
  const tail = Buffer.alloc(options.sum ? 16 : 0);
  if (options.sum) totals.forEach((n, i) => void tail.writeBigUInt64BE(BigInt.asUintN(64, n), 8 * i));
  const encoding = Buffer.concat([...parts, tail]);
  return Uint8Array.from(Buffer.concat([sha256(encoding), tail]));
}

function applyToModel(model: Map<string, Model>, entries: readonly TrieEntry[], pathBytes: number): void {
  for (const { key, value, weight = 0n } of entries) {
    const path = key.slice(0, pathBytes);
    if (value === null) model.delete(hex(path));
    else model.set(hex(path), { path, value, weight });
  }
}

function definedClosest(leaves: Model[], path: Uint8Array): Model {
  let candidates = leaves;
  for (let depth = 0; candidates.length > 1; depth++) {
    const bit = (p: Uint8Array): number => (p[depth >> 3]! >> (7 - (depth % 8))) & 1;
    const own = candidates.filter((leaf) => bit(leaf.path) === bit(path));
    if (own.length > 0) candidates = own;
  }
  return candidates[0]!;
}

function forgeryPasses(trie: SparseMerkleTrie, arena: TrieKernel, path: Uint8Array, victim: Uint8Array): boolean {
  const honest = trie.proveClosest(victim);
  const differing: number[] = [];
  for (let i = 0; i < honest.depth; i++) {
    if (((path[i >> 3]! ^ victim[i >> 3]!) >> (7 - (i % 8))) & 1) differing.push(i);
  }
  const forgeries: ClosestProof[] = [
    { ...honest, path, flippedBits: differing },
    { ...honest, path, flippedBits: [], depth: 0 },
  ];
  return forgeries.some((forgery) => SparseMerkleTrie.verifyClosest(trie.root, forgery, arena));
}

for (const build of new Set(['plain', vectorBuild()] as const)) {
  const arenas = new Map<string, TrieKernel>();

  /** One for each kind of trie: tests would else make thousands of instances. */
  const arena = (options: TrieOptions = {}): TrieKernel => {
    const name = JSON.stringify(options);
    const kernel = arenas.get(name) ?? new TrieKernel(options, { build });
    arenas.set(name, kernel);
    return kernel;
  };

  test(`${build}: the published state hashes`, () => {
    const empty = SparseMerkleTrie.empty(arena());
    const fooBar = empty.update([{ key: text('foo'), value: text('bar') }]);
    assert.equal(hex(fooBar.root), 'ace64ee83ecf596655deac72c646a30ae7bd71635992cd4c1a5a10350fcc1c52');
    const stateHash = (trie: SparseMerkleTrie): string =>
      hex(empty.update(STATE_TRIES.map((name) => ({ key: text(name), value: trie.root }))).root);
    assert.equal(stateHash(empty), '302f2956c084cc3e0e760cf1b8c2da5de79c45fa542f68a660a5fc494b486972');
    assert.equal(stateHash(fooBar), '7d5712ea1507915c40e295845fa58773baa405b24b87e9d99761125d826ff915');
  });

  test(`${build}: the root is what the definition says, after any updates and deletes, and old tries stay valid`, () => {
    fc.assert(
      fc.property(optionsArbitrary, batchesArbitrary, (options, batches) => {
        const model = new Map<string, Model>();
        const history: { trie: SparseMerkleTrie; root: string }[] = [];
        let trie = SparseMerkleTrie.empty(arena(options));
        for (const batch of batches) {
          history.push({ trie, root: hex(trie.root) });
          trie = trie.update(batch);
          applyToModel(model, batch, options.pathHasher);
          assert.equal(hex(trie.root), hex(definedRoot(options, [...model.values()])));
          assert.equal(trie.size, model.size);
        }
        for (const past of history) assert.equal(hex(past.trie.root), past.root);
      }),
      { numRuns: 300 },
    );
  });

  test(`${build}: proofs of presence and absence verify, and show nothing else`, () => {
    fc.assert(
      fc.property(
        optionsArbitrary,
        fc.array(entryArbitrary, { maxLength: 20 }),
        keyArbitrary,
        (options, entries, key) => {
          const model = new Map<string, Model>();
          applyToModel(model, entries, options.pathHasher);
          const trie = SparseMerkleTrie.empty(arena(options)).update(entries);
          const leaf = model.get(hex(key.slice(0, options.pathHasher)));
          const proof = trie.prove(key);
          const present = { key, value: leaf?.value ?? text('x'), weight: leaf?.weight ?? 1n };
          const absent = { key, value: null };
          const verdict = (claim: typeof present | typeof absent): boolean => {
            try {
              return SparseMerkleTrie.verify(trie.root, claim, proof, arena(options));
            } catch (error) {
              assert.ok(hasCode(error, 'PROOF_MALFORMED'));
              return false;
            }
          };
          assert.equal(trie.has(key), leaf !== undefined);
          assert.equal(verdict(present), leaf !== undefined);
          assert.equal(verdict(absent), leaf === undefined);
          assert.equal(verdict({ ...present, value: text('other') }), false);
          // All of it again, more than four lanes of it, with a malformed one among them.
          const claims = [present, absent, { ...present, value: text('other') }, present, absent];
          const bad = { ...absent, proof: { ...proof, sideNodes: [new Uint8Array(31)] } };
          const many = [...claims.map((claim) => ({ ...claim, proof })), bad];
          const verdicts = SparseMerkleTrie.verifyMany(trie.root, many, arena(options));
          assert.deepEqual(
            verdicts.slice(0, -1).map((one) => one === true),
            claims.map(verdict),
          );
          assert.ok(hasCode(verdicts.at(-1), 'PROOF_MALFORMED'));
        },
      ),
      { numRuns: 300 },
    );
  });

  test(`${build}: the closest leaf is the one the defined walk ends at, and only its proof passes`, () => {
    fc.assert(
      fc.property(
        optionsArbitrary,
        fc.array(entryArbitrary, { maxLength: 20 }),
        keyArbitrary,
        (options, entries, query) => {
          const path = query.slice(0, options.pathHasher);
          const model = new Map<string, Model>();
          applyToModel(model, entries, options.pathHasher);
          const trie = SparseMerkleTrie.empty(arena(options)).update(entries);
          const proof = trie.proveClosest(path);
          assert.equal(SparseMerkleTrie.verifyClosest(trie.root, proof, arena(options)), true);
          if (model.size === 0) return;
          assert.equal(hex(proof.closestPath), hex(definedClosest([...model.values()], path).path));
          // Proofs of all other leaves, dressed up as the closest in the two ways that the published verifier accepts.
          for (const other of model.values()) {
            if (hex(other.path) === hex(proof.closestPath)) continue;
            assert.equal(forgeryPasses(trie, arena(options), path, other.path), false);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test(`${build}: a malformed proof gives false or PROOF_MALFORMED, never another error`, () => {
    const junk = fc.uint8Array({ maxLength: 120 });
    const proofArbitrary: fc.Arbitrary<Proof> = fc.record({
      sideNodes: fc.array(fc.oneof(junk, fc.uint8Array({ minLength: 32, maxLength: 32 })), { maxLength: 20 }),
      nonMembershipLeafData: fc.option(junk),
      siblingData: fc.option(junk),
    });
    const closestArbitrary: fc.Arbitrary<ClosestProof> = fc.record({
      path: fc.oneof(junk, fc.uint8Array({ minLength: 2, maxLength: 2 })),
      flippedBits: fc.array(fc.oneof(fc.integer({ min: -2, max: 18 }), fc.double())),
      depth: fc.oneof(fc.integer({ min: -2, max: 18 }), fc.double()),
      closestPath: fc.oneof(junk, fc.uint8Array({ minLength: 2, maxLength: 2 })),
      closestValueHash: fc.option(junk),
      closestProof: proofArbitrary,
    });
    const refused = (check: () => boolean): void => {
      try {
        assert.equal(check(), false);
      } catch (error) {
        if (!hasCode(error, 'PROOF_MALFORMED')) throw error;
      }
    };
    fc.assert(
      fc.property(optionsArbitrary, proofArbitrary, closestArbitrary, (options, proof, closest) => {
        const { root } = SparseMerkleTrie.empty(arena(options)).update([
          { key: text('ab'), value: text('c'), weight: 1n },
        ]);
        refused(() => SparseMerkleTrie.verify(root, { key: text('xy'), value: text('z') }, proof, arena(options)));
        refused(() => SparseMerkleTrie.verify(root, { key: text('ab'), value: null }, proof, arena(options)));
        refused(() => SparseMerkleTrie.verifyClosest(root, closest, arena(options)));
      }),
      { numRuns: 300 },
    );
    const compact = SparseMerkleTrie.compact({ sideNodes: [], nonMembershipLeafData: null, siblingData: null });
    for (const numSideNodes of [-1, 257, 1, 0.5, Number.NaN]) {
      assert.throws(() => SparseMerkleTrie.expand({ ...compact, numSideNodes }), { code: 'PROOF_MALFORMED' });
    }
    assert.throws(() => SparseMerkleTrie.expand({ ...compact, sideNodes: [new Uint8Array(32)] }), {
      code: 'PROOF_MALFORMED',
    });
  });

  test(`${build}: wrong use gives a coded error and leaves the trie as it was`, () => {
    assert.throws(() => SparseMerkleTrie.empty(arena({ pathHasher: 33 })), { code: 'TRIE_OPTIONS_INVALID' });
    assert.throws(() => SparseMerkleTrie.empty(arena()).sum, { code: 'TRIE_OPTIONS_INVALID' });
    const trie = SparseMerkleTrie.empty(arena({ pathHasher: 2, sum: true }));
    assert.throws(() => trie.update([{ key: text('a'), value: text('b') }]), { code: 'TRIE_KEY_INVALID' });
    assert.throws(() => trie.update([{ key: text('ab'), value: text('b'), weight: -1n }]), {
      code: 'TRIE_WEIGHT_INVALID',
    });
    assert.throws(() => trie.proveClosest(text('a')), { code: 'TRIE_KEY_INVALID' });
    assert.equal(trie.size, 0);
  });

  test(`${build}: a trie shares nothing that a caller can change`, () => {
    const key = text('key');
    const value = text('value');
    const options: TrieOptions = { valueHasher: 'none' };
    const trie = SparseMerkleTrie.empty(arena(options)).update([{ key, value }]);
    const root = hex(trie.root);
    value.fill(0);
    trie.root.fill(0);
    trie.proveClosest(new Uint8Array(32)).closestValueHash?.fill(0);
    assert.equal(hex(trie.root), root);
    assert.equal(
      SparseMerkleTrie.verify(trie.root, { key, value: text('value') }, trie.prove(key), arena(options)),
      true,
    );
  });
}
