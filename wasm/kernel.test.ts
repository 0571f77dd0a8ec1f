import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { hasCode } from '../runtime/errors.ts';
import { readModule, sha256Kernel } from './kernel.ts';
import { sha256Batch } from './sha256-batch.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const expected = (message: Uint8Array): string => createHash('sha256').update(message).digest('hex');

function hashAll(messages: Uint8Array[], length: number): string[] {
  const digests: string[] = [];
  sha256Batch(
    messages.length,
    length,
    (i, buffer, offset) => buffer.set(messages[i] as Uint8Array, offset),
    (_, buffer, offset) => void digests.push(hex(buffer.subarray(offset, offset + 32))),
  );
  return digests;
}

test('every length from 0 to 300, several messages each', () => {
  for (let length = 0; length <= 300; length++) {
    const messages = [1, 2, 3].map((salt) =>
      Uint8Array.from({ length }, (_, i) => (i * 31 + salt * 97 + length) & 0xff),
    );
    assert.deepEqual(hashAll(messages, length), messages.map(expected), `length ${length}`);
  }
});

test('batches larger than the memory of the kernel', () => {
  const messages = Array.from({ length: 2500 }, (_, i) =>
    Uint8Array.from({ length: 65 }, (_, j) => (i * 7 + j) & 0xff),
  );
  assert.deepEqual(hashAll(messages, 65), messages.map(expected));
  const empty = Array.from({ length: 1500 }, () => new Uint8Array(0));
  assert.deepEqual(hashAll(empty, 0), empty.map(expected));
  const long = [new Uint8Array(65536).fill(7), new Uint8Array(65536).fill(8)];
  assert.deepEqual(hashAll(long, 65536), long.map(expected));
  assert.deepEqual(hashAll([], 65), []);
  assert.throws(() => hashAll([new Uint8Array(65537)], 65537), { code: 'KERNEL_MESSAGE_TOO_LONG' });
});

test('random messages with a stride', () => {
  const { input, output, hashBatch } = sha256Kernel();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.nat({ max: 64 }), (message, gap) => {
      const stride = message.length + gap;
      input.set(message, 0);
      input.set(message, stride);
      hashBatch(2, message.length, stride);
      assert.equal(hex(output.subarray(0, 32)), expected(message));
      assert.equal(hex(output.subarray(32, 64)), expected(message));
    }),
    { numRuns: 200 },
  );
});

test('a missing build says what to do', () => {
  assert.throws(
    () => readModule(new URL('./absent.wasm', import.meta.url)),
    (error) => hasCode(error, 'KERNEL_MISSING') && /npm run build/.test((error as Error).message),
  );
});

test('a thread started later uses the module compiled here', async () => {
  sha256Kernel();
  const source = `
    const { getEnvironmentData, parentPort } = require('node:worker_threads');
    parentPort.postMessage(getEnvironmentData('potoroo:wasm:sha256') instanceof WebAssembly.Module);`;
  const worker = new Worker(source, { eval: true });
  const [shared] = await once(worker, 'message');
  assert.equal(shared, true);
  await worker.terminate();
});
