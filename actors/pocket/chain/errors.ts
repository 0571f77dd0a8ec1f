/** Every code that the chain formats raise. The reference in the docs is generated from this list. */
export const CHAIN_ERRORS = {
  HEX_INVALID: 'A text is not lower-case hex with an even number of digits.',
  ADDRESS_INVALID: 'An address is not 40 lower-case hex digits (20 bytes).',
  AMOUNT_INVALID: 'An amount is not a plain base-10 whole number of uPOKT between 0 and 2^128 - 1.',

  TX_MALFORMED: 'The bytes are not a transaction.',
  TX_NOT_CANONICAL:
    'The bytes are a transaction, but not in its one canonical encoding (unknown, repeated or reordered fields).',
  TX_TOO_LARGE: 'The transaction is larger than a transaction may be.',
  TX_UNKNOWN_MESSAGE: 'The message type of the transaction is not one that this node knows.',
  TX_NONCE_EMPTY: 'The transaction has no nonce.',
  TX_NONCE_INVALID: 'The nonce of the transaction is not 1 to 64 printable ASCII characters.',
  TX_PUBLIC_KEY_EMPTY: 'The transaction carries no public key.',
  TX_PUBLIC_KEY_LENGTH: 'The public key of the transaction is not 32 bytes.',
  TX_SIGNATURE_EMPTY: 'The transaction is not signed.',
  TX_SIGNATURE_LENGTH: 'The signature of the transaction is not 64 bytes.',
  TX_ADDRESS_EMPTY: 'An address in the transaction is missing.',
  TX_ADDRESS_LENGTH: 'An address in the transaction is not 20 bytes.',
  TX_AMOUNT_INVALID: 'The amount of the transaction is not a whole number of uPOKT between 1 and 2^128 - 1.',
  TX_ACTOR_TYPE: 'The transaction is about an actor type that does not exist, or that this version cannot stake.',
  TX_CHAINS_INVALID: 'The relay chains of the transaction are not different ids of four letters or digits.',
  TX_SERVICE_URL_INVALID:
    'The service URL of the transaction is not host:port, with http:// or https:// before it or not.',
  TX_EVIDENCE_INVALID:
    'The evidence is not two statements for one height, round and step and two blocks, in its one canonical encoding.',
  TX_BINDING_INVALID:
    'The network id or the last valid height of the transaction is malformed, or only one of them is given.',

  BLOCK_MALFORMED: 'The bytes are not a block, or a field of it has the wrong form.',
  BLOCK_NOT_CANONICAL: 'The bytes are a block, but not in its one canonical encoding.',
  BLOCK_TOO_LARGE: 'The block is larger than any block may be.',
  BLOCK_BODY_ROOT_MISMATCH: 'The transactions of the block are not those that its header commits to.',
  BLOCK_VERSION_UNSUPPORTED: 'The block is of a version that this node does not know: upgrade the node.',
  HEADER_MALFORMED: 'The bytes are not a block header, or a field of it has the wrong form.',
  HEADER_NOT_CANONICAL: 'The bytes are a block header, but not in its one canonical encoding.',
  HEADER_TOO_LARGE: 'The block header is larger than a header may be.',

  CONSENSUS_MALFORMED: 'The bytes are not a consensus message, or a field of it has the wrong form.',
  CONSENSUS_NOT_CANONICAL: 'The bytes are a consensus message, but not in its one canonical encoding.',
  CONSENSUS_TOO_LARGE: 'The consensus message is larger than one may be.',
  CONSENSUS_VERSION_UNSUPPORTED:
    'The consensus message is of a version that this node does not know: upgrade the node.',
  CONSENSUS_SIGNER_UNKNOWN: 'The sender of the consensus message is not a validator.',
  CONSENSUS_SIGNATURE_INVALID: 'The signature of the consensus message is wrong.',

  QC_MALFORMED: 'The bytes are not a quorum certificate, or a field of it has the wrong form.',
  QC_NOT_CANONICAL: 'The bytes are a quorum certificate, but not in its one canonical encoding.',
  QC_TOO_LARGE: 'The quorum certificate is larger than one may be.',
  QC_VERSION_UNSUPPORTED: 'The quorum certificate is of a version that this node does not know: upgrade the node.',
  QC_DUPLICATE_SIGNER: 'A validator is counted twice in the quorum certificate.',
  QC_UNKNOWN_SIGNER: 'A signer of the quorum certificate is not a validator.',
  QC_TOO_FEW_SIGNERS: 'The quorum certificate has not more than two thirds of the validators.',
  QC_SIGNATURE_INVALID: 'A signature in the quorum certificate is wrong.',

  TIMEOUT_MALFORMED: 'The bytes are not a timeout certificate, or a field of it has the wrong form.',
  TIMEOUT_NOT_CANONICAL: 'The bytes are a timeout certificate, but not in its one canonical encoding.',
  TIMEOUT_TOO_LARGE: 'The timeout certificate is larger than one may be.',
  TIMEOUT_VERSION_UNSUPPORTED:
    'The timeout certificate is of a version that this node does not know: upgrade the node.',
  TIMEOUT_UNKNOWN_SIGNER: 'A signer of the timeout certificate is not a validator.',
  TIMEOUT_TOO_FEW_SIGNERS: 'The timeout certificate has not more than two thirds of the validators.',
  TIMEOUT_SIGNATURE_INVALID: 'A signature in the timeout certificate is wrong.',

  CERTIFICATE_MALFORMED: 'The bytes are not a stream certificate, or a field of it has the wrong form.',
  CERTIFICATE_NOT_CANONICAL: 'The bytes are a stream certificate, but not in its one canonical encoding.',
  CERTIFICATE_TOO_LARGE: 'The stream certificate is larger than one may be.',
  CERTIFICATE_VERSION_UNSUPPORTED: 'The stream certificate is of a version that this node does not know.',
  CERTIFICATE_WRONG_NETWORK: 'The peer belongs to another network.',
  CERTIFICATE_WRONG_PEER: 'The certificate was issued for another peer id.',
  CERTIFICATE_EXPIRED: 'The certificate has expired: check the clock of both machines.',
  CERTIFICATE_SIGNATURE_INVALID: 'The signature of the certificate is wrong.',

  LIGHT_HEADER_INVALID: 'A header does not follow the header that is trusted.',
  LIGHT_VALIDATORS_UNKNOWN: 'The validators shown with a header are not those that the trusted header names.',
  LIGHT_SET_CHANGED:
    'The validators changed between the trusted header and this one: headers are missing between them.',
  LIGHT_UNDECIDED:
    'A header comes without a certificate, as that of genesis: only its own hash, from someone you trust, proves it.',
  LIGHT_HASH_FOREIGN: 'The header is not the one whose hash is trusted.',
  LIGHT_QC_FOREIGN: 'The certificate shown with a header is for another block or another step.',

  SYNC_MALFORMED: 'The bytes are not a sync message, or a field of it has the wrong form.',
  SYNC_NOT_CANONICAL: 'The bytes are a sync message, but not in its one canonical encoding.',
  SYNC_TOO_LARGE: 'The sync message is larger than one may be.',
  SYNC_VERSION_UNSUPPORTED: 'The sync message is of a version that this node does not know.',

  RELAY_TARGET_INVALID: 'The target of a relay difficulty is not a number of 32 bytes above 0.',
  RELAY_ESTIMATE_INVALID: 'A number of relays to aim at, or an estimate of how many there are, is not above 0.',

  STATE_MALFORMED: 'A value for the state tries has a field of the wrong form.',
  STATE_NOT_CANONICAL: 'The bytes are a value of a state trie, but not in its one canonical encoding.',
  STATE_TOO_LARGE: 'The bytes are longer than any value of a state trie.',

  PROOF_MALFORMED: 'The proof is not one, or a field of it has the wrong form: fetch it again.',
  PROOF_NOT_CANONICAL: 'The bytes are a proof, but not in its one canonical encoding.',
  PROOF_TOO_LARGE: 'The proof is larger than one may be.',
  PROOF_MISMATCH: 'A proof says in one field something else than in another, which the message names.',
  PROOF_WRONG: 'The proof does not show the value, or its absence, under the state of its header.',

  SNAPSHOT_MALFORMED:
    'The bytes are not a part of a snapshot, or a field has the wrong form: fetch the snapshot from another peer.',
  SNAPSHOT_NOT_CANONICAL: 'The bytes are a part of a snapshot, but not in its one canonical encoding.',
  SNAPSHOT_TOO_LARGE: 'The part of a snapshot is larger than one may be.',
  SNAPSHOT_VERSION_UNSUPPORTED: 'The snapshot is of a version that this node does not know: upgrade the node.',

  VALIDATORS_INVALID: 'A validator set is empty, too large, or has two validators with one address.',
  SORTITION_INVALID:
    'A leader election was asked for with a stake, a height, a VRF output or a number of candidates that cannot be.',
  VALIDATORS_MALFORMED: 'The bytes are not a validator set, or a field of it has the wrong form.',
  VALIDATORS_NOT_CANONICAL: 'The bytes are a validator set, but not in its one canonical encoding.',
  VALIDATORS_TOO_LARGE: 'The validator set is larger than one may be.',
  GENESIS_INVALID:
    'The genesis file has a wrong entry; the message names its path, its value and what to write instead.',
  GENESIS_DUPLICATE_ADDRESS: 'An address stands twice in one list of the genesis file.',
} as const;

export type ChainErrorCode = keyof typeof CHAIN_ERRORS;
