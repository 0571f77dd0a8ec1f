import { toHex } from '../../actors/pocket/chain/hex.ts';
import {
  type Validator,
  type ValidatorSet,
  validatorSet,
  validatorSetHash,
} from '../../actors/pocket/chain/validators.ts';
import { sha256 } from '../../wasm/hash.ts';

/** First byte of a transaction that makes its second byte, a place in the list of all keys, a validator or none. */
const JOINS = 0xa0;
const LEAVES = 0xa1;

/** The state of the model chain: a digest of all that happened, and who decides the next height. */
export interface LedgerState {
  readonly hash: Uint8Array;
  readonly validators: ValidatorSet;
}

export function joins(index: number): Uint8Array {
  return Uint8Array.of(JOINS, index);
}

export function leaves(index: number): Uint8Array {
  return Uint8Array.of(LEAVES, index);
}

/**
 * Executes a block's transactions. Those that would change nothing, or leave no validator, do nothing.
 * @param keys all that may be validators, by ascending address
 */
export function applyTransactions(
  state: LedgerState,
  transactions: readonly Uint8Array[],
  keys: readonly Validator[],
): LedgerState {
  const members = new Map(state.validators.list.map((one) => [toHex(one.address), one]));
  let changed = false;
  for (const [kind, index] of transactions) {
    const validator = keys[index ?? keys.length];
    if (!validator || (kind !== JOINS && kind !== LEAVES)) continue;
    const name = toHex(validator.address);
    if (kind === JOINS) members.set(name, validator);
    else if (members.size > 1) members.delete(name);
    changed = true;
  }
  const validators = changed ? validatorSet([...members.values()]) : state.validators;
  return { hash: sha256(Buffer.concat([state.hash, ...transactions.map(framed)])), validators };
}

const HASHES = new WeakMap<ValidatorSet, Uint8Array>();

/** validatorSetHash, once for each set. */
export function setHash(set: ValidatorSet): Uint8Array {
  const known = HASHES.get(set) ?? validatorSetHash(set);
  HASHES.set(set, known);
  return known;
}

/** Its length goes before it, so that no two lists have one digest. */
function framed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length >> 8, bytes.length & 255, ...bytes);
}
