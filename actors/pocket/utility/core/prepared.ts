import { CodedError } from '../../../../runtime/errors.ts';
import { sha3_256 } from '../../../../wasm/hash.ts';
import { addressOf } from '../../chain/address.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { decodeTransaction, signedBytes, type Transaction, transactionHash } from '../../chain/transaction.ts';
import type { LedgerRules } from './rules.ts';

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
  /** Hex address of the account that pays. */
  readonly sender: string;
  readonly recipient: string;
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
    sender: toHex(transaction.message.from),
    recipient: toHex(transaction.message.to),
  };
}

/**
 * Checks all that depends neither on the state nor on the signature.
 * @param height of the block that the transaction would be in
 * @throws CodedError TX_*
 */
export function checkTerms(prepared: Prepared, rules: LedgerRules, height: bigint): void {
  const { transaction } = prepared;
  checkBinding(transaction, rules, height);
  if (!equalBytes(addressOf(transaction.publicKey), transaction.message.from)) {
    throw new CodedError('TX_SIGNER_INVALID', 'The public key is not the one of the from address.', {
      from: prepared.sender,
    });
  }
  if (rules.poolAddresses.has(prepared.recipient)) {
    throw new CodedError('TX_RECIPIENT_POOL', 'The recipient is a pool; nobody could get the amount back.', {
      to: prepared.recipient,
    });
  }
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
