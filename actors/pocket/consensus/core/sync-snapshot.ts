import { sha256 } from '../../../../wasm/hash.ts';
import { blockHash } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { decodeSnapshotManifest, isSnapshotChunk, type SnapshotManifest } from '../../chain/snapshot.ts';
import type { SyncedHeader } from '../../chain/sync.ts';
import type { Tip } from '../../persistence/protocol.ts';
import { fallBehind } from './catchup.ts';
import type { Restore, SnapshotStage } from './effect.ts';
import { enterHeight } from './pacemaker.ts';
import { ask, asking, mayAsk, report, type State } from './state.ts';
import { anchorAtTip, judgeProbe, nextProbe } from './sync-anchor.ts';
import { choosePeer, failPeer, liedPeer, measure, rested, send, timeoutFor } from './sync-peers.ts';
import type { Flight, Offer, SnapshotSync, SyncPeer } from './sync-state.ts';
import { highestOffer } from './sync-window.ts';

/** Chunks that persistence writes at once. */
const STORING = 4;
/** Failures of a peer, one after the other, after which no more chunks are hoped for from it: a minute or two. */
const GIVE_UP_FAILURES = 6;
/** After a snapshot that came to nothing. */
const RETRY_ms = 5_000;
/** A chunk, until one has come. */
const CHUNK_BYTES = 1_000_000;
/** A header with its certificates. */
const HEADER_BYTES = 4_000;

/**
 * Takes a snapshot where that is quicker than all the blocks, or where nobody has them any more. Nothing of it is
 * believed: a chain of certificates from our own tip proves its header, and its rows must give the header's state hash.
 */
export function syncSnapshot(s: State) {
  s.sync.snapshot ??= begin(s);
  const { snapshot } = s.sync;
  if (!snapshot) return;
  switch (snapshot.stage) {
    case 'headers':
      return askHeader(s, snapshot);
    case 'manifests':
      return askManifests(s, snapshot);
    case 'opening':
      return open(s, snapshot);
    case 'chunks':
      return askChunks(s, snapshot);
    case 'closing':
      return close(s);
    default:
  }
}

function begin(s: State): SnapshotSync | null {
  const height = worthwhile(s);
  if (height === null) return null;
  const snapshot: SnapshotSync = {
    height,
    stage: 'headers',
    anchor: anchorAtTip(s),
    asked: new Set(),
    offers: new Map(),
    chosen: null,
    missing: [],
    storing: 0,
  };
  say(s, snapshot);
  return snapshot;
}

/** The height of the snapshot to take; null for none. */
function worthwhile(s: State): bigint | null {
  const { snapshotThreshold_blocks } = s.settings;
  const { height: tip } = s.tip;
  if (s.decided || s.now_ms < s.sync.noSnapshotUntil_ms) return null;
  let best = 0n;
  let blocksToBeHad = false;
  for (const peer of s.sync.peers.values()) {
    if (!rested(s, peer) || !peer.known) continue;
    if (peer.min <= s.height && s.height <= peer.max) blocksToBeHad = true;
    for (const height of peer.snapshots) if (height > best) best = height;
  }
  if (best <= tip) return null;
  const threshold = BigInt(snapshotThreshold_blocks);
  const isFar = threshold > 0n && highestOffer(s) - tip > threshold && 2n * (best - tip) > threshold;
  return isFar || !blocksToBeHad ? best : null;
}

function askHeader(s: State, snapshot: SnapshotSync) {
  if (isFlying(s, 'fetchHeader')) return;
  const height = nextProbe(snapshot.anchor, snapshot.height);
  const has = (peer: SyncPeer) => peer.known && peer.min <= height && height <= peer.max && offers(peer, snapshot);
  const peer = choosePeer(s, has);
  if (!peer && ![...s.sync.peers.values()].some((one) => rested(s, one) && has(one))) return abandon(s, snapshot);
  if (!peer) return;
  send(s, peer, { kind: 'fetchHeader', from: peer.address, height, timeout_ms: timeoutFor(peer, HEADER_BYTES) });
}

