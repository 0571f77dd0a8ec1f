import { verifyBatch } from '../../../wasm/ed25519.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { ADDRESS_BYTES } from './address.ts';
import { isUint32, isUint64 } from './canonical.ts';
import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_PREPARE,
  signBytesOf,
} from './consensus.ts';
import { compareBytes, equalBytes } from './hex.ts';
import { HASH_BYTES, SIGNATURE_BYTES } from './sizes.ts';

/** One thing that a validator has signed; the network is that of the transaction that carries the evidence. */
export interface Statement {
  /** MESSAGE_PROPOSE or MESSAGE_VOTE. */
  type: number;
  height: bigint;
  round: number;
  step: number;
  /** 32 bytes. */
  blockHash: Uint8Array;
  /** SHA-256 of the QC that the message carried, 32 bytes; empty for none. */
  justifyHash: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array;
}

/**
 * Two statements of one validator for one place of the protocol, for different blocks. No honest validator makes them: its
 * signer refuses the second.
 */
export interface Evidence {
  /** By ascending block hash: the same two always give the same bytes. */
  first: Statement;
  second: Statement;
  /** The validator, 20 bytes. */
  address: Uint8Array;
}

/** The evidence that two messages give; null where an honest validator may have sent both. Signatures are not looked at. */
export function evidenceOf(a: ConsensusMessage, b: ConsensusMessage): Evidence | null {
  if (a.networkId !== b.networkId || !equalBytes(a.address, b.address)) return null;
  const [first, second] = [statementOf(a), statementOf(b)];
  return first && second && evidenceBetween(a.address, first, second);
}

/** The evidence that two statements of one validator give; null where an honest one may have made both. */
export function evidenceBetween(address: Uint8Array, a: Statement, b: Statement): Evidence | null {
  const ordered = compareBytes(a.blockHash, b.blockHash) < 0 ? { first: a, second: b } : { first: b, second: a };
  const evidence = { ...ordered, address };
  return evidenceProblem(evidence) === null ? evidence : null;
}

/** What a message states about a block; null for a NEWROUND. */
export function statementOf({
  type,
  height,
  round,
  step,
  blockHash,
  justify,
  signature,
}: ConsensusMessage): Statement | null {
  if (blockHash === null) return null;
  return { type, height, round, step, blockHash, justifyHash: justify ? sha256(justify) : new Uint8Array(), signature };
}

/** What is wrong with its form; null for evidence that only the signatures can refute. */
export function evidenceProblem({ first, second, address }: Evidence): string | null {
  if (address.length !== ADDRESS_BYTES) return 'the address of the validator must be 20 bytes';
  for (const statement of [first, second]) {
    const problem = statementProblem(statement);
    if (problem !== null) return problem;
  }
  for (const field of ['type', 'height', 'round', 'step'] as const) {
    if (first[field] !== second[field]) return `both statements must have one ${field}`;
  }
  return compareBytes(first.blockHash, second.blockHash) < 0
    ? null
    : 'the statements must be for two blocks, by ascending hash';
}

function statementProblem(statement: Statement): string | null {
  const { type, height, round, step, blockHash, justifyHash, signature } = statement;
  const isVote = type === MESSAGE_VOTE && step >= STEP_PREPARE && step <= STEP_COMMIT;
  // Only the PREPARE proposal chooses a block: the later ones repeat what a certificate says.
  const isProposal = type === MESSAGE_PROPOSE && step === STEP_PREPARE;
  if (!isVote && !isProposal) return 'it must be a PREPARE proposal or a vote';
  if (!isUint64(height) || height === 0n || !isUint32(round)) return 'height or round is out of range';
  if (blockHash.length !== HASH_BYTES) return 'a block hash must be 32 bytes';
  if (justifyHash.length !== 0 && (isVote || justifyHash.length !== HASH_BYTES)) {
    return 'the hash of a QC must be 32 bytes, and stands in proposals only';
  }
  return signature.length === SIGNATURE_BYTES ? null : 'a signature must be 64 bytes';
}

/** Did the holder of this key sign both statements, for this network? The form is the decoder's business. */
export function verifyEvidence({ first, second }: Evidence, publicKey: Uint8Array, networkId: string): boolean {
  const items = [first, second].map(({ justifyHash, signature, ...view }) => ({
    publicKey,
    message: signBytesOf({ ...view, networkId }, justifyHash),
    signature,
  }));
  return verifyBatch(items).every(Boolean);
}
