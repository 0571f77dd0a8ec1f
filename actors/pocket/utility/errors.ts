/** Coded errors of utility. Those of the first group are answered as result codes (core/codes.ts). */
export const UTILITY_ERRORS = {
  TX_WRONG_NETWORK: 'The transaction is for another network.',
  TX_UNBOUND: 'The transaction names no network and no last height, and this network does not admit such ones.',
  TX_EXPIRED: 'The last height at which the transaction may be committed is past.',
  TX_TOO_FAR: 'The last height at which the transaction may be committed is too far ahead.',
  TX_SIGNER_INVALID: 'The key that signed the transaction is not the one of the paying account.',
  TX_SIGNATURE_INVALID: 'The signature of the transaction is wrong.',
  TX_RECIPIENT_POOL: 'The recipient is the address of a pool, from which nobody could ever pay out.',
  TX_DUPLICATE: 'The transaction is already in the mempool.',
  TX_COMMITTED: 'The transaction is already committed.',
  INSUFFICIENT_FUNDS: 'The account cannot pay amount and fee on top of what it has pending.',
  MEMPOOL_FULL: 'The mempool holds as many transactions or bytes as it may; submit again later.',
  SENDER_LIMIT: 'The account has as many pending transactions as one account may have; submit again later.',

  SUBMIT_TOO_MANY: 'One question carries more transactions than it may.',
  INTAKE_FULL: 'More transactions wait for admission than may wait; submit again later.',
  BLOCK_INVALID: 'The block breaks a rule of the ledger; the message names it.',
  PAGE_INVALID: 'The page of the mempool asked for has a number or size out of range.',
  PROPOSAL_INVALID: 'The question for a proposal names a height, time or proposer that cannot be.',
  UTILITY_PARAM_INVALID: 'A ledger parameter of the genesis file is not a number in its range.',
} as const;

export type UtilityErrorCode = keyof typeof UTILITY_ERRORS;