/** The answer to a probe; proven up to the snapshot, so many blocks are decided. */
export function headerCame(s: State, { peer, ask: question }: Flight, headers: readonly SyncedHeader[]) {
  const { snapshot } = s.sync;
  if (snapshot?.stage !== 'headers' || question.kind !== 'fetchHeader') return;
  const [shown] = headers;
  if (!shown) return failPeer(s, peer, 'empty');
  judgeProbe(s, snapshot.anchor, question.height, shown, peer);
  if (snapshot.anchor.trusted.header.height !== snapshot.height) return;
  fallBehind(s, snapshot.height);
  enter(s, snapshot, 'manifests');
}

/** Every peer that offers the snapshot shows its manifest: who has shown the same answers for the same chunks. */
function askManifests(s: State, snapshot: SnapshotSync) {
  const isDue = (one: SyncPeer) => offers(one, snapshot) && !snapshot.asked.has(one);
  for (let peer = choosePeer(s, isDue); peer; peer = choosePeer(s, isDue)) {
    snapshot.asked.add(peer);
    const { height } = snapshot;
    const timeout_ms = timeoutFor(peer, CHUNK_BYTES);
    send(s, peer, { kind: 'fetchManifest', from: peer.address, height, timeout_ms });
  }
  const isLeft = [...s.sync.peers.values()].some((one) => rested(s, one) && isDue(one));
  if (isLeft || isFlying(s, 'fetchManifest')) return;
  const [best] = [...snapshot.offers.values()].sort((a, b) => b.peers.length - a.peers.length);
  if (!best) return abandon(s, snapshot);
  snapshot.chosen = best;
  enter(s, snapshot, 'opening');
}

export function manifestCame(s: State, { peer }: Flight, bytes: Uint8Array | null) {
  const { snapshot } = s.sync;
  if (snapshot?.stage !== 'manifests') return;
  if (!bytes) return withdraw(s, snapshot, peer);
  const manifest = manifestOf(bytes);
  const isOfHeader = manifest && equalBytes(blockHash(manifest.header), snapshot.anchor.trusted.hash);
  if (!isOfHeader) return liedPeer(s, peer, 'manifest_forged');
  const key = toHex(sha256(bytes));
  const offer: Offer = snapshot.offers.get(key) ?? { bytes, manifest, peers: [] };
  offer.peers.push(peer);
  snapshot.offers.set(key, offer);
}

function manifestOf(bytes: Uint8Array): SnapshotManifest | null {
  try {
    return decodeSnapshotManifest(bytes);
  } catch {
    return null;
  }
}

function open(s: State, { chosen }: SnapshotSync) {
  if (chosen && mayAsk(s, 'restoreBegin')) ask(s, { kind: 'restoreBegin', manifest: chosen.bytes });
}

/** What persistence has from before, a restart between, is not fetched again. */
export function restoreBegun(s: State, missing: readonly number[]) {
  const { snapshot } = s.sync;
  if (snapshot?.stage !== 'opening' || !snapshot.chosen) return;
  snapshot.missing.push(...missing);
  enter(s, snapshot, 'chunks');
}

function askChunks(s: State, snapshot: SnapshotSync) {
  const { missing, chosen } = snapshot;
  while (missing.length > 0 && snapshot.storing < STORING && !s.paused.has('restoreChunk')) {
    const peer = choosePeer(s, (one) => chosen?.peers.includes(one) === true && one.lies === 0);
    if (!peer) break;
    const index = missing.shift()!;
    const { height } = snapshot;
    const bytes = chosen?.manifest.chunks[index]?.bytes ?? CHUNK_BYTES;
    const timeout_ms = timeoutFor(peer, bytes);
    send(s, peer, { kind: 'fetchChunk', from: peer.address, height, index, timeout_ms });
  }
  if (isFlying(s, 'fetchChunk') || snapshot.storing > 0) return;
  if (missing.length === 0) enter(s, snapshot, 'closing');
  else if (!chosen?.peers.some(({ lies, failures }) => lies === 0 && failures < GIVE_UP_FAILURES)) abandon(s, snapshot);
}

