import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { hasCode, isTrap } from '../runtime/errors.ts';
import { HashKernel } from './hash-kernel.ts';
import { readModule, sharedAs, vectorBuild } from './kernel.ts';
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
  const messages = Array.from({ length: 5000 }, (_, i) =>
    Uint8Array.from({ length: 65 }, (_, j) => (i * 7 + j) & 0xff),
  );
  assert.deepEqual(hashAll(messages, 65), messages.map(expected));
  const empty = Array.from({ length: 4500 }, () => new Uint8Array(0));
  assert.deepEqual(hashAll(empty, 0), empty.map(expected));
  const long = [new Uint8Array(1 << 20).fill(7), new Uint8Array(1 << 20).fill(8)];
  assert.deepEqual(hashAll(long, 1 << 20), long.map(expected));
  assert.deepEqual(hashAll([], 65), []);
  assert.throws(() => hashAll([new Uint8Array((1 << 20) + 1)], (1 << 20) + 1), { code: 'KERNEL_MESSAGE_TOO_LONG' });
});

for (const build of ['plain', vectorBuild()] as const) {
  const kernel = new HashKernel(build);
  const { input, offsets, output } = kernel;
  const digest = (i: number): string => hex(output.subarray(32 * i, 32 * i + 32));

  test(`${build}: messages of one length, with a stride`, () => {
    const messages = fc
      .nat({ max: 300 })
      .chain((length) =>
        fc.array(fc.uint8Array({ minLength: length, maxLength: length }), { minLength: 1, maxLength: 9 }),
      );
    fc.assert(
      fc.property(messages, fc.nat({ max: 64 }), (messages, gap) => {
        const length = messages[0]!.length;
        messages.forEach((message, i) => {
          input.set(message, i * (length + gap));
        });
        kernel.hashEqual(messages.length, length, length + gap);
        assert.deepEqual(
          messages.map((_, i) => digest(i)),
          messages.map(expected),
        );
      }),
      { numRuns: 300 },
    );
  });

  test(`${build}: messages of different lengths`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (messages) => {
        let end = 0;
        messages.forEach((message, i) => {
          input.set(message, end);
          offsets[i] = end;
          end += message.length;
        });
        offsets[messages.length] = end;
        kernel.hashMixed(messages.length);
        assert.deepEqual(
          messages.map((_, i) => digest(i)),
          messages.map(expected),
        );
      }),
      { numRuns: 300 },
    );
  });
}

test('a trap says where', () => {
  const beyond = 1 << 30;
  assert.throws(
    () => new HashKernel('plain').hashEqual(1, beyond, beyond),
    (error) =>
      isTrap(error) &&
      hasCode(error, 'KERNEL_TRAP') &&
      /^the kernel broke off in hash\.hashEqual\(/.test((error as Error).message),
  );
});

test('a missing build says what to do', () => {
  assert.throws(
    () => readModule(new URL('./absent.wasm', import.meta.url)),
    (error) => hasCode(error, 'KERNEL_MISSING') && /npm run build/.test((error as Error).message),
  );
});

test('a thread started later uses the module compiled here', async () => {
  new HashKernel('plain');
  const source = `
    const { getEnvironmentData, parentPort } = require('node:worker_threads');
    parentPort.postMessage(getEnvironmentData('${sharedAs('hash.plain.wasm')}') instanceof WebAssembly.Module);`;
  const worker = new Worker(source, { eval: true });
  const [shared] = await once(worker, 'message');
  assert.equal(shared, true);
  await worker.terminate();
});
