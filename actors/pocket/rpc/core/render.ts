import { blockHash, type Header } from '../../chain/block.ts';
import { decodeQc } from '../../chain/consensus.ts';
import { toHex } from '../../chain/hex.ts';
import { decodeTransaction } from '../../chain/transaction.ts';
import type { BlockAnswer, QuorumCertAnswer, TransactionAnswer, TxAnswer } from './answers.ts';

/** Names of the steps as V1 prints them, by number. */
const STEPS = ['UNKNOWN', 'NEWROUND', 'PREPARE', 'PRECOMMIT', 'COMMIT', 'DECIDE'] as const;

/** An indexed transaction as the database gives it. */
export interface IndexedTransaction {
  readonly height: bigint;
  readonly index: number;
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
  readonly code: number;
  readonly error: string;
  readonly signer: Uint8Array;
  readonly recipient: Uint8Array;
  readonly messageType: string;
}

export function upokt(amount: bigint): { amount: string; denom: 'upokt' } {
  return { amount: amount.toString(), denom: 'upokt' };
}

/** A quorum certificate, decoded; null where there is none. */
function renderQc(bytes: Uint8Array | null): QuorumCertAnswer | null {
  if (bytes === null || bytes.length === 0) return null;
  const qc = decodeQc(bytes);
  return {
    height: qc.height,
    round: qc.round,
    step: `HOTSTUFF_STEP_${STEPS[qc.step] ?? STEPS[0]}`,
    block: toHex(qc.blockHash),
    threshold_sig: {
      signatures: qc.signatures.map((one) => ({ signature: toHex(one.signature), address: toHex(one.address) })),
    },
    transactions: [],
  };
}

export function renderBlock(header: Header, transactions: Uint8Array[], commitQc: Uint8Array | null): BlockAnswer {
  return {
    block: {
      block_header: {
        height: header.height,
        network_id: header.networkId,
        state_hash: toHex(header.stateHash),
        prev_state_hash: toHex(header.prevStateHash),
        proposer_addr: toHex(header.proposerAddress),
        quorum_cert: renderQc(header.quorumCertificate),
        timestamp: new Date(Number(header.timestamp_ms)).toISOString(),
        state_tree_hashes: Object.fromEntries(header.stateTreeHashes.map((tree) => [tree.name, toHex(tree.root)])),
        val_set_hash: toHex(header.valSetHash),
        next_val_set_hash: toHex(header.nextValSetHash),
        version: header.version,
        parent_hash: toHex(header.parentHash),
        body_root: toHex(header.bodyRoot),
        block_hash: toHex(blockHash(header)),
      },
      transactions: transactions.map(toHex),
    },
    commit_cert: renderQc(commitQc),
  };
}

/** A transaction's contents. `fee` is what its message cost at its height. */
export function renderTransaction(
  bytes: Uint8Array,
  place: { hash: string; height: bigint; index: number },
  fee: bigint,
): TransactionAnswer {
  const transaction = decodeTransaction(bytes);
  const { message } = transaction;
  return {
    hash: place.hash,
    height: place.height,
    index: place.index,
    txMsg: {
      fee: upokt(fee),
      message: { from_addr: toHex(message.from), to_addr: toHex(message.to), ...upokt(message.amount) },
      nonce: transaction.nonce,
      signature: { public_key: toHex(transaction.publicKey), signature: toHex(transaction.signature) },
      network_id: transaction.networkId,
      valid_until_height: transaction.validUntilHeight,
    },
  };
}

export function renderIndexed(row: IndexedTransaction, fee: bigint): TxAnswer {
  return {
    height: row.height,
    index: row.index,
    result_code: row.code,
    signer_addr: toHex(row.signer),
    recipient_addr: toHex(row.recipient),
    message_type: row.messageType,
    error: row.error,
    tx: renderTransaction(row.bytes, { hash: toHex(row.hash), height: row.height, index: row.index }, fee),
  };
}
