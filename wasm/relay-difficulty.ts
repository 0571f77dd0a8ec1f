import { CodedError } from '../runtime/errors.ts';
import { assertFits, DIGEST_BYTES, type HashKernel, hashKernel } from './hash-kernel.ts';

/** Relays one after the other: relay i from offsets[i] to offsets[i + 1]. */
export interface PackedRelays {
  readonly bytes: Uint8Array;
  /** One more than there are relays, ascending, the first is 0. */
  readonly offsets: Uint32Array;
}

/** Digests of a batch of relays, and which of them are below the target. */
export interface RelayVerdicts {
  /** SHA-256 of each relay, 32 bytes each. */
  readonly digests: Uint8Array;
  /** Bit i % 8 of byte i / 8: relay i counts. */
  readonly bitmap: Uint8Array;
}

/** Puts relays one after the other. Who receives them one by one does that as they come. */
export function packRelays(relays: readonly Uint8Array[]): PackedRelays {
  const offsets = new Uint32Array(relays.length + 1);
  relays.forEach((relay, i) => {
    offsets[i + 1] = (offsets[i] as number) + relay.length;
  });
  const bytes = new Uint8Array(offsets[relays.length] as number);
  relays.forEach((relay, i) => {
    bytes.set(relay, offsets[i]);
  });
  return { bytes, offsets };
}

/**
 * Hashes serialized relays and compares each digest with the difficulty's target: strictly less, as 256-bit big-endian
 * numbers (relay mining, B2: the digest of all ones never counts).
 * @throws CodedError TARGET_INVALID, KERNEL_MESSAGE_TOO_LONG (a relay of more than 1 MiB), KERNEL_MISSING
 */
export function relayDifficulty(
  { bytes, offsets }: PackedRelays,
  target: Uint8Array,
  kernel: HashKernel = hashKernel(),
): RelayVerdicts {
  if (target.length !== DIGEST_BYTES) {
    throw new CodedError('TARGET_INVALID', `A target has ${DIGEST_BYTES} bytes, not ${target.length}.`);
  }
  const relays = offsets.length - 1;
  const digests = new Uint8Array(DIGEST_BYTES * relays);
  const bitmap = new Uint8Array(Math.ceil(relays / 8));
  kernel.target.set(target);
  for (let first = 0; first < relays; ) {
    const count = write(bytes, offsets, first, kernel);
    kernel.hashMixed(count);
    kernel.markBelow(count);
    digests.set(kernel.output.subarray(0, DIGEST_BYTES * count), DIGEST_BYTES * first);
    copyBits(kernel.bitmap, count, bitmap, first);
    first += count;
  }
  return { digests, bitmap };
}

/** Writes as many relays as fit into the kernel, from `first` on, and says how many. */
function write(bytes: Uint8Array, offsets: Uint32Array, first: number, kernel: HashKernel): number {
  const begin = offsets[first] as number;
  const last = Math.min(offsets.length - 1, first + kernel.batchMax);
  let end = first;
  while (end < last && (offsets[end + 1] as number) - begin <= kernel.input.length) end++;
  if (end === first) assertFits((offsets[first + 1] as number) - begin, kernel);
  kernel.input.set(bytes.subarray(begin, offsets[end]));
  for (let i = first; i <= end; i++) kernel.offsets[i - first] = (offsets[i] as number) - begin;
  return end - first;
}

/** A batch need not begin with a whole byte. */
function copyBits(source: Uint8Array, count: number, target: Uint8Array, first: number): void {
  for (let i = 0; i < count; i++) {
    const bit = ((source[i >> 3] as number) >> (i & 7)) & 1;
    const at = first + i;
    target[at >> 3] = (target[at >> 3] as number) | (bit << (at & 7));
  }
}
