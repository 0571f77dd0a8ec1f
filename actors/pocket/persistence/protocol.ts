import { defineProtocol, message, question } from '../../../runtime/protocol.ts';
import type { Actor } from '../chain/actor.ts';
import type { StateProof } from '../chain/state-proof.ts';
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
  /**
   * Who decided this block. Of genesis, which nobody decided, those that decide height 1. Without service URLs where the
   * chain began with this block, from a snapshot.
   */
  voters: Validator[];
  /** Who decides the next height: a change that a block makes to the set counts from the block after it. */
  validators: Validator[];
}

/** What is to be proven. */
export interface ProofRequest extends Pick<StateProof, 'tree' | 'key'> {
  /** 0: the tip. */
  height: bigint;
}

/** With the request, a StateProof. */
export interface ProofParts extends Omit<StateProof, 'tree' | 'key' | 'validators'> {
  validators: Validator[];
}

export interface StoredBlock {
  /** Canonical bytes. */
  block: Uint8Array;
  commitQc: Uint8Array;
}

export interface StoredHeader {
  /** Canonical bytes. */
  header: Uint8Array;
  commitQc: Uint8Array;
  /** encodeValidatorSet of those who decide the next height, where the header names others than for its own; else empty. */
  validators: Uint8Array;
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
     * @throws PARENT_UNKNOWN, STATE_HASH_MISMATCH, SNAPSHOT_RESTORING
     */
    stage: question<
      { header: Uint8Array; transactions: Uint8Array[]; changes: ChangeSet; receipts: ReceiptRow[] },
      { header: Uint8Array; blockHash: Uint8Array }
    >('consensus', 10_000, ['header', 'transactions', 'changes', 'receipts'], ['header', 'blockHash']),
    /**
     * Commits a staged block with its QC in one database transaction and drops the other branches. Replies with those
     * that decide the next height.
     * @throws BLOCK_NOT_STAGED (execute it again first), COMMIT_CONFLICT (another block has this height), SNAPSHOT_RESTORING
     */
    commit: question<{ blockHash: Uint8Array; commitQc: Uint8Array }, { height: bigint; validators: Validator[] }>(
      'consensus',
      30_000,
      ['blockHash', 'commitQc'],
      ['height', 'validators'],
    ),
    /** A staged or committed block by hash; null if unknown. */
    block: question<{ blockHash: Uint8Array }, { block: Uint8Array | null }>('sync', 10_000, ['blockHash'], ['block']),
    /**
     * Committed blocks from a height on, at most `count` and about `maxBytes`; empty past the tip, and below the first
     * block that is here (`snapshots` tells it). Genesis has no QC and is not served.
     */
    blocks: question<{ from: bigint; count: number; maxBytes: number }, { blocks: StoredBlock[] }>(
      'sync',
      10_000,
      ['from', 'count', 'maxBytes'],
      ['blocks'],
    ),
    /**
     * A value of a committed state, or its absence, with what it takes to check it elsewhere.
     * @throws PROOF_PRUNED {oldest}, BLOCK_NOT_FOUND
     */
    prove: question<ProofRequest, ProofParts>(
      'sync',
      10_000,
      ['height', 'tree', 'key'],
      ['header', 'commitQc', 'validators', 'value', 'proof'],
    ),
    /**
     * Committed headers from a height on, at most `count` and about 4 MB, for the light client: empty past the tip, and
     * below the height that this chain begins with.
     */
    headers: question<{ from: bigint; count: number }, { headers: StoredHeader[] }>(
      'sync',
      10_000,
      ['from', 'count'],
      ['headers'],
    ),
    /** Heights of the snapshots that are here, ascending, and of the first block that `blocks` serves. */
    snapshots: question<object, { heights: bigint[]; earliest: bigint }>('sync', 10_000, [], ['heights', 'earliest']),
    /** Canonical manifest (chain/snapshot.ts) of the snapshot of a height; null where there is none. */
    manifest: question<{ height: bigint }, { manifest: Uint8Array | null }>('sync', 10_000, ['height'], ['manifest']),
    /** A chunk of it, by its index in the manifest. */
    chunk: question<{ height: bigint; index: number }, { chunk: Uint8Array | null }>(
      'sync',
      10_000,
      ['height', 'index'],
      ['chunk'],
    ),
    /**
     * Begins to take over a snapshot, or goes on with it after a restart, and says which chunks are missing. The asker has
     * verified header and QC of the manifest; what the chunks hold is judged by the state hash of that header.
     * @throws SNAPSHOT_NOT_NEEDED, SNAPSHOT_WRONG_NETWORK, and SNAPSHOT_*, HEADER_*, QC_*, VALIDATORS_* for a malformed one
     */
    restoreBegin: question<{ manifest: Uint8Array }, { missing: number[] }>('sync', 60_000, ['manifest'], ['missing']),
    /** Keeps one chunk, durably. @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_CHUNK_MISMATCH (ask another peer) */
    restoreChunk: question<{ index: number; chunk: Uint8Array }, object>('sync', 60_000, ['index', 'chunk'], []),
    /**
     * Puts the snapshot in the place of the chain, in one database transaction, and emits `committed` of its height. Until
     * it is done, `stage` and `commit` fail with SNAPSHOT_RESTORING. An asker whose ask failed asks for the tip: if it is
     * still the old one, it begins again.
     * @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_INCOMPLETE (begin again: it says what is missing), SNAPSHOT_INVALID and
     * STATE_HASH_MISMATCH (the snapshot is a lie, and was dropped), SNAPSHOT_NOT_NEEDED, SNAPSHOT_RESTORING
     */
    restoreEnd: question<object, Tip>(
      'sync',
      // A million accounts take a minute; nobody waits for it but who asked.
      3_600_000,
      [],
      ['height', 'blockHash', 'stateHash', 'timestamp_ms', 'commitQc', 'voters', 'validators'],
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
     * A block is durable; of the heights between it and the last event nothing is told (a snapshot was restored, or events
     * were lost). Replay keys are those of its transactions, in order; accounts its changes; validators those
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
    ['header', 'commitQc', 'validators'],
  ],
});
export type PersistenceProtocol = typeof persistenceProtocol;
