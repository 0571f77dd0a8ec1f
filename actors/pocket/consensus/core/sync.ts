import type { SyncStatus } from '../protocol.ts';
import { endCatchup, takeFetched } from './catchup.ts';
import type { FetchOutcome, Restore, SyncFetch, SyncPhase } from './effect.ts';
import type { Input } from './input.ts';
import { asking, report, type State } from './state.ts';
import { failPeer, heardOf, landed, measure, pollPeers, refreshPeers } from './sync-peers.ts';
import {
  chunkCame,
  chunkStored,
  headerCame,
  manifestCame,
  restoreBegun,
  restored,
  restoreFailed,
  snapshotRequestFailed,
  syncSnapshot,
} from './sync-snapshot.ts';
import type { Flight } from './sync-state.ts';
import { arrived, fetchBlocks } from './sync-window.ts';

/** How often progress is told. */
const REPORT_ms = 10_000;
/** Over how long the rate is measured, at least. */
const SAMPLE_ms = 1_000;
const SMOOTHING = 0.3;
/** A node that only follows is not behind for the blocks of the last moment. */
const FOLLOWER_LAG = 3n;
/** Blocks are on their way if one came so recently. */
const MOVING_ms = 5_000;
/** What other errors of a request mean is of no interest: the peer did not help. */
const OUTCOMES: Readonly<Record<string, Exclude<FetchOutcome, 'ok' | 'lie'>>> = {
  PEER_UNREACHABLE: 'unreachable',
  DEADLINE_EXCEEDED: 'stalled',
};

/** Takes what was fetched, asks for more, and sees where this node stands. */
export function synchronize(s: State) {
  const { sync } = s;
  if (sync.height !== s.height) heightEntered(s);
  refreshPeers(s);
  takeFetched(s);
  pollPeers(s);
  syncSnapshot(s);
  if (!sync.snapshot) fetchBlocks(s);
  endCatchup(s);
  const phase = phaseOf(s);
  if (phase !== sync.phase) enterPhase(s, phase);
}

function heightEntered(s: State) {
  const { sync } = s;
  if (s.height > sync.height) sync.progress.blocks += Number(s.height - sync.height);
  sync.height = s.height;
  sync.entered_ms = s.now_ms;
}

/** The answer to a request to a peer, or to persistence for a snapshot. */
export function syncAnswered(s: State, question: SyncFetch | Restore, input: Extract<Input, { id: number }>) {
  const flight = landed(s, input.id);
  if (input.kind === 'failed') {
    if (flight) requestFailed(s, flight, input.code);
    else restoreFailed(s, question as Restore, input.code);
    return;
  }
  if (!flight) return restoreAnswered(s, input);
  switch (input.kind) {
    case 'metadata':
      return heardOf(s, flight.peer, input.metadata);
    case 'blocks':
      return arrived(s, flight, input.blocks);
    case 'headers':
      return headerCame(s, flight, input.headers);
    case 'manifest':
      return manifestCame(s, flight, input.manifest);
    case 'chunk':
      return chunkCame(s, flight, input.chunk);
    default:
  }
}

function restoreAnswered(s: State, input: Extract<Input, { id: number }>) {
  if (input.kind === 'missing') restoreBegun(s, input.missing);
  else if (input.kind === 'stored') chunkStored(s);
  else if (input.kind === 'tip') restored(s, input.tip);
}

function requestFailed(s: State, flight: Flight, code: string) {
  const { peer, ask } = flight;
  const outcome = OUTCOMES[code] ?? 'stalled';
  if (ask.kind === 'fetchBlocks') report(s, { fact: 'fetched', address: peer.hex, blocks: 0, outcome });
  failPeer(s, peer, outcome);
  // What was slow is known to be slower than thought.
  if (outcome === 'stalled' && peer.rate !== null) measure(s, flight, 0);
  snapshotRequestFailed(s, flight);
}

