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
  /** True while blocks are being fetched from peers. */
  syncing: boolean;
  /** True while more than two thirds of the validators, this one included, are connected: without, nothing is decided. */
  quorum: boolean;
}

/** HotPOKT. A lost message costs at most a repeat of the round: the pacemaker re-sends what it last said. */
export const consensusProtocol = defineProtocol('consensus', {
  ask: {
    state: question<object, ConsensusState>(
      'control',
      5_000,
      [],
      ['height', 'round', 'step', 'leader', 'isLeader', 'manual', 'syncing', 'quorum'],
    ),
    /** Manual mode: starts the next view. In automatic mode an error NOT_MANUAL. */
    trigger: question<object, { height: bigint; round: number }>('control', 5_000, [], ['height', 'round']),
    setManual: question<{ manual: boolean }, { manual: boolean }>('control', 5_000, ['manual'], ['manual']),
  },
  emit: {
    /** A view was entered. */
    view: message<{ height: bigint; round: number; leader: string }>('control', ['height', 'round', 'leader']),
  },
});
export type ConsensusProtocol = typeof consensusProtocol;
