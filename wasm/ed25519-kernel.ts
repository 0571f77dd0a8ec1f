import { createHash, randomBytes } from 'node:crypto';
import { CodedError } from '../runtime/errors.ts';
import { type Build, bestBuild, instantiateKernel, type KernelExports, vectorBuild } from './kernel.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type SignedMessage } from './verify-format.ts';

const CHALLENGE_BYTES = 64;
/** A combination of signatures of which one is bad passes with a chance of 2^-128. */
const COEFFICIENT_BYTES = 16;
const FACTORS_BYTES = 32;
/** R, the first half of a signature. */
const COMMITMENT_BYTES = 32;

/**
 * Of a batch with bad signatures, this many times its size is combined anew in the search for them; what is left is verified
 * one by one. A few bad ones are found with less, and many cost no more than three times what they would singly.
 */
const SEARCH_FACTOR = 3;

type Pointer = WebAssembly.Global<'i32'>;

/** What wasm/assembly/ed25519.ts exports: functions by pointer, addresses as globals. */
interface Ed25519Exports extends KernelExports {
  readonly ITEMS_MAX: Pointer;
  readonly SIGNATURES: Pointer;
  readonly KEYS: Pointer;
  readonly CHALLENGES: Pointer;
  readonly COEFFICIENTS: Pointer;
  readonly WELL_FORMED: Pointer;
  readonly FACTORS: Pointer;
  readonly MESSAGES: Pointer;
  readonly MESSAGES_BYTES: Pointer;
  readonly OFFSETS: Pointer;
  readonly SELECTED: Pointer;
  hashMessages(first: number, count: number): void;
  prepare(count: number): void;
  verifyOne(item: number): number;
  verifyTogether(items: number, count: number): number;
}

/**
 * An instance of the Ed25519 kernel: the rule of ed25519.ts, for one signature and for many. It keeps the points of the
 * last 4096 keys it saw. Its memory never grows, so the views stay valid.
 */
export class Ed25519Kernel {
  readonly #exports: Ed25519Exports;
  readonly #itemsMax: number;
  readonly #signatures: Uint8Array;
  readonly #keys: Uint8Array;
  readonly #challenges: Uint8Array;
  readonly #coefficients: Uint8Array;
  readonly #wellFormed: Uint8Array;
  readonly #messages: Uint8Array;
  /** Little-endian, like every machine that Node runs on with a JIT for WebAssembly. */
  readonly #offsets: Uint32Array;
  readonly #selected: Uint32Array;
  /** Signatures that the search for bad ones may still combine. */
  #searchLeft = 0;

  /** @throws CodedError KERNEL_MISSING */
  constructor(build: Build) {
    const exports = instantiateKernel<Ed25519Exports>('ed25519', build);
    const { buffer } = exports.memory;
    const itemsMax = exports.ITEMS_MAX.value;
    this.#exports = exports;
    this.#itemsMax = itemsMax;
    this.#signatures = new Uint8Array(buffer, exports.SIGNATURES.value, itemsMax * SIGNATURE_BYTES);
    this.#keys = new Uint8Array(buffer, exports.KEYS.value, itemsMax * PUBLIC_KEY_BYTES);
    this.#challenges = new Uint8Array(buffer, exports.CHALLENGES.value, itemsMax * CHALLENGE_BYTES);
    this.#coefficients = new Uint8Array(buffer, exports.COEFFICIENTS.value, itemsMax * COEFFICIENT_BYTES);
    this.#wellFormed = new Uint8Array(buffer, exports.WELL_FORMED.value, itemsMax);
    this.#messages = new Uint8Array(buffer, exports.MESSAGES.value, exports.MESSAGES_BYTES.value);
    this.#offsets = new Uint32Array(buffer, exports.OFFSETS.value, itemsMax + 1);
    this.#selected = new Uint32Array(buffer, exports.SELECTED.value, itemsMax);
    const factors = randomBytes(FACTORS_BYTES).map((byte, i) => (i % 8 === 0 ? byte | 1 : byte));
    new Uint8Array(buffer, exports.FACTORS.value, FACTORS_BYTES).set(factors);
  }