export function chunkCame(s: State, flight: Flight, chunk: Uint8Array | null) {
  const { snapshot } = s.sync;
  const { peer, ask: question } = flight;
  if (snapshot?.stage !== 'chunks' || question.kind !== 'fetchChunk') return;
  const info = snapshot.chosen?.manifest.chunks[question.index];
  if (chunk && info && isSnapshotChunk(info, chunk)) {
    measure(s, flight, chunk.length);
    peer.failures = 0;
    snapshot.storing++;
    ask(s, { kind: 'restoreChunk', index: question.index, chunk });
    return;
  }
  snapshot.missing.push(question.index);
  if (chunk) liedPeer(s, peer, 'chunk_forged');
  else withdraw(s, snapshot, peer);
}

export function chunkStored(s: State) {
  if (s.sync.snapshot) s.sync.snapshot.storing--;
}

/** Nothing else is under way in the ledger while its state is replaced. */
function close(s: State) {
  if (asking(s, 'commit') || asking(s, 'execute') || asking(s, 'propose') || !mayAsk(s, 'restoreEnd')) return;
  ask(s, { kind: 'restoreEnd' });
}

/** The state of the snapshot is ours now. */
export function restored(s: State, tip: Tip) {
  const { snapshot } = s.sync;
  if (!snapshot) return;
  enter(s, snapshot, 'restored');
  s.sync.snapshot = null;
  enterHeight(s, tip);
}

/** Persistence refused or failed. */
export function restoreFailed(s: State, question: Restore, code: string) {
  const { snapshot } = s.sync;
  if (!snapshot) return;
  s.paused.add(question.kind);
  if (question.kind === 'restoreChunk') {
    snapshot.storing--;
    snapshot.missing.push(question.index);
    return;
  }
  // Rows that do not give the state hash of the proven header are a lie of all who showed this manifest.
  const isFalse = code === 'STATE_HASH_MISMATCH' || code === 'SNAPSHOT_INVALID';
  if (isFalse) for (const peer of snapshot.chosen?.peers ?? []) liedPeer(s, peer, 'snapshot_false');
  abandon(s, snapshot);
  // Where the answer was lost, the state may be there.
  if (mayAsk(s, 'tip')) ask(s, { kind: 'tip' });
}

/** A request of a snapshot came to nothing. */
export function snapshotRequestFailed(s: State, { ask: question }: Flight) {
  const { snapshot } = s.sync;
  if (snapshot && question.kind === 'fetchChunk') snapshot.missing.push(question.index);
}

/** The peer has not got what it offered, or not any more. */
function withdraw(s: State, snapshot: SnapshotSync, peer: SyncPeer) {
  peer.snapshots = peer.snapshots.filter((height) => height !== snapshot.height);
  const at = snapshot.chosen?.peers.indexOf(peer) ?? -1;
  if (at >= 0) snapshot.chosen?.peers.splice(at, 1);
  failPeer(s, peer, 'empty');
}

/** Blocks are fetched instead, or another snapshot is begun when it is worth it. */
function abandon(s: State, snapshot: SnapshotSync) {
  enter(s, snapshot, 'abandoned');
  s.sync.snapshot = null;
  s.sync.noSnapshotUntil_ms = s.now_ms + RETRY_ms;
}

function enter(s: State, snapshot: SnapshotSync, stage: SnapshotStage) {
  snapshot.stage = stage;
  say(s, snapshot);
}

function say(s: State, { stage, height, chosen, missing }: SnapshotSync) {
  const chunks = chosen?.manifest.chunks.length ?? 0;
  report(s, { fact: 'snapshot', stage, height, chunks, missing: missing.length });
}

function offers(peer: SyncPeer, { height }: SnapshotSync): boolean {
  return peer.snapshots.includes(height);
}

function isFlying(s: State, kind: Flight['ask']['kind']): boolean {
  for (const { ask: question } of s.sync.flights.values()) if (question.kind === kind) return true;
  return false;
}
