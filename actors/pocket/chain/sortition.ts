import { CodedError } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { encodeCanonical, isUint32, isUint64, NETWORK_ID } from './canonical.ts';
import { VRF_OUTPUT_BYTES } from './ecvrf.ts';
import { ElectionInputSchema } from './gen/sortition_pb.ts';
import { compareBytes, toHex } from './hex.ts';
import { HASH_BYTES } from './sizes.ts';

/**
 * Sortition: who may lead a round is drawn by each validator for itself, in proportion to stake, and known to others
 * only when the proof is shown (the published design of Pocket V1, leader election). Every uPOKT staked is drawn with
 * the same small chance; the VRF output says how many of a validator's were, and the best of all that were drawn leads.
 * Where none was, a weighted round robin tells the leader.
 *
 * Whole numbers throughout: all machines come to the same verdict.
 */

const DOMAIN = 'potoroo/election/v1';

/**
 * How many uPOKT are drawn a round, on average, in the whole network; a constant of the network. With 7, one round of a
 * thousand (e^-7) has nobody and falls back to the round robin, whose leader an attacker knows beforehand; and a
 * round costs 7 proofs to verify on average, at most, each a few milliseconds.
 */
export const EXPECTED_CANDIDATES = 7;
/** More would only cost more proofs. Bounds the rounding error of candidateWeight. */
export const MAX_EXPECTED_CANDIDATES = 100;
/** With 100 expected, the chance of 512 is below 2^-512: no output says so. */
const MAX_WEIGHT = 512;

/** From turn to turn of the round robin, of a ring of 2^64: that divided by the golden ratio, cut to a whole number. */
const GOLDEN_STEP = 0x9e37_79b9_7f4a_7c15n;
const TURN_BITS = 64n;

export interface Staked {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** uPOKT. */
  readonly stake: bigint;
}

export interface Candidate {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** 32 bytes, of candidateValue. */
  readonly value: Uint8Array;
}

/**
 * What a validator makes a VRF proof over for a round: the canonical bytes of domain, network, height, round and
 * parent.
 *
 * A parent is known a block ahead only, so nobody can work out early when to attack whom. But its proposer knows it
 * first and can try several: each try is one more draw of its own for the next height, at the price of a block made
 * anew.
 * @param election parentHash: 32 bytes, the hash of the block at height - 1
 * @throws CodedError SORTITION_INVALID
 */
export function electionInput(election: {
  networkId: string;
  height: bigint;
  round: number;
  parentHash: Uint8Array;
}): Uint8Array {
  const { networkId, height, round, parentHash } = election;
  check(NETWORK_ID.test(networkId), 'the network id must be 1 to 64 printable ASCII characters', { networkId });
  checkView(height, round);
  check(parentHash.length === HASH_BYTES, 'the hash of the parent must be 32 bytes', { bytes: parentHash.length });
  return encodeCanonical(ElectionInputSchema, { domain: DOMAIN, networkId, height, round, parentHash });
}

/**
 * How many uPOKT of a validator are drawn, 0 for no candidate: the smallest j with output < CDF(j), where the output is
 * a fraction (its 64 bytes, big-endian, over 2^512) and CDF that of a binomial distribution of `stake` trials with the
 * chance expected / totalStake. The chance is at most a half, which only networks of a few uPOKT reach.
 *
 * Fractions are whole multiples of 2^-512, rounded down. The first term is at least 2^(-2 * expected), and wrong by at
 * most 2 * stake * 2^-512; the others follow from it exactly but for the rounding of each. So the CDF is wrong by less
 * than 2^-170, for 1000 validators of the largest stake and 100 expected: that is the chance of another verdict than
 * that of exact fractions.
 *
 * @param beta the VRF output, 64 bytes
 * @param stake uPOKT, 0 to totalStake
 * @param totalStake uPOKT of all validators, above 0
 * @param expected how many are drawn on average, a whole number from 1 to MAX_EXPECTED_CANDIDATES
 * @throws CodedError SORTITION_INVALID
 */
export function candidateWeight(beta: Uint8Array, stake: bigint, totalStake: bigint, expected: number): number {
  const isExpected = Number.isInteger(expected) && expected >= 1 && expected <= MAX_EXPECTED_CANDIDATES;
  check(isExpected, `expected candidates must be a whole number from 1 to ${MAX_EXPECTED_CANDIDATES}`, { expected });
  checkOutput(beta);
  check(totalStake > 0n, 'the total stake must be above 0', { totalStake });
  check(stake >= 0n && stake <= totalStake, 'a stake must be from 0 to the total stake', { stake, totalStake });
  const [hits, of] = 2n * BigInt(expected) < totalStake ? [BigInt(expected), totalStake] : [1n, 2n];
  const misses = of - hits;
  const drawn = BigInt(`0x${toHex(beta)}`);
  let weight = 0n;
  let term = powerOfFraction(misses, of, stake);
  let reached = term;
  while (drawn >= reached) {
    term = (term * (stake - weight) * hits) / ((weight + 1n) * misses);
    // The end of the distribution: what rounding has taken is missing from its sum.
    if (term === 0n) break;
    weight++;
    reached += term;
  }
  return Number(weight);
}

