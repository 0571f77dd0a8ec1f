import { CodedError } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { fromHex, toHex } from './hex.ts';

/**
 * The arithmetic of relay mining: how hard it is to find a relay that counts, and what those that were found stand for.
 * Exact integers throughout (relay mining, B2 to B6); every node comes to the same numbers.
 */

const TARGET_BYTES = 32;
/** The easiest target: of 2^256 digests all but the highest count. */
export const BASE_TARGET = 2n ** 256n - 1n;
/** What a claim counts in is a u64. */
const COUNT_BITS = 64;

/** The weight of a new count in the moving average: the double 0.1, which is ALPHA / 2^55 exactly. */
const ALPHA = 3_602_879_701_896_397n;
const SHIFT = 55n;
/** The weight of the former average: the rest, exact. */
const REST = 2n ** SHIFT - ALPHA;
/** Products and their sum are rounded to this many bits, to the nearest, as on the chain that these numbers agree with. */
const MANTISSA_BITS = 64;

/** A number that need not be whole. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** @throws CodedError RELAY_TARGET_INVALID where it has not 32 bytes or is 0: then nothing counts */
export function decodeTarget(target: Uint8Array): bigint {
  const value = target.length === TARGET_BYTES ? BigInt(`0x${toHex(target)}`) : 0n;
  if (value > 0n) return value;
  throw new CodedError('RELAY_TARGET_INVALID', `a relay target is a number of ${TARGET_BYTES} bytes above 0`, {
    length: target.length,
  });
}

export function encodeTarget(target: bigint): Uint8Array {
  return fromHex(target.toString(16).padStart(2 * TARGET_BYTES, '0'));
}

/** Relays that one counting relay stands for: the reciprocal of the chance to count. */
export function relayMultiplier(target: bigint): Fraction {
  const divisor = greatestCommonDivisor(BASE_TARGET, target);
  return { numerator: BASE_TARGET / divisor, denominator: target / divisor };
}

/**
 * The target that makes `wanted` of `estimated` relays count, if `previous` lets all of them.
 * @throws CodedError RELAY_ESTIMATE_INVALID where a count is not above 0
 */
export function nextTarget(previous: bigint, wanted: bigint, estimated: bigint): bigint {
  requireCount(wanted);
  requireCount(estimated);
  const scaled = (previous * wanted) / estimated;
  return scaled > BASE_TARGET ? BASE_TARGET : scaled;
}

/**
 * The moving average of counted relays: a tenth of the new count, nine tenths of the former average, as floats of a mantissa of
 * 64 bits, cut to a whole number.
 */
export function nextAverage(previous: bigint, count: bigint): bigint {
  const scaled = toMantissa(toMantissa(ALPHA * count) + toMantissa(REST * previous));
  return BigInt.asUintN(COUNT_BITS, scaled >> SHIFT);
}

/** Compute units that the claimed ones stand for, whole ones. */
export function estimatedComputeUnits(claimed: bigint, target: bigint): bigint {
  return (claimed * BASE_TARGET) / target;
}

/** What a claim is worth, uPOKT: one exact fraction, cut to a whole number at the very end. */
export function claimedAmount(
  claimed: bigint,
  target: bigint,
  rate: { readonly multiplier: bigint; readonly granularity: bigint },
): bigint {
  return (claimed * BASE_TARGET * rate.multiplier) / (target * rate.granularity);
}

/** The path whose closest leaf a claim has to show. @param blockHash of the block before the proof window opens */
export function proofPath(blockHash: Uint8Array, sessionId: string): Uint8Array {
  const id = new TextEncoder().encode(sessionId);
  const bytes = new Uint8Array(blockHash.length + id.length);
  bytes.set(blockHash);
  bytes.set(id, blockHash.length);
  return sha256(bytes);
}

/** Keeps the highest 64 bits: to the nearest, halves to the even one. */
function toMantissa(value: bigint): bigint {
  const excess = BigInt(Math.max(0, value.toString(2).length - MANTISSA_BITS));
  if (excess === 0n) return value;
  const unit = 1n << excess;
  const floor = value >> excess;
  const rest = value & (unit - 1n);
  const isUp = rest * 2n > unit || (rest * 2n === unit && (floor & 1n) === 1n);
  return (isUp ? floor + 1n : floor) << excess;
}

function requireCount(count: bigint): void {
  if (count > 0n) return;
  throw new CodedError(
    'RELAY_ESTIMATE_INVALID',
    'a number of relays to aim at, or an estimate of them, must be above 0',
    {
      count,
    },
  );
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}
