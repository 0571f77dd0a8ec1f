import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { instantiateSync } from '@assemblyscript/loader';
import { CodedError, isTrap, KERNEL_TRAP } from '../runtime/errors.ts';

/** The kernels, wasm/assembly/NAME.ts. */
export type KernelName = 'ed25519' | 'hash' | 'trie';

/** Builds of a kernel, from the one that runs everywhere to the one that asks most of the machine. */
export type Build = 'plain' | 'simd' | 'relaxed';

/** What every kernel exports: memory, functions by pointer, addresses as globals. */
export interface KernelExports extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
}

/** Relative to the folder of this file, or of its bundle, in dist/. */
const BUILD_URL = new URL('../../wasm/build/', import.meta.url);

/** A module whose only function does `i8x16.splat(0); drop`: it is valid where vectors are known. */
const USES_SIMD = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11,
]);

/** A module that exports `f(x, y, z)`, which is x * y + z by the relaxed multiply-add of doubles. */
const MULTIPLIES_AND_ADDS = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 124, 124, 124, 1, 124, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20,
  0, 32, 0, 253, 20, 32, 1, 253, 20, 32, 2, 253, 20, 253, 135, 2, 253, 33, 0, 11,
]);

let simd: boolean | undefined;
let relaxed: boolean | undefined;

/** The best build of a kernel of two builds that this machine runs. */
export function vectorBuild(): 'plain' | 'simd' {
  simd ??= WebAssembly.validate(USES_SIMD);
  return simd ? 'simd' : 'plain';
}

/** The best build of a kernel of three builds that this machine runs. */
export function bestBuild(): Build {
  relaxed ??= fusesMultiplyAdd();
  return relaxed ? 'relaxed' : vectorBuild();
}

/**
 * True if the relaxed multiply-add is there and rounds once, which the standard leaves to the machine. Node 20 knows it
 * behind a flag of V8 that may be set before the first module that needs it is compiled, for the whole process.
 */
function fusesMultiplyAdd(): boolean {
  if (!WebAssembly.validate(MULTIPLIES_AND_ADDS)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  if (!WebAssembly.validate(MULTIPLIES_AND_ADDS)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MULTIPLIES_AND_ADDS));
  const multiplyAdd = exports.f as (x: number, y: number, z: number) => number;
  // (1 + e)(1 - e) = 1 - e^2, which a rounding in between makes 1.
  const e = 2 ** -30;
  return multiplyAdd(1 + e, 1 - e, -1) === -(e * e);
}

/**
 * A new instance of a kernel. Its module is compiled once for this thread and all that it starts from then on. A function
 * that traps throws KERNEL_TRAP and says where; what it left in its memory is not to be used, so that ends the actor.
 * @throws CodedError KERNEL_MISSING
 */
export function instantiateKernel<Exports extends KernelExports>(name: KernelName, build: Build): Exports {
  const { exports } = instantiateSync<Exports>(compiledModule(name, build), {});
  const named = Object.entries(exports).map(([key, value]) => {
    return [key, typeof value === 'function' ? reporting({ kernel: name, build, call: key }, value) : value];
  });
  return Object.fromEntries(named) as Exports;
}

type KernelFunction = (...parameters: unknown[]) => unknown;

/** The same function, whose traps say what was called. */
function reporting(context: { kernel: string; build: Build; call: string }, call: CallableFunction): KernelFunction {
  return (...parameters) => {
    try {
      return (call as KernelFunction)(...parameters);
    } catch (error) {
      if (!isTrap(error)) throw error;
      const where = `${context.kernel}.${context.call}(${parameters.join(', ')})`;
      const message = `the kernel broke off in ${where}: ${(error as Error).message}`;
      throw new CodedError(KERNEL_TRAP, message, { ...context, parameters }, { cause: error });
    }
  };
}

/**
 * Compiles all kernels for the threads that this one starts afterwards. They share the code, also what V8 has made of it by then:
 * an actor that is replaced does not begin with slow code.
 * @throws CodedError KERNEL_MISSING
 */
export function shareKernels(): void {
  compiledModule('ed25519', bestBuild());
  compiledModule('hash', vectorBuild());
  compiledModule('trie', vectorBuild());
}

/** Threads started later find the module in their environment instead of compiling it again. */
function compiledModule(name: KernelName, build: Build): WebAssembly.Module {
  const file = `${name}.${build}.wasm`;
  const shared: unknown = getEnvironmentData(sharedAs(file));
  if (shared instanceof WebAssembly.Module) return shared;
  const module = new WebAssembly.Module(readModule(new URL(file, BUILD_URL)));
  setEnvironmentData(sharedAs(file), module);
  return module;
}

export function sharedAs(file: string): string {
  return `potoroo:wasm:${file}`;
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
