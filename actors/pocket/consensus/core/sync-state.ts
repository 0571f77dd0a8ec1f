import type { Header } from '../../chain/block.ts';
import type { TrustedHeader } from '../../chain/light-client.ts';
import type { SnapshotManifest } from '../../chain/snapshot.ts';
import type { ValidatorSet } from '../../chain/validators.ts';
import type { SnapshotStage, SyncFetch, SyncPhase } from './effect.ts';
import type { Certified } from './rules.ts';

/** A peer that blocks may come from: what it claims to have, and how it has kept its word. */
export interface SyncPeer {
  readonly address: Uint8Array;
  readonly hex: string;
  /** It has said what it has. */
  known: boolean;
  /** Heights of the blocks that it claims to serve. */
  min: bigint;
  max: bigint;
  /** Heights of the snapshots that it claims to have. */
  snapshots: readonly bigint[];
  /** When it was asked for its metadata, ms of the clock. */
  asked_ms: number;
  /** Requests in flight, metadata not counted. */
  inFlight: number;
  /** Bytes per ms, smoothed; null while nothing was measured. */
  rate: number | null;
  /** One after the other, without a success between them. */
  failures: number;
  lies: number;
  /** Until then it is not asked, ms of the clock. */
  restUntil_ms: number;
  /** It has served a block whose certificate is good. */
  delivered: boolean;
}

/** A request that a peer has not answered yet. */
export interface Flight {
  readonly peer: SyncPeer;
  readonly ask: SyncFetch;
  readonly sent_ms: number;
}

/** A block that waits for its turn. */
export interface Arrival {
  readonly block: Uint8Array;
  readonly commitQc: Uint8Array;
  readonly header: Header;
  readonly hash: Uint8Array;
  readonly peer: SyncPeer;
  /** Its certificate, if it could be verified before its turn; by validators of `header.valSetHash`. */
  readonly certified: Certified | null;
  /** Executed ahead, on its staged parent. */
  executed: boolean;
}

/** The way from our tip to a header, by certificates. */
export interface Anchor {
  trusted: TrustedHeader;
  /** Those that the trusted header names for the next height. */
  validators: ValidatorSet;
  /** A height above the trusted one that other validators decided, as this peer says. */
  changed: { readonly height: bigint; readonly peer: SyncPeer } | null;
}

/** One snapshot, as one manifest or several contradictory ones describe it, and the peers that have each. */
export interface Offer {
  readonly bytes: Uint8Array;
  readonly manifest: SnapshotManifest;
  readonly peers: SyncPeer[];
}

export interface SnapshotSync {
  readonly height: bigint;
  stage: SnapshotStage;
  readonly anchor: Anchor;
  /** Peers that were asked for their manifest. */
  readonly asked: Set<SyncPeer>;
  /** By the hash of the manifest. */
  readonly offers: Map<string, Offer>;
  chosen: Offer | null;
  /** Chunks to be fetched. */
  readonly missing: number[];
  /** Chunks that persistence is writing. */
  storing: number;
}

/** How quickly blocks are committed while catching up. */
interface Progress {
  since_ms: number;
  blocks: number;
  /** Blocks per second, smoothed. */
  rate: number;
  reported_ms: number;
}

export interface Sync {
  phase: SyncPhase;
  readonly peers: Map<string, SyncPeer>;
  /** The set that `peers` was made of. */
  set: ValidatorSet | null;
  /** Connected peers with a proven address. */
  connected: readonly Uint8Array[];
  /** By the id of the ask. */
  readonly flights: Map<number, Flight>;
  /** Blocks from the height being decided on. */
  readonly window: Map<bigint, Arrival>;
  windowBytes: number;
  /** Size of a block, smoothed; null while none came. */
  blockBytes: number | null;
  /** Peers are not polled before, ms of the clock. */
  pollAt_ms: number;
  /** Somebody has said where the network stands. */
  heard: boolean;
  /** The height that was entered last, and when. */
  height: bigint;
  entered_ms: number;
  /** Hash of the validators of this height, once it is needed. */
  setHash: { readonly set: ValidatorSet; readonly hash: Uint8Array } | null;
  /** Nothing is fetched before: what came last contradicts our own chain. */
  holdUntil_ms: number;
  /** When the last block came, ms of the clock. */
  arrived_ms: number;
  snapshot: SnapshotSync | null;
  /** After one that came to nothing, none is begun before. */
  noSnapshotUntil_ms: number;
  readonly progress: Progress;
}

export function newSync(height: bigint, now_ms: number): Sync {
  return {
    phase: 'unsynced',
    peers: new Map(),
    set: null,
    connected: [],
    flights: new Map(),
    window: new Map(),
    windowBytes: 0,
    blockBytes: null,
    pollAt_ms: 0,
    heard: false,
    height,
    entered_ms: now_ms,
    setHash: null,
    holdUntil_ms: 0,
    arrived_ms: 0,
    snapshot: null,
    noSnapshotUntil_ms: 0,
    progress: { since_ms: now_ms, blocks: 0, rate: 0, reported_ms: now_ms },
  };
}
