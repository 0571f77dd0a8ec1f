import type { ConsensusMessage } from '../../chain/consensus.ts';
import type { SyncedBlock, SyncedHeader, SyncMetadata } from '../../chain/sync.ts';
import type { Tip } from '../../persistence/protocol.ts';

/**
 * view: the round fails. propose: the block interval is over. tick: nothing was sent for a while, so send it
 * again and repeat what failed.
 */
export type TimerName = 'view' | 'propose' | 'tick';

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
  /** The peers that are connected and have proven an address, validators or not. */
  | { kind: 'peers'; addresses: readonly Uint8Array[] }
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
  | { kind: 'metadata'; id: number; metadata: SyncMetadata }
  | { kind: 'headers'; id: number; headers: SyncedHeader[] }
  | { kind: 'manifest'; id: number; manifest: Uint8Array | null }
  | { kind: 'chunk'; id: number; chunk: Uint8Array | null }
  /** The chunks of a snapshot that persistence has not got. */
  | { kind: 'missing'; id: number; missing: number[] }
  | { kind: 'stored'; id: number }
  /** What persistence says the tip is: asked for it, or after a snapshot. */
  | { kind: 'tip'; id: number; tip: Tip }
  | { kind: 'failed'; id: number; code: string; message: string };
