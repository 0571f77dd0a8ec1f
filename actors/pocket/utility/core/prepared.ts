import { CodedError } from '../../../../runtime/errors.ts';
import { sha3_256 } from '../../../../wasm/hash.ts';
import { addressOf } from '../../chain/address.ts';
import type { Evidence } from '../../chain/evidence.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { type Message, type MessageEditStake, type MessageStake, signerOf } from '../../chain/messages.ts';
import { decodeTransaction, signedBytes, type Transaction, transactionHash } from '../../chain/transaction.ts';
import { type LedgerRules, stakingRules } from './rules.ts';

/** A transaction with all that is computed from its bytes alone. */
export interface Prepared {
  readonly bytes: Uint8Array;
  readonly transaction: Transaction;
  readonly hash: Uint8Array;
  readonly hashHex: string;
  /** What the signature is over. */
  readonly signed: Uint8Array;
  readonly replayKey: Uint8Array;
  readonly replayHex: string;
  /** Who signs and pays, 20 bytes; null for evidence. */
  readonly payer: Uint8Array | null;
  /**
   * On whose account the mempool keeps it: the hex address of the payer. Evidence, for which nobody pays, is kept by offender and
   * height.
   */
  readonly sender: string;
}

/** Decodes a transaction and checks its form. @throws CodedError TX_* of chain */
export function prepare(bytes: Uint8Array, hash = transactionHash(bytes)): Prepared {
  const transaction = decodeTransaction(bytes);
  const signed = signedBytes(transaction);
  const replayKey = sha3_256(signed);
  return {
    bytes,
    transaction,
    hash,
    hashHex: toHex(hash),
    signed,
    replayKey,
    replayHex: toHex(replayKey),
    payer: signerOf(transaction.message),
    sender: senderOf(transaction.message),
  };
}

/** The evidence that a transaction carries; null for all that are signed and paid. */
export function evidenceIn({ transaction: { message } }: Prepared): Evidence | null {
  return message.type === 'utility.MessageDoubleSign' ? message : null;
}

/** Who pays for these, by sender. */
export function payersOf(transactions: readonly Prepared[]): Map<string, Uint8Array> {
  const payers = new Map<string, Uint8Array>();
  for (const { sender, payer } of transactions) if (payer !== null) payers.set(sender, payer);
  return payers;
}

function senderOf(message: Message): string {
  if (message.type === 'utility.MessageDoubleSign') return `${toHex(message.address)} at ${message.first.height}`;
  return toHex(signerOf(message)!);
}

/**
 * Checks all that depends neither on the state nor on the signature.
 * @param height of the block that the transaction would be in
 * @throws CodedError TX_*, EVIDENCE_TERMS
 */
export function checkTerms(prepared: Prepared, rules: LedgerRules, height: bigint): void {
  const { transaction, payer } = prepared;
  checkBinding(transaction, rules, height);
  if (payer !== null && !equalBytes(addressOf(transaction.publicKey), payer)) {
    throw new CodedError('TX_SIGNER_INVALID', 'The public key is not the one of the paying address.', {
      payer: prepared.sender,
    });
  }
  checkMessageTerms(transaction, rules, height);
}

function checkMessageTerms({ message, validUntilHeight }: Transaction, rules: LedgerRules, height: bigint): void {
  switch (message.type) {
    case 'utility.MessageSend':
      requireNoPool(message.to, rules);
      return;
    case 'utility.MessageDoubleSign':
      checkEvidenceTerms(message, validUntilHeight, rules, height);
      return;
    case 'utility.MessageStake':
      requireNoPool(message.output, rules);
      checkStakeTerms(message, rules);
      if (equalBytes(message.signer, addressOf(message.publicKey)) || equalBytes(message.signer, message.output))
        return;
      throw new CodedError('TX_SIGNER_INVALID', 'Operator or output pays a stake, nobody else.', {
        signer: toHex(message.signer),
      });
    case 'utility.MessageEditStake':
      checkStakeTerms(message, rules);
      return;
    default:
      stakingRules(rules, message.actorType);
  }
}

function checkStakeTerms({ actorType, chains }: MessageStake | MessageEditStake, rules: LedgerRules): void {
  const { maxChains } = stakingRules(rules, actorType);
  if (chains.length <= maxChains) return;
  throw new CodedError('TX_CHAINS_TOO_MANY', `An actor of this type serves at most ${maxChains} relay chains.`, {
    chains: chains.length,
    max_chains: maxChains,
  });
}

/** One piece of evidence has one encoding, and nobody is punished for a height to come: it would cover those before it. */
function checkEvidenceTerms({ first }: Evidence, validUntil: bigint, rules: LedgerRules, height: bigint): void {
  const last = first.height + rules.maxEvidenceAge;
  if (validUntil === last && first.height <= height) return;
  throw new CodedError(
    'EVIDENCE_TERMS',
    `Evidence of height ${first.height} stands in a block from that height on, and is valid until ${last}.`,
    { offence: first.height, height, validUntilHeight: validUntil },
  );
}

function requireNoPool(address: Uint8Array, rules: LedgerRules): void {
  if (!rules.poolAddresses.has(toHex(address))) return;
  throw new CodedError('TX_RECIPIENT_POOL', 'The recipient is a pool; nobody could get the amount back.', {
    to: toHex(address),
  });
}

function checkBinding(transaction: Transaction, rules: LedgerRules, height: bigint): void {
  const { networkId, validUntilHeight } = transaction;
  if (networkId === '') {
    if (rules.allowV1Transactions) return;
    throw new CodedError('TX_UNBOUND', `Name the network (${rules.networkId}) and a last height in the transaction.`);
  }
  if (networkId !== rules.networkId) {
    throw new CodedError('TX_WRONG_NETWORK', `This is network ${rules.networkId}.`, { networkId });
  }
  const last = height + rules.txWindowBlocks;
  if (validUntilHeight < height) {
    throw new CodedError('TX_EXPIRED', `The next height is ${height}, the transaction ends at ${validUntilHeight}.`, {
      height,
      validUntilHeight,
    });
  }
  if (validUntilHeight > last) {
    throw new CodedError('TX_TOO_FAR', `valid_until_height may be at most ${last} now.`, { height, validUntilHeight });
  }
}
