import { CodedError } from '../runtime/errors.ts';
import { type Build, instantiateKernel, type KernelExports, vectorBuild } from './kernel.ts';

/** What wasm/assembly/hash.ts exports: functions by pointer, addresses as globals. */
interface HashExports extends KernelExports {
  readonly INPUT: WebAssembly.Global<'i32'>;
  readonly INPUT_BYTES: WebAssembly.Global<'i32'>;
  readonly BATCH_MAX: WebAssembly.Global<'i32'>;
  readonly OFFSETS: WebAssembly.Global<'i32'>;
  readonly OUTPUT: WebAssembly.Global<'i32'>;
  readonly TARGET: WebAssembly.Global<'i32'>;
  readonly BITMAP: WebAssembly.Global<'i32'>;
  hashEqual(source: number, count: number, length: number, stride: number, target: number): void;
  hashMixed(source: number, offsets: number, count: number, target: number): void;
  sha3Mixed(source: number, offsets: number, count: number, target: number): void;
  blake2bMixed(source: number, offsets: number, count: number, target: number): void;
  sha512Mixed(source: number, offsets: number, count: number, target: number): void;
  markBelow(digests: number, count: number, target: number, bitmap: number): void;
}

/** Bytes of a digest of all but SHA-512. */
export const DIGEST_BYTES = 32;
const LONGEST_DIGEST_BYTES = 64;

/** What a batch of messages of different lengths can be hashed with. */
export type Algorithm = 'sha256' | 'sha3-256' | 'blake2b-256' | 'sha512';

export function digestBytes(algorithm: Algorithm): number {
  return algorithm === 'sha512' ? LONGEST_DIGEST_BYTES : DIGEST_BYTES;
}

/** An instance of the hash kernel. Its memory never grows, so the views stay valid. */
export class HashKernel {
  readonly #exports: HashExports;
  /** Where messages are written. */
  readonly input: Uint8Array;
  /** Where messages of different lengths begin in `input`, and where the last one ends: little-endian like this machine. */
  readonly offsets: Uint32Array;
  /** Where digests appear, one after the other. */
  readonly output: Uint8Array;
  /** A 256-bit number, big-endian. */
  readonly target: Uint8Array;
  /** One bit per digest: bit i % 8 of byte i / 8. */
  readonly bitmap: Uint8Array;
  /** Messages of one call at most. */
  readonly batchMax: number;

  /** @throws CodedError KERNEL_MISSING */
  constructor(build: Build = vectorBuild()) {
    const exports = instantiateKernel<HashExports>('hash', build);
    const { buffer } = exports.memory;
    this.#exports = exports;
    this.batchMax = exports.BATCH_MAX.value;
    this.input = new Uint8Array(buffer, exports.INPUT.value, exports.INPUT_BYTES.value);
    this.offsets = new Uint32Array(buffer, exports.OFFSETS.value, this.batchMax + 1);
    this.output = new Uint8Array(buffer, exports.OUTPUT.value, this.batchMax * LONGEST_DIGEST_BYTES);
    this.target = new Uint8Array(buffer, exports.TARGET.value, DIGEST_BYTES);
    this.bitmap = new Uint8Array(buffer, exports.BITMAP.value, this.batchMax / 8);
  }

  /** Hashes `count` messages of `length` bytes that stand in `input` from its start, `stride` bytes apart. */
  hashEqual(count: number, length: number, stride: number): void {
    const { INPUT, OUTPUT } = this.#exports;
    this.#exports.hashEqual(INPUT.value, count, length, stride, OUTPUT.value);
  }

  /** Hashes `count` messages that follow each other in `input`, where `offsets` says. */
  hashMixed(count: number, algorithm: Algorithm = 'sha256'): void {
    const { INPUT, OFFSETS, OUTPUT, hashMixed, sha3Mixed, blake2bMixed, sha512Mixed } = this.#exports;
    const hashes = { sha256: hashMixed, 'sha3-256': sha3Mixed, 'blake2b-256': blake2bMixed, sha512: sha512Mixed };
    const hash = hashes[algorithm];
    hash(INPUT.value, OFFSETS.value, count, OUTPUT.value);
  }

  /** Sets the bits of `bitmap` where the first `count` digests in `output` are less than `target`. */
  markBelow(count: number): void {
    const { OUTPUT, TARGET, BITMAP } = this.#exports;
    this.#exports.markBelow(OUTPUT.value, count, TARGET.value, BITMAP.value);
  }
}

let kernel: HashKernel | undefined;

/**
 * The kernel of this thread, instantiated at the first call.
 * @throws CodedError KERNEL_MISSING
 */
export function hashKernel(): HashKernel {
  kernel ??= new HashKernel();
  return kernel;
}

/** @throws CodedError KERNEL_MESSAGE_TOO_LONG where a message does not fit the memory */
export function assertFits(length: number, { input }: HashKernel): void {
  if (length <= input.length) return;
  const message = `The kernel hashes messages of at most ${input.length} bytes.`;
  throw new CodedError('KERNEL_MESSAGE_TOO_LONG', message, { length });
}
