import { CodedError } from '../runtime/errors.ts';
import { sha256Kernel } from './kernel.ts';

const DIGEST_BYTES = 32;

/**
 * Hashes `count` messages of `length` bytes each in the kernel, as many per call as fit its memory. `fill` writes message
 * `i` at `offset` of the buffer, `take` reads its digest at `offset`; neither may keep the buffer, nor hash meanwhile.
 * @throws CodedError KERNEL_MISSING; KERNEL_MESSAGE_TOO_LONG where not even one message fits (64 KiB)
 */
export function sha256Batch(
  count: number,
  length: number,
  fill: (i: number, buffer: Uint8Array, offset: number) => void,
  take: (i: number, buffer: Uint8Array, offset: number) => void,
): void {
  const { input, output, hashBatch } = sha256Kernel();
  const fits = Math.min(Math.floor(input.length / Math.max(length, 1)), output.length / DIGEST_BYTES);
  if (fits === 0) {
    throw new CodedError('KERNEL_MESSAGE_TOO_LONG', `The kernel hashes messages of at most ${input.length} bytes.`, {
      length,
    });
  }
  for (let first = 0; first < count; first += fits) {
    const batch = Math.min(fits, count - first);
    for (let i = 0; i < batch; i++) fill(first + i, input, i * length);
    hashBatch(batch, length, length);
    for (let i = 0; i < batch; i++) take(first + i, output, i * DIGEST_BYTES);
  }
}
