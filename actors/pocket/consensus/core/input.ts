import type { ConsensusMessage } from '../../chain/consensus.ts';
import type { Tip } from '../../persistence/protocol.ts';

/**
 * view: the round fails. propose: the block interval is over. tick: nothing was sent for a while, so send it
 * again and repeat what failed.
 */
export type TimerName = 'view' | 'propose' | 'tick';

/** A block with the certificate that decided it, as peers serve it. */
export interface SyncedBlock {
  block: Uint8Array;
  commitQc: Uint8Array;
}

/** What happened. Answers carry the id of the ask; those that nobody waits for any more change nothing. */
export type Input =
  /** Of a validator, its form and its signature checked; the QC and the block inside are not. */
  | { kind: 'message'; message: ConsensusMessage }
  | { kind: 'timer'; timer: TimerName; token: number }
  | { kind: 'mempool'; transactions: number }
  /** A peer actor is back: what was told to it may be lost. */
  | { kind: 'rebound' }
  /** A new life of this actor goes on in this state: what was under way died with the former one. */
  | { kind: 'recovered' }
  | { kind: 'trigger' }
  | { kind: 'setManual'; manual: boolean }
  | { kind: 'signed'; id: number; signature: Uint8Array }
  /** Our VRF proof for the view. */
  | { kind: 'proved'; id: number; proof: Uint8Array }
  | { kind: 'proposed'; id: number; block: Uint8Array }
  | { kind: 'executed'; id: number }
  | { kind: 'committed'; id: number; validators: Tip['validators'] }
  /** From the database or from another validator; null: not known there. */
  | { kind: 'block'; id: number; block: Uint8Array | null }
  | { kind: 'blocks'; id: number; blocks: SyncedBlock[] }
  | { kind: 'tip'; id: number; tip: Tip }
  | { kind: 'failed'; id: number; code: string; message: string };