export function isSyncAsk(question: { kind: string }): question is SyncFetch | Restore {
  if (question.kind === 'fetchBlock') return false;
  return question.kind.startsWith('fetch') || question.kind.startsWith('restore');
}

/** At every tick: how quickly it goes, and now and then a word about it. */
export function measureProgress(s: State) {
  const { progress } = s.sync;
  const passed_ms = s.now_ms - progress.since_ms;
  if (passed_ms < SAMPLE_ms) return;
  const rate = (1_000 * progress.blocks) / passed_ms;
  progress.rate = progress.rate === 0 ? rate : progress.rate + SMOOTHING * (rate - progress.rate);
  progress.since_ms = s.now_ms;
  progress.blocks = 0;
  if (s.sync.phase !== 'sync_mode' || s.now_ms - progress.reported_ms < REPORT_ms) return;
  progress.reported_ms = s.now_ms;
  const { target, rate_blocks_per_s, eta_s } = syncView(s);
  report(s, { fact: 'progress', height: s.tip.height, target, rate_blocks_per_s, eta_s });
}

/** What people may want to know of catching up. */
export function syncView(s: State): SyncStatus {
  const { phase, peers, progress, snapshot } = s.sync;
  const target = targetOf(s);
  const missing = Number(target - s.tip.height);
  const rate = Math.round(10 * progress.rate) / 10;
  return {
    state: phase,
    target,
    rate_blocks_per_s: rate,
    eta_s: missing === 0 ? 0 : rate > 0 ? Math.ceil(missing / rate) : null,
    peers: [...peers.values()].filter(({ known, restUntil_ms }) => known && restUntil_ms <= s.now_ms).length,
    snapshot: snapshot?.height ?? null,
  };
}

/** Highest height that is proven to be decided, or that a peer claims which has served good blocks. */
function targetOf(s: State): bigint {
  let target = s.tip.height;
  if (s.catchup && s.catchup.target > target) target = s.catchup.target;
  for (const { delivered, max } of s.sync.peers.values()) if (delivered && max > target) target = max;
  return target;
}

/** True while this node does not take part in what the network does now. */
export function isSyncing(s: State): boolean {
  if (!s.isValidator) return s.sync.phase !== 'synced';
  return s.catchup !== null || s.sync.snapshot !== null;
}

function phaseOf(s: State): SyncPhase {
  const { sync } = s;
  if (sync.snapshot) return 'sync_mode';
  if (s.catchup && isFarBehind(s, s.catchup.target)) return isMoving(s) ? 'sync_mode' : 'unsynced';
  if (!s.catchup && sync.phase === 'unsynced' && sync.peers.size > 0 && !isSettled(s)) return 'unsynced';
  return s.isValidator ? 'pacemaker' : 'synced';
}

/** Somebody has said where the network stands, and nothing is asked for that would show us behind. */
function isSettled(s: State): boolean {
  return s.sync.heard && ![...s.sync.flights.values()].some(({ ask }) => ask.kind === 'fetchBlocks');
}

function isFarBehind(s: State, target: bigint): boolean {
  return s.isValidator || s.sync.phase !== 'synced' || target - s.tip.height > FOLLOWER_LAG;
}

function isMoving(s: State): boolean {
  const { window, flights, arrived_ms } = s.sync;
  if (window.size > 0 || asking(s, 'execute') || asking(s, 'commit')) return true;
  if (s.now_ms - arrived_ms < MOVING_ms) return true;
  return [...flights.values()].some(({ ask }) => ask.kind === 'fetchBlocks');
}

function enterPhase(s: State, to: SyncPhase) {
  const { sync } = s;
  report(s, { fact: 'phase', from: sync.phase, to, height: s.tip.height, target: targetOf(s) });
  sync.phase = to;
  if (to !== 'sync_mode') return;
  sync.progress.since_ms = s.now_ms;
  sync.progress.reported_ms = s.now_ms;
  sync.progress.blocks = 0;
  sync.progress.rate = 0;
}
