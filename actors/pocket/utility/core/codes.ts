import { type ErrorRecord, toErrorRecord } from '../../../../runtime/errors.ts';

export const RESULT_OK = 0;
export const RESULT_DUPLICATE = 35;

/**
 * The number that a client sees for each reason of a refusal. Below 200 they are the earlier implementation's;
 * from 201 on they are ours. Numbers are never given a second meaning.
 */
const RESULT_CODES: Readonly<Record<string, number>> = {
  TX_SIGNER_INVALID: 3,
  TX_SIGNATURE_INVALID: 10,
  TX_ADDRESS_EMPTY: 20,
  TX_ADDRESS_LENGTH: 21,
  TX_AMOUNT_INVALID: 23,
  TX_NONCE_EMPTY: 30,
  TX_PUBLIC_KEY_EMPTY: 31,
  TX_SIGNATURE_EMPTY: 32,
  TX_DUPLICATE: RESULT_DUPLICATE,
  INSUFFICIENT_FUNDS: 41,
  STAKE_BELOW_MINIMUM: 45,
  TX_CHAINS_INVALID: 48,
  TX_PUBLIC_KEY_LENGTH: 50,
  TX_CHAINS_TOO_MANY: 52,
  ACTOR_STATUS: 54,
  ACTOR_EXISTS: 60,
  ACTOR_PAUSED: 65,
  ACTOR_NOT_PAUSED: 67,
  UNPAUSE_TOO_EARLY: 68,
  TX_SERVICE_URL_INVALID: 70,
  ACTOR_UNKNOWN: 71,
  TX_COMMITTED: 95,
  STAKE_LOWERED: 128,
  TX_ACTOR_TYPE: 130,
  TX_UNKNOWN_MESSAGE: 131,
  TX_WRONG_NETWORK: 201,
  TX_EXPIRED: 202,
  TX_TOO_FAR: 203,
  TX_TOO_LARGE: 204,
  TX_MALFORMED: 205,
  TX_NOT_CANONICAL: 206,
  TX_NONCE_INVALID: 207,
  TX_SIGNATURE_LENGTH: 208,
  TX_BINDING_INVALID: 209,
  TX_UNBOUND: 210,
  TX_RECIPIENT_POOL: 211,
  MEMPOOL_FULL: 212,
  SENDER_LIMIT: 213,
  LAST_VALIDATOR: 214,
  ACTORS_FULL: 215,
  TX_EVIDENCE_INVALID: 216,
  EVIDENCE_TERMS: 217,
  EVIDENCE_OFFENDER_UNKNOWN: 218,
  EVIDENCE_PUNISHED: 219,
  EVIDENCE_SIGNATURE_INVALID: 220,
};

/** Result code and message of a refusal. Anything that is no refusal (a bug, a dead peer) is thrown again. */
export function resultOf(error: unknown): { code: number; message: string } {
  const record: ErrorRecord = toErrorRecord(error);
  const code = RESULT_CODES[record.code];
  if (code === undefined) throw error;
  return { code, message: `${record.code}: ${record.message}` };
}

/** Refusals that may be different later: when there is room, or when the account has received something. */
const TEMPORARY = new Set(
  ['TX_DUPLICATE', 'INSUFFICIENT_FUNDS', 'MEMPOOL_FULL', 'SENDER_LIMIT'].map((code) => RESULT_CODES[code]),
);

/** True if a transaction with this result can never be committed, or already is. */
export function isForGood(code: number): boolean {
  return code !== RESULT_OK && !TEMPORARY.has(code);
}