  /** The verdict on one signature. Wrong lengths give false; it never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    this.#write([{ publicKey, message, signature }]);
    this.#exports.prepare(1);
    return this.#wellFormed[0] === 1 && this.#exports.verifyOne(0) === 1;
  }

  /**
   * The verdicts on many signatures, in their order: the same as one by one.
   * @param random gives that many bytes that nobody could know who made the signatures
   */
  verifyBatch(items: readonly SignedMessage[], random: (bytes: number) => Uint8Array = randomBytes): boolean[] {
    const verdicts = new Array<boolean>(items.length).fill(false);
    const places = items.flatMap((item, i) => (hasLengths(item) ? [i] : []));
    for (let from = 0; from < places.length; from += this.#itemsMax) {
      const part = places.slice(from, from + this.#itemsMax);
      this.#write(part.map((place) => items[place] as SignedMessage));
      this.#coefficients.set(random(part.length * COEFFICIENT_BYTES));
      this.#exports.prepare(part.length);
      for (const item of this.#validItems(part.length)) verdicts[part[item] as number] = true;
    }
    return verdicts;
  }

  /** Writes items into the kernel, hashing as many messages at a time as there is room for. */
  #write(items: readonly SignedMessage[]): void {
    let first = 0;
    let end = 0;
    items.forEach((item, i) => {
      const { publicKey, message, signature } = item;
      this.#signatures.set(signature, i * SIGNATURE_BYTES);
      this.#keys.set(publicKey, i * PUBLIC_KEY_BYTES);
      if (end + message.length > this.#messages.length) {
        this.#hash(first, i, end);
        [first, end] = [i, 0];
      }
      this.#offsets[i - first] = end;
      if (message.length <= this.#messages.length) {
        this.#messages.set(message, end);
        end += message.length;
      } else {
        this.#challenges.set(challengeOf(item), i * CHALLENGE_BYTES);
        first = i + 1;
      }
    });
    this.#hash(first, items.length, end);
  }

  /** Hashes the messages of items from `first` to before `next`, the last of which ends at `end`. */
  #hash(first: number, next: number, end: number): void {
    this.#offsets[next - first] = end;
    this.#exports.hashMessages(first, next - first);
  }

  /** Of `count` prepared items, the valid ones. */
  #validItems(count: number): number[] {
    const items: number[] = [];
    for (let i = 0; i < count; i++) if (this.#wellFormed[i] === 1) items.push(i);
    this.#searchLeft = items.length * (SEARCH_FACTOR + 1);
    return this.#search(items, false);
  }

  /**
   * The valid ones among some items. A combination that fails has a bad item for certain, and if its first half has none
   * the second one does.
   */
  #search(items: readonly number[], hasBad: boolean): number[] {
    if (items.length === 0) return [];
    if (items.length === 1) return !hasBad && this.#isValid(items[0] as number) ? [...items] : [];
    if (this.#searchLeft < items.length) return items.filter((item) => this.#isValid(item));
    if (!hasBad && this.#areValid(items)) return [...items];
    const middle = items.length >>> 1;
    const left = this.#search(items.slice(0, middle), false);
    const right = this.#search(items.slice(middle), left.length === middle);
    return [...left, ...right];
  }

  #isValid(item: number): boolean {
    return this.#exports.verifyOne(item) === 1;
  }

  #areValid(items: readonly number[]): boolean {
    this.#searchLeft -= items.length;
    this.#selected.set(items);
    return this.#exports.verifyTogether(this.#exports.SELECTED.value, items.length) === 1;
  }
}

function hasLengths({ publicKey, signature }: SignedMessage): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && signature.length === SIGNATURE_BYTES;
}

/** For a message that does not fit the kernel. */
function challengeOf({ publicKey, message, signature }: SignedMessage): Uint8Array {
  const commitment = signature.subarray(0, COMMITMENT_BYTES);
  return createHash('sha512').update(commitment).update(publicKey).update(message).digest();
}

let kernel: Ed25519Kernel | undefined;

/**
 * Works with the kernel of this thread, made at the first call in the best build that gives a known answer. After a
 * failure in the midst of its work (a stack that overflows, for one) its memory cannot be trusted: the next call makes
 * a new one, which loses nothing but the points of known keys.
 * @throws CodedError KERNEL_MISSING, KERNEL_FAILED
 */
export function withEd25519Kernel<Result>(work: (kernel: Ed25519Kernel) => Result): Result {
  kernel ??= answering(bestBuild()) ?? new Ed25519Kernel(vectorBuild());
  try {
    return work(kernel);
  } catch (error) {
    kernel = undefined;
    const message = 'The Ed25519 kernel failed in the midst of its work; the next call gets a new one.';
    throw new CodedError('KERNEL_FAILED', message, { reason: (error as Error).message }, { cause: error });
  }
}

function answering(build: Build): Ed25519Kernel | undefined {
  const candidate = new Ed25519Kernel(build);
  return candidate.verifyBatch(KNOWN).toString() === 'true,false,true' ? candidate : undefined;
}

/** Vectors 2 and 3 of RFC 8032, the former also with another message. */
const KNOWN: readonly SignedMessage[] = [
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '73',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
].map(([publicKey, message, signature]) => ({
  publicKey: Uint8Array.from(Buffer.from(publicKey as string, 'hex')),
  message: Uint8Array.from(Buffer.from(message as string, 'hex')),
  signature: Uint8Array.from(Buffer.from(signature as string, 'hex')),
}));
