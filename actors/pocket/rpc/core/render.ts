import { ACTOR_TYPE_NAMES } from '../../chain/actor.ts';
import { blockHash, type Header } from '../../chain/block.ts';
import { decodeQc, MESSAGE_VOTE } from '../../chain/consensus.ts';
import type { Evidence, Statement } from '../../chain/evidence.ts';
import { toHex } from '../../chain/hex.ts';
import { feeParam, type Message, type MessageEditStake, type MessageStake } from '../../chain/messages.ts';
import { decodeTransaction } from '../../chain/transaction.ts';
import type { BlockAnswer, MessageAnswer, QuorumCertAnswer, TransactionAnswer, TxAnswer } from './answers.ts';

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

/** uPOKT that messages cost, by the name of the parameter. */
export type Fees = ReadonlyMap<string, bigint>;

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
    step: stepName(qc.step),
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

/** A message with the names that V1 gives its fields; those of messages that V1 had not are ours. */
function renderMessage(message: Message): MessageAnswer {
  switch (message.type) {
    case 'utility.MessageSend':
      return { from_addr: toHex(message.from), to_addr: toHex(message.to), ...upokt(message.amount) };
    case 'utility.MessageStake':
      return { public_key: toHex(message.publicKey), output_address: toHex(message.output), ...renderStake(message) };
    case 'utility.MessageEditStake':
      return { address: toHex(message.address), ...renderStake(message) };
    case 'utility.MessageDoubleSign':
      return renderEvidence(message);
    default:
      return {
        actor_type: ACTOR_TYPE_NAMES[message.actorType] ?? '',
        address: toHex(message.address),
        signer: toHex(message.signer),
      };
  }
}

function renderStake({ actorType, chains, serviceUrl, signer, amount }: MessageStake | MessageEditStake) {
  const actor_type = ACTOR_TYPE_NAMES[actorType] ?? '';
  return { actor_type, chains, service_url: serviceUrl, signer: toHex(signer), ...upokt(amount) };
}

function renderEvidence({ address, first, second }: Evidence) {
  const { type, height, round, step } = first;
  const shown = ({ blockHash, justifyHash, signature }: Statement) => ({
    block: toHex(blockHash),
    justify_hash: toHex(justifyHash),
    signature: toHex(signature),
  });
  return {
    address: toHex(address),
    type: type === MESSAGE_VOTE ? 'VOTE' : 'PROPOSE',
    height,
    round,
    step: stepName(step),
    first: shown(first),
    second: shown(second),
  };
}

function stepName(step: number): string {
  return `HOTSTUFF_STEP_${STEPS[step] ?? STEPS[0]}`;
}

/**
 * A transaction's contents.
 * @param fees uPOKT by the name of the parameter, at its height
 */
export function renderTransaction(
  bytes: Uint8Array,
  place: { hash: string; height: bigint; index: number },
  fees: Fees,
): TransactionAnswer {
  const transaction = decodeTransaction(bytes);
  const { message } = transaction;
  const fee = fees.get(feeParam(message) ?? '') ?? 0n;
  return {
    hash: place.hash,
    height: place.height,
    index: place.index,
    txMsg: {
      fee: upokt(fee),
      message: renderMessage(message),
      nonce: transaction.nonce,
      signature: { public_key: toHex(transaction.publicKey), signature: toHex(transaction.signature) },
      network_id: transaction.networkId,
      valid_until_height: transaction.validUntilHeight,
    },
  };
}

export function renderIndexed(row: IndexedTransaction, fees: Fees): TxAnswer {
  return {
    height: row.height,
    index: row.index,
    result_code: row.code,
    signer_addr: toHex(row.signer),
    recipient_addr: toHex(row.recipient),
    message_type: row.messageType,
    error: row.error,
    tx: renderTransaction(row.bytes, { hash: toHex(row.hash), height: row.height, index: row.index }, fees),
  };
}
