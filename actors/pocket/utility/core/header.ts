import { CodedError } from '../../../../runtime/errors.ts';
import { ADDRESS_BYTES } from '../../chain/address.ts';
import { BLOCK_VERSION, type Block, bodyRoot, HASH_BYTES, type Header } from '../../chain/block.ts';
import { decodeQc } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { activeValidators } from '../../chain/validators.ts';
import { type LedgerRules, MAX_BLOCK_TRANSACTIONS } from './rules.ts';
import type { StateView } from './view.ts';

/** What a header is judged by: its parent, and the validators of the parent's state. */
export interface Parent extends Pick<StateView, 'validators'> {
  readonly height: bigint;
  readonly timestamp_ms: bigint;
  readonly stateHash: Uint8Array;
}

/** What consensus asks a block for. */
export interface ProposalTerms {
  readonly parent: Uint8Array;
  readonly height: bigint;
  readonly timestamp_ms: bigint;
  readonly proposer: Uint8Array;
  readonly quorumCertificate: Uint8Array;
}

/** Bytes that state hash and tree roots add to a draft header: at most 32 trees of about 110 bytes each. */
export const STATE_HASHES_BYTES = 4_096;
/** Bytes that a transaction takes in a block beyond its own: a tag and a length of at most 3. */
export const TRANSACTION_OVERHEAD_BYTES = 4;

/** A header without the hashes of the state and of the validators, which persistence fills in. */
export function draftHeader(
  terms: ProposalTerms,
  prevStateHash: Uint8Array,
  transactions: readonly Uint8Array[],
  rules: LedgerRules,
): Header {
  return {
    height: terms.height,
    networkId: rules.networkId,
    stateHash: new Uint8Array(),
    prevStateHash,
    proposerAddress: terms.proposer,
    quorumCertificate: terms.quorumCertificate,
    timestamp_ms: terms.timestamp_ms,
    stateTreeHashes: [],
    valSetHash: new Uint8Array(),
    nextValSetHash: new Uint8Array(),
    version: BLOCK_VERSION,
    parentHash: terms.parent,
    bodyRoot: bodyRoot(transactions),
  };
}

/** @throws CodedError PROPOSAL_INVALID */
export function checkProposal(terms: ProposalTerms, parent: Parent, rules: LedgerRules): void {
  const refuse = (reason: string): never => {
    throw proposalInvalid(terms, reason);
  };
  if (terms.parent.length !== HASH_BYTES) refuse('the parent is no block hash');
  if (terms.proposer.length !== ADDRESS_BYTES) refuse('the proposer is no address');
  if (terms.height !== parent.height + 1n) refuse(`the parent has height ${parent.height}`);
  if (terms.timestamp_ms <= parent.timestamp_ms) refuse(`the time is not after the parent's ${parent.timestamp_ms}`);
  if (!isActive(terms.proposer, parent, rules)) refuse('the proposer is no active validator');
}

/** As signersOf, of the certificate that a proposal is asked for with. @throws CodedError PROPOSAL_INVALID */
export function signersFor(terms: ProposalTerms): ReadonlySet<string> | null {
  try {
    return signersOf(terms.quorumCertificate);
  } catch (cause) {
    throw proposalInvalid(terms, "the parent's certificate cannot be read", { cause });
  }
}

function proposalInvalid({ height }: ProposalTerms, reason: string, options?: ErrorOptions): CodedError {
  return new CodedError('PROPOSAL_INVALID', `No block can be built: ${reason}.`, { height }, options);
}

/** What can be checked before the parent is read. The body root was checked by the decoder. @throws BLOCK_INVALID */
export function checkBlock(block: Block, encodedBytes: number, rules: LedgerRules): void {
  const { header, transactions } = block;
  const check = (ok: boolean, reason: string): void => requireBlock(header, ok, reason);
  check(encodedBytes <= rules.maxBlockBytes, `it has ${encodedBytes} bytes, ${rules.maxBlockBytes} are allowed`);
  check(transactions.length <= MAX_BLOCK_TRANSACTIONS, `it has more than ${MAX_BLOCK_TRANSACTIONS} transactions`);
  check(header.height > 0n, 'genesis is not executed');
  check(header.networkId === rules.networkId, `it is of network ${header.networkId}`);
}

/** What the parent decides. @throws BLOCK_INVALID */
export function checkSuccession(header: Header, parent: Parent, rules: LedgerRules): void {
  const check = (ok: boolean, reason: string): void => requireBlock(header, ok, reason);
  check(header.height === parent.height + 1n, `its parent has height ${parent.height}`);
  check(equalBytes(header.prevStateHash, parent.stateHash), "its previous state hash is not the parent's");
  check(header.timestamp_ms > parent.timestamp_ms, "its time is not after the parent's");
  check(isActive(header.proposerAddress, parent, rules), 'its proposer is no active validator');
}

/** True for one of those that decide the height after the parent. */
function isActive(address: Uint8Array, { validators }: Parent, { validatorLimit }: LedgerRules): boolean {
  const active = activeValidators(validators.values(), 'validator', validatorLimit);
  return active.some((validator) => equalBytes(validator.address, address));
}

/** Hex addresses in a parent's certificate; null where there is none. @throws QC_* */
export function signersOf(quorumCertificate: Uint8Array): ReadonlySet<string> | null {
  if (quorumCertificate.length === 0) return null;
  return new Set(decodeQc(quorumCertificate).signatures.map(({ address }) => toHex(address)));
}

function requireBlock(header: Header, ok: boolean, reason: string): void {
  if (!ok) throw new CodedError('BLOCK_INVALID', `The block is invalid: ${reason}.`, { height: header.height, reason });
}
