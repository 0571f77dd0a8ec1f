import { hash } from 'node:crypto';

/**
 * Hashes `count` messages of `length` bytes each. `fill` writes message `i` at `offset` of the buffer, `take` reads
 * its digest from there; both are called in order, and neither may keep the buffer.
 */
export function sha256Batch(
  count: number,
  length: number,
  fill: (i: number, buffer: Uint8Array, offset: number) => void,
  take: (i: number, buffer: Uint8Array, offset: number) => void,
): void {
  const message = new Uint8Array(length);
  for (let i = 0; i < count; i++) {
    fill(i, message, 0);
    take(i, hash('sha256', message, 'buffer'), 0);
  }
}
