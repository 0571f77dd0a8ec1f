import { type Algorithm, assertFits, DIGEST_BYTES, type HashKernel, hashKernel } from './hash-kernel.ts';

/**
 * The digests of many messages, one after the other, 32 bytes each. Worth it from two messages on: the kernel hashes
 * four at once (SHA-256), and none of them costs a call into OpenSSL.
 * @throws CodedError KERNEL_MESSAGE_TOO_LONG (1 MiB), KERNEL_MISSING
 */
export function hashMany(
  algorithm: Algorithm,
  messages: readonly Uint8Array[],
  kernel: HashKernel = hashKernel(),
): Uint8Array {
  const digests = new Uint8Array(DIGEST_BYTES * messages.length);
  for (let first = 0; first < messages.length; ) {
    const end = pack(messages, first, kernel);
    kernel.hashMixed(end - first, algorithm);
    digests.set(kernel.output.subarray(0, DIGEST_BYTES * (end - first)), DIGEST_BYTES * first);
    first = end;
  }
  return digests;
}

/**
 * Writes messages into the kernel, from `first` on, as many as fit, and gives the index after the last one. Messages longer
 * than `inline_bytes` are written as empty ones: the caller hashes them himself.
 * @throws CodedError KERNEL_MESSAGE_TOO_LONG where not even the first one fits
 */
export function pack(
  messages: readonly Uint8Array[],
  first: number,
  kernel: HashKernel,
  inline_bytes = Number.POSITIVE_INFINITY,
): number {
  const { input, offsets, batchMax } = kernel;
  let at = 0;
  let next = first;
  for (; next < messages.length && next - first < batchMax; next++) {
    const message = messages[next] as Uint8Array;
    const isInline = message.length <= inline_bytes;
    if (isInline && at + message.length > input.length) break;
    offsets[next - first] = at;
    if (!isInline) continue;
    input.set(message, at);
    at += message.length;
  }
  if (next === first) assertFits((messages[first] as Uint8Array).length, kernel);
  offsets[next - first] = at;
  return next;
}
