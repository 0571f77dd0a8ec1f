import { CodedError } from '../../../runtime/errors.ts';
import { sha3_256 } from '../../../wasm/hash.ts';
import { encodeCanonical } from './canonical.ts';
import { ValidatorSetSchema } from './gen/state_pb.ts';
import { compareBytes, toHex } from './hex.ts';

/** Bounds a QC: about 110 bytes for each signer. */
export const MAX_VALIDATORS = 1_000;

export interface Validator {
  /** 20 bytes. */
  address: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** `host:port`, or with http:// or https:// before it. */
  serviceUrl: string;
}

export interface ValidatorSet {
  /** By ascending address: the index counts in the election of leaders. */
  readonly list: readonly Validator[];
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
  return { list, byAddress: (hex) => byHex.get(hex) };
}

/** The smallest count above two thirds of n. */
export function quorumOf(n: number): number {
  return Math.floor((2 * n) / 3) + 1;
}

/** Round robin: the ((height + round) mod N) + 1st validator, whatever the step. */
export function leaderOf(set: ValidatorSet, height: bigint, round: number): Validator {
  const index = (height + BigInt(round)) % BigInt(set.list.length);
  return set.list[Number(index)]!;
}

/** SHA3-256 of the canonical list of addresses and keys, by ascending address. */
export function validatorSetHash(set: ValidatorSet): Uint8Array {
  const validators = set.list.map(({ address, publicKey }) => ({ address: toHex(address), pubKey: toHex(publicKey) }));
  return sha3_256(encodeCanonical(ValidatorSetSchema, { validators }));
}
