import { hash } from 'node:crypto';
import { type Algorithm, assertFits, digestBytes, type HashKernel, hashKernel } from './hash-kernel.ts';

/**
 * Of SHA-256, longer messages are hashed by OpenSSL: its instructions for SHA-256 are twice as fast as the kernel
 * per byte, and from here on that outweighs the 0.6 µs that a call of it costs.
 */
const SHA256_IN_KERNEL_BYTES = 1_300;

/**
 * The digests of many messages, one after the other. Worth it from two messages on: the kernel hashes
 * four at once (SHA-256), and none of them costs a call into OpenSSL.
 * @throws CodedError KERNEL_MESSAGE_TOO_LONG (1 MiB; SHA-256 has no limit), KERNEL_MISSING
 */
export function hashMany(
  algorithm: Algorithm,
  messages: readonly Uint8Array[],
  kernel: HashKernel = hashKernel(),
): Uint8Array {
  const size = digestBytes(algorithm);
  const digests = new Uint8Array(size * messages.length);
  for (let first = 0; first < messages.length; ) {
    const end = hashNext(kernel, algorithm, messages, first);
    digests.set(kernel.output.subarray(0, size * (end - first)), size * first);
    first = end;
  }
  return digests;
}

/**
 * Hashes as many messages, from `first` on, as fit into the kernel, and leaves their digests in its output.
 * @returns the index after the last one
 * @throws CodedError KERNEL_MESSAGE_TOO_LONG where not even the first one fits
 */
function hashNext(kernel: HashKernel, algorithm: Algorithm, messages: readonly Uint8Array[], first: number): number {
  const { input, offsets, batchMax, output } = kernel;
  const most = algorithm === 'sha256' ? SHA256_IN_KERNEL_BYTES : Number.POSITIVE_INFINITY;
  const elsewhere: number[] = [];
  let at = 0;
  let next = first;
  for (; next < messages.length && next - first < batchMax; next++) {
    const message = messages[next] as Uint8Array;
    const isLong = message.length > most;
    if (!isLong && at + message.length > input.length) break;
    // In the kernel a message that is hashed elsewhere is an empty one.
    offsets[next - first] = at;
    if (isLong) {
      elsewhere.push(next);
      continue;
    }
    input.set(message, at);
    at += message.length;
  }
  if (next === first) assertFits((messages[first] as Uint8Array).length, kernel);
  offsets[next - first] = at;
  kernel.hashMixed(next - first, algorithm);
  for (const i of elsewhere)
    output.set(hash('sha256', messages[i] as Uint8Array, 'buffer'), digestBytes(algorithm) * (i - first));
  return next;
}
