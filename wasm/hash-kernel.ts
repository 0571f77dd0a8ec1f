import { CodedError } from '../runtime/errors.ts';
import { type Build, instantiateKernel, type KernelExports, vectorBuild } from './kernel.ts';

export const DIGEST_BYTES = 32;

/** What wasm/assembly/hash.ts exports: functions by pointer, addresses as globals. */
interface HashExports extends KernelExports {
  readonly INPUT: WebAssembly.Global<'i32'>;
  readonly INPUT_BYTES: WebAssembly.Global<'i32'>;
  readonly BATCH_MAX: WebAssembly.Global<'i32'>;
  readonly OFFSETS: WebAssembly.Global<'i32'>;
  readonly OUTPUT: WebAssembly.Global<'i32'>;
  hashEqual(source: number, count: number, length: number, stride: number, target: number): void;
  hashMixed(source: number, offsets: number, count: number, target: number): void;
}

/** An instance of the hash kernel. Its memory never grows, so the views stay valid. */
export class HashKernel {
  readonly #exports: HashExports;
  /** Where messages are written. */
  readonly input: Uint8Array;
  /** Where messages of different lengths begin in `input`, and where the last one ends: little-endian like this machine. */
  readonly offsets: Uint32Array;
  /** Where digests appear, 32 bytes each. */
  readonly output: Uint8Array;
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
    this.output = new Uint8Array(buffer, exports.OUTPUT.value, this.batchMax * DIGEST_BYTES);
  }

  /** Hashes `count` messages of `length` bytes that stand in `input` from its start, `stride` bytes apart. */
  hashEqual(count: number, length: number, stride: number): void {
    const { INPUT, OUTPUT } = this.#exports;
    this.#exports.hashEqual(INPUT.value, count, length, stride, OUTPUT.value);
  }

  /** Hashes `count` messages that follow each other in `input`, where `offsets` says. */
  hashMixed(count: number): void {
    const { INPUT, OFFSETS, OUTPUT } = this.#exports;
    this.#exports.hashMixed(INPUT.value, OFFSETS.value, count, OUTPUT.value);
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
