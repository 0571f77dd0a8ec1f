import { defineProtocol, message, question } from '../../../runtime/protocol.ts';

export interface ConsensusState {
  /** Height being decided: last committed + 1. */
  height: bigint;
  round: number;
  step: number;
  /** Hex address of the leader of this round. */
  leader: string;
  isLeader: boolean;
  manual: boolean;
  /** True while the node does not take part in what the network does now, because it lacks blocks. */
  syncing: boolean;
  /** True while more than two thirds of the validators, this one included, are connected: without, nothing is decided. */
  quorum: boolean;
  sync: SyncStatus;
}

/** How far a node is with the blocks that others have decided. */
export interface SyncStatus {
  /**
   * `unsynced`: it is not known what it lacks, or nobody gives it; `sync_mode`: blocks or a snapshot are being fetched;
   * then `pacemaker` of a validator, which takes part, and `synced` of any other node, which follows.
   */
  state: 'unsynced' | 'sync_mode' | 'pacemaker' | 'synced';
  /** Highest height that is known to be decided. */
  target: bigint;
  rate_blocks_per_s: number;
  /** Seconds until the target at this rate; 0 when it is reached, null where nothing moves. */
  eta_s: number | null;
  /** Peers that blocks can be asked of. */
  peers: number;
  /** Height of the snapshot that is being taken; null: none. */
  snapshot: bigint | null;
}

/** HotPOKT. A lost message costs at most a repeat of the round: the pacemaker re-sends what it last said. */
export const consensusProtocol = defineProtocol('consensus', {
  ask: {
    state: question<object, ConsensusState>(
      'control',
      5_000,
      [],
      ['height', 'round', 'step', 'leader', 'isLeader', 'manual', 'syncing', 'quorum', 'sync'],
    ),
    /** Manual mode: starts the next view. In automatic mode an error NOT_MANUAL. */
    trigger: question<object, { height: bigint; round: number }>('control', 5_000, [], ['height', 'round']),
    setManual: question<{ manual: boolean }, { manual: boolean }>('control', 5_000, ['manual'], ['manual']),
  },
  emit: {
    /** A view was entered. */
    view: message<{ height: bigint; round: number; leader: string }>('control', ['height', 'round', 'leader']),
  },
  records: [['state', 'target', 'rate_blocks_per_s', 'eta_s', 'peers', 'snapshot']],
});
export type ConsensusProtocol = typeof consensusProtocol;
