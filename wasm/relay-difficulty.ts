import { CodedError } from '../runtime/errors.ts';
import { DIGEST_BYTES, type HashKernel, hashKernel } from './hash-kernel.ts';
import { hashNext } from './hash-many.ts';

/** Digests of a batch of relays, and which of them are below the target. */
export interface RelayVerdicts {
  /** SHA-256 of each relay, 32 bytes each. */
  readonly digests: Uint8Array;
  /** Bit i % 8 of byte i / 8: relay i counts. */
  readonly bitmap: Uint8Array;
}

/**
 * Hashes serialized relays and compares each digest with the difficulty's target: strictly less, as 256-bit big-endian
 * numbers (relay mining, B2: the digest of all ones never counts).
 * @throws CodedError TARGET_INVALID, KERNEL_MISSING
 */
export function relayDifficulty(
  relays: readonly Uint8Array[],
  target: Uint8Array,
  kernel: HashKernel = hashKernel(),
): RelayVerdicts {
  if (target.length !== DIGEST_BYTES) {
    throw new CodedError('TARGET_INVALID', `A target has ${DIGEST_BYTES} bytes, not ${target.length}.`);
  }
  const digests = new Uint8Array(DIGEST_BYTES * relays.length);
  const bitmap = new Uint8Array(Math.ceil(relays.length / 8));
  kernel.target.set(target);
  for (let first = 0; first < relays.length; ) {
    const end = wholeBytes(hashNext(kernel, 'sha256', relays, first), first, relays.length);
    const count = end - first;
    kernel.markBelow(count);
    digests.set(kernel.output.subarray(0, DIGEST_BYTES * count), DIGEST_BYTES * first);
    bitmap.set(kernel.bitmap.subarray(0, Math.ceil(count / 8)), first / 8);
    first = end;
  }
  return { digests, bitmap };
}

/** A batch that is not the last one ends with a whole byte of the bitmap. */
function wholeBytes(end: number, first: number, count: number): number {
  return end === count ? end : end - ((end - first) % 8);
}
