import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { publicKeyOf, sign } from './ed25519.ts';
import { packSignatures, unpackSignatures } from './verify-format.ts';
import { IN_PLACE_MAX, type SignedMessage, VerifyPool } from './verify-pool.ts';

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);

function signed(i: number): SignedMessage {
  const message = new TextEncoder().encode(`message ${i}`);
  return { publicKey, message, signature: sign(seed, message) };
}

function poolFor(context: TestContext, worker?: URL): VerifyPool {
  const pool = new VerifyPool(worker === undefined ? { threads: 2 } : { threads: 2, worker });
  context.after(() => pool.close());
  return pool;
}

test('packing is reversible', () => {
  const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
  const item = fc.record(
    { publicKey: bytes(32), message: fc.uint8Array({ maxLength: 200 }), signature: bytes(64) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(item), (items) => {
      assert.deepEqual(unpackSignatures(packSignatures(items)), items);
    }),
  );
});

test('verdicts come in order, whatever is wrong with some', async (context) => {
  const pool = poolFor(context);
  const items = Array.from({ length: 150 }, (_, i) => signed(i));
  const expected = items.map(() => true);
  const spoil = (i: number, change: Partial<SignedMessage>): void => {
    items[i] = { ...(items[i] as SignedMessage), ...change };
    expected[i] = false;
  };
  spoil(3, { message: new Uint8Array(0) });
  spoil(64, { publicKey: new Uint8Array(31) });
  spoil(65, { signature: new Uint8Array(65) });
  spoil(149, { signature: new Uint8Array(64) });
  assert.deepEqual(await pool.verifyBatch(items), expected);
  assert.deepEqual(pool.counts, { inPlace: 0, pooled: 148, refused: 0, retried: 0 });
  assert.equal(pool.ready, true);
});

test('a few signatures are verified in place', async (context) => {
  const pool = poolFor(context);
  const items = Array.from({ length: IN_PLACE_MAX }, (_, i) => signed(i));
  assert.deepEqual(
    await pool.verifyBatch(items),
    items.map(() => true),
  );
  assert.deepEqual(await pool.verifyBatch([]), []);
  assert.equal(pool.counts.inPlace, IN_PLACE_MAX);
});

test('a full queue refuses, and says so before', async (context) => {
  const pool = poolFor(context);
  const item = signed(0);
  const half = pool.verifyBatch(new Array<SignedMessage>(4096).fill(item));
  assert.equal(pool.ready, false);
  await assert.rejects(pool.verifyBatch(new Array<SignedMessage>(4097).fill(item)), { code: 'VERIFY_QUEUE_FULL' });
  assert.equal(pool.counts.refused, 4097);
  const abandoned = assert.rejects(half, { code: 'VERIFY_POOL_CLOSED' });
  await pool.close();
  await abandoned;
  await assert.rejects(pool.verifyBatch([item]), { code: 'VERIFY_POOL_CLOSED' });
});

/** A worker whose thread ends in the first `deaths` tasks that any of its incarnations gets. */
function dyingWorker(context: TestContext, deaths: number): URL {
  const folder = mkdtempSync(join(tmpdir(), 'verify-pool-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const source = `
    import { mkdirSync } from 'node:fs';
    import verifyPacked from ${JSON.stringify(new URL('./verify-worker.js', import.meta.url).href)};
    export default (packed) => {
      for (let i = 0; i < ${deaths}; i++) {
        try { mkdirSync(${JSON.stringify(folder)} + '/death-' + i); } catch { continue; }
        process.exit(1);
      }
      return verifyPacked(packed);
    };`;
  const path = join(folder, 'worker.mjs');
  writeFileSync(path, source);
  return pathToFileURL(path);
}

test('a thread that dies loses no signature', async (context) => {
  const pool = poolFor(context, dyingWorker(context, 1));
  const items = Array.from({ length: 130 }, (_, i) => signed(i));
  assert.deepEqual(
    await pool.verifyBatch(items),
    items.map(() => true),
  );
  // Tasks that waited on the same thread are repeated as well.
  assert.ok(pool.counts.retried >= 1);
});

test('signatures that kill two threads are given up, and the pool lives on', async (context) => {
  const pool = poolFor(context, dyingWorker(context, 2));
  const items = Array.from({ length: 10 }, (_, i) => signed(i));
  await assert.rejects(pool.verifyBatch(items), { code: 'VERIFY_POOL_FAILED' });
  assert.deepEqual(
    await pool.verifyBatch(items),
    items.map(() => true),
  );
  assert.equal(pool.ready, true);
});
