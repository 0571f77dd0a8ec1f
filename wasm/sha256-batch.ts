import { assertFits, DIGEST_BYTES, hashKernel } from './hash-kernel.ts';

/**
 * Hashes `count` messages of `length` bytes each in the kernel, as many per call as fit its memory. `fill` writes message
 * `i` at `offset` of the buffer, `take` reads its digest at `offset`; neither may keep the buffer, nor hash meanwhile.
 * @throws CodedError KERNEL_MISSING; KERNEL_MESSAGE_TOO_LONG where not even one message fits (1 MiB)
 */
export function sha256Batch(
  count: number,
  length: number,
  fill: (i: number, buffer: Uint8Array, offset: number) => void,
  take: (i: number, buffer: Uint8Array, offset: number) => void,
): void {
  const kernel = hashKernel();
  const { input, output, batchMax } = kernel;
  assertFits(length, kernel);
  const fits = Math.min(Math.floor(input.length / Math.max(length, 1)), batchMax);
  for (let first = 0; first < count; first += fits) {
    const batch = Math.min(fits, count - first);
    for (let i = 0; i < batch; i++) fill(first + i, input, i * length);
    kernel.hashEqual(batch, length, length);
    for (let i = 0; i < batch; i++) take(first + i, output, i * DIGEST_BYTES);
  }
}
