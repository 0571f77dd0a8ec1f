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
  SENDER_LIMIT:
    'The account has as many pending transactions as one account may have; submit again later. Of evidence: an offence of the same height waits already.',
  TX_CHAINS_TOO_MANY: 'The actor names more relay chains than one of its type may serve; a validator serves none.',
  STAKE_BELOW_MINIMUM: 'The stake is less than the network asks of an actor of this type.',
  STAKE_LOWERED: 'A stake is edited to less than it is; unstake to get it back.',
  ACTOR_EXISTS: 'There is an actor with this key already.',
  ACTOR_UNKNOWN: 'There is no actor with this address.',
  ACTOR_STATUS: 'The actor is leaving: it waits for its stake and takes no orders.',
  ACTOR_PAUSED: 'The actor is paused already.',
  ACTOR_NOT_PAUSED: 'The actor is not paused.',
  UNPAUSE_TOO_EARLY: 'The actor was paused too short a time ago; the message names the first height.',
  LAST_VALIDATOR: 'The last active validator can neither pause nor leave: no block could follow.',
  ACTORS_FULL: 'As many actors of this type are staked as may be; wait until one leaves.',
  EVIDENCE_TERMS:
    'The evidence is of a height to come, or its last height is not that of its offence and the allowed age.',
  EVIDENCE_OFFENDER_UNKNOWN: 'The evidence is against an address that is no validator.',
  EVIDENCE_PUNISHED: 'The validator was punished for an offence of this height or a later one.',
  EVIDENCE_SIGNATURE_INVALID: 'The validator did not sign what the evidence says.',

  SUBMIT_TOO_MANY: 'One question carries more transactions than it may.',
  INTAKE_FULL: 'More transactions wait for admission than may wait; submit again later.',
  BLOCK_INVALID: 'The block breaks a rule of the ledger; the message names it.',
  PAGE_INVALID: 'The page of the mempool asked for has a number or size out of range.',
  PROPOSAL_INVALID: 'The question for a proposal names a height, time or proposer that cannot be.',
  UTILITY_PARAM_INVALID: 'A ledger parameter of the genesis file is not a number in its range.',
} as const;

export type UtilityErrorCode = keyof typeof UTILITY_ERRORS;
