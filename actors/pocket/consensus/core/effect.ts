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
  /** Committed blocks from a peer. */
  | { kind: 'fetchBlocks'; from: Uint8Array; height: bigint; count: number; timeout_ms: number }
  /** What a peer has for others. */
  | { kind: 'fetchMetadata'; from: Uint8Array; timeout_ms: number }
  /** One header with what proves it. */
  | { kind: 'fetchHeader'; from: Uint8Array; height: bigint; timeout_ms: number }
  | { kind: 'fetchManifest'; from: Uint8Array; height: bigint; timeout_ms: number }
  | { kind: 'fetchChunk'; from: Uint8Array; height: bigint; index: number; timeout_ms: number }
  /** Persistence takes a snapshot: what it lacks of it, a chunk, all of it. */
  | { kind: 'restoreBegin'; manifest: Uint8Array }
  | { kind: 'restoreChunk'; index: number; chunk: Uint8Array }
  | { kind: 'restoreEnd' }
  | { kind: 'tip' };
export type AskKind = Ask['kind'];
/** Questions to a peer; of these, all but the search for one block belong to catching up. */
export type Fetch = Extract<Ask, { kind: `fetch${string}` }>;
export type SyncFetch = Exclude<Fetch, { kind: 'fetchBlock' }>;
export type Restore = Extract<Ask, { kind: `restore${string}` }>;

/** Where a node stands between not knowing and taking part: a validator ends in `pacemaker`, another node in `synced`. */
export type SyncPhase = 'unsynced' | 'sync_mode' | 'pacemaker' | 'synced';

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
  | { fact: 'phase'; from: SyncPhase; to: SyncPhase; height: bigint; target: bigint }
  /** Every few seconds while blocks or a snapshot are being fetched. `eta_s` null: not known. */
  | { fact: 'progress'; height: bigint; target: bigint; rate_blocks_per_s: number; eta_s: number | null }
  | { fact: 'fetched'; address: string; blocks: number; outcome: FetchOutcome }
  | { fact: 'snapshot'; stage: SnapshotStage; height: bigint; chunks: number; missing: number }
  /** A peer whose answer was a lie, or none: it is not asked for a while. */
  | { fact: 'badPeer'; address: string; reason: string; rest_ms: number };

/** How a request to a peer ended. */
export type FetchOutcome = 'ok' | 'empty' | 'unreachable' | 'stalled' | 'lie';
export type SnapshotStage = 'headers' | 'manifests' | 'opening' | 'chunks' | 'closing' | 'restored' | 'abandoned';

export type Effect =
  | { kind: 'ask'; id: number; ask: Ask }
  | { kind: 'send'; to: Uint8Array; message: ConsensusMessage }
  | { kind: 'broadcast'; message: ConsensusMessage }
  /** A peer served what is provably false: the network may shut it out. */
  | { kind: 'accuse'; address: Uint8Array; reason: string }
  /** Replaces the timer of that name. */
  | { kind: 'setTimer'; timer: TimerName; token: number; delay_ms: number }
  | { kind: 'cancelTimer'; timer: TimerName }
  /** For the ledger: whoever made it is punished. */
  | { kind: 'evidence'; evidence: Evidence }
  | { kind: 'fact'; fact: Fact }
  /** The chain and this node contradict each other; going on would only hide it. */
  | { kind: 'fatal'; code: string; message: string; data: Record<string, unknown> };
