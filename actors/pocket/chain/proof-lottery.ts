import { sha256 } from '../../../wasm/hash.ts';

/**
 * Whether a claim has to be proved, drawn as the published chain draws it: by the first number of the generator of Go's
 * math/rand, seeded with a varint that is read from a digest (relay mining, B5). The draw is as coarse as that seed: half of
 * all seeds come from one byte.
 */

const INT32_MAX = 2n ** 31n - 1n;
/** What Go takes instead of 0. */
const ZERO_SEED = 89_482_311n;
/** Values thrown away before the state of the generator is filled. */
const DISCARDED = 20;
/** Each word of the state is made of three values of the seeding generator. */
const VALUES_PER_WORD = 3;
/**
 * The generator adds two words of its state, of 607: these are the ones that it begins with, with what is mixed into them, words
 * of its own state after 7.8 * 10^12 steps.
 */
const FIRST = { index: 333, mixed: 0xbfb2f4d968b759c3n };
const SECOND = { index: 606, mixed: 0x39a00a3a31c025c6n };
/** Bits of a number that Go draws; as a fraction it is rounded to the nearest double. */
const DRAWN_BITS = 63;
/** Where that is 1, by a chance of 2^-54, Go draws again, which we do not follow. */
const MOST = 1 - Number.EPSILON / 2;
/** A varint of 64 bits has at most so many bytes. */
const VARINT_BYTES = 10;

/** A number from 0 to below 1, the same for the same bytes. */
export function seededFraction(bytes: Uint8Array): number {
  const seed = seedOf(sha256(bytes));
  const drawn = BigInt.asUintN(DRAWN_BITS, wordOf(seed, FIRST) + wordOf(seed, SECOND));
  return Math.min(Number(drawn) / 2 ** DRAWN_BITS, MOST);
}

/** The zig-zag varint at the beginning; 0 where none fits 64 bits. */
function seedOf(digest: Uint8Array): bigint {
  let value = 0n;
  for (let i = 0; i < VARINT_BYTES; i++) {
    const byte = BigInt(digest[i] as number);
    value |= (byte & 0x7fn) << BigInt(7 * i);
    if (byte >= 0x80n) continue;
    if (value >> 64n !== 0n) return 0n;
    return (value >> 1n) ^ -(value & 1n);
  }
  return 0n;
}

function wordOf(seed: bigint, { index, mixed }: { index: number; mixed: bigint }): bigint {
  let x = seed % INT32_MAX;
  if (x < 0n) x += INT32_MAX;
  if (x === 0n) x = ZERO_SEED;
  for (let i = 0; i < DISCARDED + VALUES_PER_WORD * index; i++) x = nextValue(x);
  const a = nextValue(x);
  const b = nextValue(a);
  const c = nextValue(b);
  return BigInt.asUintN(64, (a << 40n) ^ (b << 20n) ^ c) ^ mixed;
}

/** The multiplicative generator that seeds the other: 48271 x modulo 2^31 - 1. */
function nextValue(x: bigint): bigint {
  return (48_271n * x) % INT32_MAX;
}
