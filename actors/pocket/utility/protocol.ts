import { defineProtocol, message, question } from '../../../runtime/protocol.ts';

export interface SubmitResult {
  /** 0 accepted, 35 already in the mempool, 95 already committed; else the reason of the refusal (spec 5.1). */
  code: number;
  /** Hex SHA3-256 of the transaction's bytes. */
  hash: string;
  /** Empty at 0. */
  message: string;
}

export interface PendingTransaction {
  hash: string;
  bytes: Uint8Array;
}

/**
 * The ledger and the mempool. A submitted transaction answered with code 0 is durable: it survives the death
 * of this actor and of the node. A caller whose ask failed submits the same bytes again.
 */
export const utilityProtocol = defineProtocol('utility', {
  ask: {
    /** Admits transactions (canonical bytes), in order; answers once the accepted ones are durable. */
    submit: question<{ transactions: Uint8Array[] }, { results: SubmitResult[] }>(
      'bulk',
      10_000,
      ['transactions'],
      ['results'],
    ),
    /**
     * Builds, executes and stages a block on `parent` (hash of a committed or staged block; 32 bytes).
     * `quorumCertificate` is the parent's canonical commit QC, empty at height 1.
     * Replies with the complete block (canonical bytes); its transactions stay in the mempool.
     * @throws PROPOSAL_INVALID (the question is not one), PARENT_UNKNOWN
     */
    propose: question<
      {
        parent: Uint8Array;
        height: bigint;
        timestamp_ms: bigint;
        proposer: Uint8Array;
        quorumCertificate: Uint8Array;
      },
      { block: Uint8Array; blockHash: Uint8Array }
    >(
      'consensus',
      10_000,
      ['parent', 'height', 'timestamp_ms', 'proposer', 'quorumCertificate'],
      ['block', 'blockHash'],
    ),
    /**
     * Executes and stages a block that someone else built.
     * @throws BLOCK_INVALID (with the reason), PARENT_UNKNOWN
     */
    execute: question<{ block: Uint8Array }, { blockHash: Uint8Array }>('consensus', 10_000, ['block'], ['blockHash']),
    /** A page of the mempool, oldest first; page counts from 1. */
    pending: question<{ page: number; perPage: number }, { transactions: PendingTransaction[]; total: number }>(
      'bulk',
      5_000,
      ['page', 'perPage'],
      ['transactions', 'total'],
    ),
  },
  emit: {
    /** The mempool went from empty to not empty or back, or consensus came up and needs to know. */
    mempool: message<{ transactions: number; bytes: number }>('consensus', ['transactions', 'bytes']),
  },
  records: [
    ['code', 'hash', 'message'],
    ['hash', 'bytes'],
  ],
});
export type UtilityProtocol = typeof utilityProtocol;
