import { defineProtocol, message, question } from '../../../runtime/protocol.ts';
import type { Actor } from '../chain/actor.ts';
import type { Validator } from '../chain/validators.ts';

export interface AccountRow {
  /** 20 bytes. */
  address: Uint8Array;
  /** uPOKT. */
  amount: bigint;
}

/** The result of one transaction, as it is indexed. */
export interface ReceiptRow {
  /** SHA3-256 of the transaction's bytes, 32 bytes. */
  hash: Uint8Array;
  /** SHA3-256 of its signed bytes, 32 bytes: what a replay is recognised by. */
  replayKey: Uint8Array;
  /** Last height at which it may be committed: the replay window forgets it after that. */
  validUntilHeight: bigint;
  /** 0, or the code of the failed handler (the fee was kept). */
  code: number;
  /** Empty at 0. */
  error: string;
  signer: Uint8Array;
  /** Empty where the message has no recipient. */
  recipient: Uint8Array;
  /** Full protobuf name, e.g. `utility.MessageSend`. */
  messageType: string;
}

/** What a block changes. Only rows that differ from the parent's state. */
export interface ChangeSet {
  accounts: AccountRow[];
  /** By 20-byte pool address. */
  pools: AccountRow[];
  /** Staked, or changed. */
  actors: Actor[];
  /** Paid out, and gone. */
  removedActors: ActorKey[];
}

export interface ActorKey {
  /** ACTOR_APP … ACTOR_VALIDATOR. */
  type: number;
  /** 20 bytes. */
  address: Uint8Array;
}

export interface Tip {
  height: bigint;
  blockHash: Uint8Array;
  stateHash: Uint8Array;
  timestamp_ms: bigint;
  /** Canonical bytes of the commit QC; null for genesis. */
  commitQc: Uint8Array | null;
  /** Who decided this block. Of genesis, which nobody decided, those that decide height 1. */
  voters: Validator[];
  /** Who decides the next height: a change that a block makes to the set counts from the block after it. */
  validators: Validator[];
}

export interface StoredBlock {
  /** Canonical bytes. */
  block: Uint8Array;
  commitQc: Uint8Array;
}

/**
 * The truth. Reads and stages may be repeated freely; `commit` of a height that is already committed with the
 * same block answers as the first time. Nothing told is lost silently: everything that matters is an ask.
 */
export const persistenceProtocol = defineProtocol('persistence', {
  ask: {
    tip: question<object, Tip>(
      'control',
      10_000,
      [],
      ['height', 'blockHash', 'stateHash', 'timestamp_ms', 'commitQc', 'voters', 'validators'],
    ),
    /**
     * State at a committed or staged block: balances (absent ones are left out), pools, and which of the
     * replay keys are in the window. `at` null means the tip. `stateHash` is that block's own.
     * @throws PARENT_UNKNOWN
     */
    read: question<
      { at: Uint8Array | null; accounts: Uint8Array[]; pools: Uint8Array[]; replayKeys: Uint8Array[] },
      {
        height: bigint;
        timestamp_ms: bigint;
        stateHash: Uint8Array;
        accounts: AccountRow[];
        pools: AccountRow[];
        replayed: Uint8Array[];
      }
    >(
      'consensus',
      10_000,
      ['at', 'accounts', 'pools', 'replayKeys'],
      ['height', 'timestamp_ms', 'stateHash', 'accounts', 'pools', 'replayed'],
    ),
    /**
     * The validators of the state of a committed or staged block, whatever their status, by ascending address, and the
     * addresses of those that decide that block itself. `at` null means the tip.
     * @throws PARENT_UNKNOWN
     */
    validators: question<{ at: Uint8Array | null }, { actors: Actor[]; voters: Uint8Array[] }>(
      'consensus',
      10_000,
      ['at'],
      ['actors', 'voters'],
    ),
    /**
     * Stages an executed block on its parent, durably. `header` is canonical; where its state hash is empty
     * (we propose), the hashes of the state are filled in, else they must come out equal.
     * @throws PARENT_UNKNOWN, STATE_HASH_MISMATCH
     */
    stage: question<
      { header: Uint8Array; transactions: Uint8Array[]; changes: ChangeSet; receipts: ReceiptRow[] },
      { header: Uint8Array; blockHash: Uint8Array }
    >('consensus', 10_000, ['header', 'transactions', 'changes', 'receipts'], ['header', 'blockHash']),
    /**
     * Commits a staged block with its QC in one database transaction and drops the other branches. Replies with those
     * that decide the next height.
     * @throws BLOCK_NOT_STAGED (execute it again first), COMMIT_CONFLICT (another block has this height)
     */
    commit: question<{ blockHash: Uint8Array; commitQc: Uint8Array }, { height: bigint; validators: Validator[] }>(
      'consensus',
      30_000,
      ['blockHash', 'commitQc'],
      ['height', 'validators'],
    ),
    /** A staged or committed block by hash; null if unknown. */
    block: question<{ blockHash: Uint8Array }, { block: Uint8Array | null }>('sync', 10_000, ['blockHash'], ['block']),
    /** Committed blocks from a height on, at most `count` and about `maxBytes`; empty past the tip. Genesis has no QC and is not served. */
    blocks: question<{ from: bigint; count: number; maxBytes: number }, { blocks: StoredBlock[] }>(
      'sync',
      10_000,
      ['from', 'count', 'maxBytes'],
      ['blocks'],
    ),
    /** Makes accepted transactions durable before their sender is answered. */
    journal: question<{ transactions: Uint8Array[] }, object>('bulk', 10_000, ['transactions'], []),
    /** The journaled transactions that are neither committed nor forgotten, oldest first, with their number. */
    journaled: question<{ after: bigint; limit: number }, { transactions: Uint8Array[]; last: bigint }>(
      'bulk',
      10_000,
      ['after', 'limit'],
      ['transactions', 'last'],
    ),
    /** Forgets journaled transactions (by SHA3-256 of their bytes) that can never be committed. */
    forget: question<{ hashes: Uint8Array[] }, object>('bulk', 10_000, ['hashes'], []),
  },
  emit: {
    /**
     * A block is durable. Replay keys are those of its transactions, in order; accounts its changes; validators those
     * that decide the next height, or null where they are the same as before.
     */
    committed: message<{
      height: bigint;
      blockHash: Uint8Array;
      stateHash: Uint8Array;
      timestamp_ms: bigint;
      hashes: Uint8Array[];
      replayKeys: Uint8Array[];
      accounts: AccountRow[];
      validators: Validator[] | null;
    }>('consensus', [
      'height',
      'blockHash',
      'stateHash',
      'timestamp_ms',
      'hashes',
      'replayKeys',
      'accounts',
      'validators',
    ]),
  },
  records: [
    ['address', 'amount'],
    ['hash', 'replayKey', 'validUntilHeight', 'code', 'error', 'signer', 'recipient', 'messageType'],
    ['accounts', 'pools', 'actors', 'removedActors'],
    ['type', 'address'],
    [
      'type',
      'address',
      'publicKey',
      'chains',
      'serviceUrl',
      'stakedAmount',
      'pausedHeight',
      'unstakingHeight',
      'output',
      'missedBlocks',
      'punishedHeight',
    ],
    ['address', 'publicKey', 'serviceUrl', 'power'],
    ['block', 'commitQc'],
  ],
});
export type PersistenceProtocol = typeof persistenceProtocol;
