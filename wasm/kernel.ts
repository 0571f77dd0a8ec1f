import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { instantiateSync } from '@assemblyscript/loader';
import { CodedError } from '../runtime/errors.ts';

/** What wasm/assembly/sha256.ts exports: functions by pointer, addresses as globals. */
interface Sha256Exports extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  readonly INPUT: WebAssembly.Global<'i32'>;
  readonly INPUT_BYTES: WebAssembly.Global<'i32'>;
  readonly OUTPUT: WebAssembly.Global<'i32'>;
  readonly OUTPUT_BYTES: WebAssembly.Global<'i32'>;
  hashBatch(source: number, count: number, length: number, stride: number, target: number): void;
}

/** One thread's instance of the SHA-256 kernel. The memory never grows, so the views stay valid. */
export interface Sha256Kernel {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  /** Hashes messages that stand in `input` from its start, `stride` bytes apart, into `output`. */
  hashBatch(count: number, length: number, stride: number): void;
}

/** Relative to dist/wasm/ in a checkout and in the installed package alike. */
const MODULE_URL = new URL('../../wasm/build/sha256.wasm', import.meta.url);
/** Threads started later find the compiled module under this name instead of compiling it again. */
const SHARED_AS = 'potoroo:wasm:sha256';

let kernel: Sha256Kernel | undefined;

/**
 * The kernel of this thread, instantiated at the first call.
 * @throws CodedError KERNEL_MISSING
 */
export function sha256Kernel(): Sha256Kernel {
  kernel ??= instantiate(compiledModule());
  return kernel;
}

/**
 * Compiles the module once for this thread and all that it starts from then on.
 * @throws CodedError KERNEL_MISSING
 */
function compiledModule(): WebAssembly.Module {
  const shared: unknown = getEnvironmentData(SHARED_AS);
  if (shared instanceof WebAssembly.Module) return shared;
  const module = new WebAssembly.Module(readModule(MODULE_URL));
  setEnvironmentData(SHARED_AS, module);
  return module;
}

function instantiate(module: WebAssembly.Module): Sha256Kernel {
  const { exports } = instantiateSync<Sha256Exports>(module, {});
  const view = (start: WebAssembly.Global<'i32'>, length: WebAssembly.Global<'i32'>): Uint8Array =>
    new Uint8Array(exports.memory.buffer, start.value, length.value);
  const [from, to] = [exports.INPUT.value, exports.OUTPUT.value];
  return {
    input: view(exports.INPUT, exports.INPUT_BYTES),
    output: view(exports.OUTPUT, exports.OUTPUT_BYTES),
    hashBatch: (count, length, stride) => exports.hashBatch(from, count, length, stride, to),
  };
}

/** @throws CodedError KERNEL_MISSING */
export function readModule(url: URL): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(readFileSync(url));
  } catch (error) {
    const path = fileURLToPath(url);
    throw new CodedError(
      'KERNEL_MISSING',
      `${path} cannot be read: run \`npm run build\`.`,
      { path },
      { cause: error },
    );
  }
}
