import { CodedError } from '../../../runtime/errors.ts';
import { sha3_256 } from '../../../wasm/hash.ts';
import { ACTOR_VALIDATOR, type Actor, NO_HEIGHT } from './actor.ts';
import { formatAmount, parseAmount } from './amounts.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format } from './canonical.ts';
import { ValidatorSetSchema } from './gen/state_pb.ts';
import { compareBytes, fromHex, toHex } from './hex.ts';

/** Bounds a QC: about 110 bytes for each signer. */
export const MAX_VALIDATORS = 1_000;

/** One as it is encoded: hex of address and key, the power, the framing. */
const MAX_ENCODED_BYTES = 160;
const VALIDATOR_SET: Format<typeof ValidatorSetSchema> = {
  schema: ValidatorSetSchema,
  name: 'validator set',
  prefix: 'VALIDATORS',
  maxBytes: MAX_VALIDATORS * MAX_ENCODED_BYTES,
};
const ADDRESS_HEX = /^[0-9a-f]{40}$/;
const KEY_HEX = /^[0-9a-f]{64}$/;
/** As encodeValidatorSet writes it: 1 is empty. */
const POWER = /^(?:|0|[2-9]|[1-9][0-9]{1,38})$/;

export interface Validator {
  /** 20 bytes. */
  address: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** `host:port`, or with http:// or https:// before it. */
  serviceUrl: string;
  /** What its vote weighs: 1, or its stake where the genesis says so. */
  power: bigint;
}

/** How votes are counted: each validator one, or by what it has staked. Fixed by the genesis. */
export type VoteWeight = 'validator' | 'stake';

export interface ValidatorSet {
  /** By ascending address: the index counts in the election of leaders. */
  readonly list: readonly Validator[];
  /** Sum of the powers. */
  readonly totalPower: bigint;
  /** By lower-case hex address. */
  byAddress(hex: string): Validator | undefined;
}

/** @throws VALIDATORS_INVALID */
export function validatorSet(validators: readonly Validator[]): ValidatorSet {
  const byHex = new Map(validators.map((validator) => [toHex(validator.address), validator]));
  if (validators.length === 0 || validators.length > MAX_VALIDATORS || byHex.size !== validators.length) {
    throw new CodedError(
      'VALIDATORS_INVALID',
      `a network has 1 to ${MAX_VALIDATORS} validators of different addresses`,
      {
        validators: validators.length,
        addresses: byHex.size,
      },
    );
  }
  const list = [...validators].sort((a, b) => compareBytes(a.address, b.address));
  const totalPower = list.reduce((sum, { power }) => sum + power, 0n);
  return { list, totalPower, byAddress: (hex) => byHex.get(hex) };
}

/**
 * Who decides the height after a state: of its validators those that are staked, not paused and not leaving; of too many,
 * those with the greatest stakes.
 * @param limit most validators of the network
 */
export function activeValidators(actors: Iterable<Actor>, weight: VoteWeight, limit: number): Validator[] {
  const active = [...actors].filter(
    ({ type, pausedHeight, unstakingHeight }) =>
      type === ACTOR_VALIDATOR && pausedHeight === NO_HEIGHT && unstakingHeight === NO_HEIGHT,
  );
  active.sort((a, b) => {
    if (a.stakedAmount !== b.stakedAmount) return a.stakedAmount > b.stakedAmount ? -1 : 1;
    return compareBytes(a.address, b.address);
  });
  return active.slice(0, limit).map(({ address, publicKey, serviceUrl, stakedAmount }) => ({
    address,
    publicKey,
    serviceUrl,
    power: weight === 'stake' ? stakedAmount : 1n,
  }));
}

/** Are these more than two thirds of the power? Each member counts once, strangers do not count. */
export function isQuorumOf(set: ValidatorSet, ballots: Iterable<{ readonly address: Uint8Array }>): boolean {
  return 3n * powerOf(set, ballots) > 2n * set.totalPower;
}

/** Is this more power than can be faulty while the network is safe, so that an honest validator has part of it? */
export function exceedsFaults(set: ValidatorSet, power: bigint): boolean {
  return power > (set.totalPower - 1n) / 3n;
}

/** The power of these together; each member counts once, strangers do not count. */
export function powerOf(set: ValidatorSet, ballots: Iterable<{ readonly address: Uint8Array }>): bigint {
  const counted = new Set<Validator>();
  for (const { address } of ballots) {
    const validator = set.byAddress(toHex(address));
    if (validator) counted.add(validator);
  }
  return [...counted].reduce((sum, { power }) => sum + power, 0n);
}

/** Round robin: the ((height + round) mod N) + 1st validator, whatever the step. */
export function leaderOf(set: ValidatorSet, height: bigint, round: number): Validator {
  const index = (height + BigInt(round)) % BigInt(set.list.length);
  return set.list[Number(index)]!;
}

/**
 * SHA3-256 of the canonical list of addresses and keys, by ascending address. A power other than 1 is part of it: the
 * hash binds whoever checks a certificate to the weights.
 */
export function validatorSetHash(set: ValidatorSet): Uint8Array {
  return sha3_256(encodeValidatorSet(set));
}

/** The very bytes that validatorSetHash is of: what shows a set to whoever trusts its hash. Without service URLs. */
export function encodeValidatorSet(set: ValidatorSet): Uint8Array {
  const validators = set.list.map(({ address, publicKey, power }) => ({
    address: toHex(address),
    pubKey: toHex(publicKey),
    votingPower: power === 1n ? '' : formatAmount(power),
  }));
  return encodeCanonical(ValidatorSetSchema, { validators });
}

/**
 * Reads a set that somebody shows; its hash says whether it is the right one. The service URLs are empty.
 * @throws VALIDATORS_*
 */
export function decodeValidatorSet(bytes: Uint8Array): ValidatorSet {
  const { validators } = decodeCanonical(VALIDATOR_SET, bytes);
  const list = validators.map(({ address, pubKey, votingPower }): Validator => {
    ensure(ADDRESS_HEX.test(address), 'VALIDATORS', 'address', 'must be 40 lower-case hex digits');
    ensure(KEY_HEX.test(pubKey), 'VALIDATORS', 'pub_key', 'must be 64 lower-case hex digits');
    ensure(POWER.test(votingPower), 'VALIDATORS', 'voting_power', 'must be a whole number, and empty for 1');
    const power = votingPower === '' ? 1n : parseAmount(votingPower);
    return { address: fromHex(address), publicKey: fromHex(pubKey), serviceUrl: '', power };
  });
  const isAscending = validators.every(({ address }, index) => index === 0 || validators[index - 1]!.address < address);
  ensure(isAscending, 'VALIDATORS', 'validators', 'must be by ascending address, each address once');
  return validatorSet(list);
}
