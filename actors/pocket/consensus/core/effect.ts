import type { SignRequest } from '../../../host/signer/protocol.ts';
import type { ConsensusMessage } from '../../chain/consensus.ts';
import type { Evidence } from '../../chain/evidence.ts';
import type { TimerName } from './input.ts';

/**
 * A question whose answer comes back as an input with the same id. The shell repeats it while the peer is
 * restarting or full and the core still wants the answer; any other error comes back as `failed`.
 */
export type Ask =
  | { kind: 'sign'; request: SignRequest }
  /** The VRF proof with which this validator stands for the lead of a view. */
  | { kind: 'prove'; height: bigint; round: number; parentHash: Uint8Array }
  | {
      kind: 'propose';
      parent: Uint8Array;
      height: bigint;
      timestamp_ms: bigint;
      proposer: Uint8Array;
      quorumCertificate: Uint8Array;
    }
  | { kind: 'execute'; block: Uint8Array; blockHash: Uint8Array }
  | { kind: 'commit'; blockHash: Uint8Array; commitQc: Uint8Array }
  /** A block that persistence may have, staged or committed. */
  | { kind: 'load'; blockHash: Uint8Array }
  /** A block that another validator may have. */
  | { kind: 'fetchBlock'; from: Uint8Array; blockHash: Uint8Array }
  /** Committed blocks from another validator. */
  | { kind: 'fetchBlocks'; from: Uint8Array; height: bigint; count: number }
  | { kind: 'tip' };
export type AskKind = Ask['kind'];

/** Why a view was entered. recovery: by a new life of this actor, which goes on in it. */
export type ViewCause = 'height' | 'timeout' | 'invalid' | 'jump' | 'trigger' | 'recovery';

/** What the operator may want to know: the shell turns it into logs and metrics. Nothing depends on it. */
export type Fact =
  | { fact: 'view'; height: bigint; round: number; leader: string; cause: ViewCause }
  | { fact: 'elected'; height: bigint; round: number; leader: string }
  | { fact: 'step'; step: number }
  | { fact: 'timeout'; height: bigint; round: number; timeout_ms: number }
  | { fact: 'committed'; height: bigint; round: number; blockHash: string; synced: boolean }
  | { fact: 'drop'; reason: string }
  | { fact: 'rejected'; reason: string; leader: string; height: bigint; round: number }
  /** Somebody else signs with our key. */
  | { fact: 'ownKey'; height: bigint; round: number; step: number }
  | { fact: 'equivocation'; address: string; height: bigint; round: number; step: number }
  | { fact: 'refused'; code: string; step: number; height: bigint; round: number }
  | { fact: 'failed'; ask: AskKind; code: string; message: string }
  /** The signer's record knows less than this validator has said. */
  | { fact: 'recordBehind'; height: bigint; round: number; step: number }
  | { fact: 'undecidable'; blockHash: string; code: string; message: string }
  | { fact: 'behind'; height: bigint; target: bigint }
  | { fact: 'caughtUp'; height: bigint }
  | { fact: 'badPeer'; address: string; reason: string };

export type Effect =
  | { kind: 'ask'; id: number; ask: Ask }
  | { kind: 'send'; to: Uint8Array; message: ConsensusMessage }
  | { kind: 'broadcast'; message: ConsensusMessage }
  /** Replaces the timer of that name. */
  | { kind: 'setTimer'; timer: TimerName; token: number; delay_ms: number }
  | { kind: 'cancelTimer'; timer: TimerName }
  /** For the ledger: whoever made it is punished. */
  | { kind: 'evidence'; evidence: Evidence }
  | { kind: 'fact'; fact: Fact }
  /** The chain and this node contradict each other; going on would only hide it. */
  | { kind: 'fatal'; code: string; message: string; data: Record<string, unknown> };