/**
 * By what candidates are compared, 32 bytes: the highest of one digest for each uPOKT drawn. So the best of all that
 * were drawn in the network leads, and a validator leads in proportion to its stake, however it is split. The VRF
 * output itself would not do: it is high for every candidate of little stake, or it would be none, and one with most of
 * the stake would lead less often than many small ones.
 * @param beta the VRF output, 64 bytes
 * @param weight that candidateWeight told, above 0
 * @throws CodedError SORTITION_INVALID
 */
export function candidateValue(beta: Uint8Array, weight: number): Uint8Array {
  checkOutput(beta);
  const isWeight = Number.isInteger(weight) && weight >= 1 && weight <= MAX_WEIGHT;
  check(isWeight, `the weight of a candidate must be a whole number from 1 to ${MAX_WEIGHT}`, { weight });
  const message = new Uint8Array(VRF_OUTPUT_BYTES + 4);
  message.set(beta);
  const number = new DataView(message.buffer, VRF_OUTPUT_BYTES);
  let highest: Uint8Array = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < weight; i++) {
    number.setUint32(0, i);
    const digest = sha256(message);
    if (compareBytes(digest, highest) > 0) highest = digest;
  }
  return highest;
}

/** The one that leads: of the higher value, or of the lower address where the values are equal. */
export function betterCandidate<C extends Candidate>(a: C, b: C): C {
  const byValue = compareBytes(a.value, b.value);
  if (byValue !== 0) return byValue > 0 ? a : b;
  return compareBytes(a.address, b.address) <= 0 ? a : b;
}

/**
 * The leader of a round without candidates, and a rule of its own: of any run of turns (height + round counts them), a
 * validator has its share by stake.
 *
 * A turn is a position on the ring of all stakes, in the order of the addresses, and the next one is a golden section
 * further: no step spreads turns more evenly. Of N turns in a row each validator has its share to within 3 + 3.6 ln N
 * (Kuipers and Niederreiter, Uniform Distribution of Sequences, chapter 2, theorem 3.4), of 100,000 in practice to
 * within 5; positions drawn by a hash would be off by a hundred there. Nobody with less than 38 % of the stake has two
 * turns in a row, so that the round after a dead leader's has another one. Nothing is kept between calls.
 *
 * @param entries of different addresses, in any order; who has no stake never leads
 * @throws CodedError SORTITION_INVALID
 */
export function weightedRoundRobin<S extends Staked>(entries: readonly S[], height: bigint, round: number): S {
  checkView(height, round);
  const ring = [...entries].sort((a, b) => compareBytes(a.address, b.address));
  let total = 0n;
  for (const { stake } of ring) {
    check(stake >= 0n, 'a stake must not be negative', { stake });
    total += stake;
  }
  check(total > 0n, 'somebody must have a stake', { validators: ring.length });
  const turn = BigInt.asUintN(Number(TURN_BITS), (height + BigInt(round)) * GOLDEN_STEP);
  const position = (turn * total) >> TURN_BITS;
  let end = 0n;
  return ring.find(({ stake }) => {
    end += stake;
    return position < end;
  }) as S;
}

/**
 * (numerator / denominator) ^ exponent in units of 2^-512, by squaring from the highest bit on: no value in between is
 * below the result, which is therefore too low by at most 2 * exponent units.
 */
function powerOfFraction(numerator: bigint, denominator: bigint, exponent: bigint): bigint {
  const bits = BigInt(8 * VRF_OUTPUT_BYTES);
  const base = (numerator << bits) / denominator;
  let power = 1n << bits;
  for (const bit of exponent.toString(2)) {
    power = (power * power) >> bits;
    if (bit === '1') power = (power * base) >> bits;
  }
  return power;
}

function checkOutput(beta: Uint8Array): void {
  check(beta.length === VRF_OUTPUT_BYTES, `a VRF output has ${VRF_OUTPUT_BYTES} bytes`, { bytes: beta.length });
}

function checkView(height: bigint, round: number): void {
  check(isUint64(height), 'a height must be from 0 to 2^64 - 1', { height });
  check(isUint32(round), 'a round must be a whole number from 0 to 2^32 - 1', { round });
}

function check(ok: boolean, rule: string, data: Record<string, unknown>): void {
  if (!ok) throw new CodedError('SORTITION_INVALID', rule, data);
}
