import { blockHash, decodeBlock, type Header } from '../../chain/block.ts';
import { decodeQc, STEP_COMMIT } from '../../chain/consensus.ts';
import { equalBytes } from '../../chain/hex.ts';
import type { SyncedBlock } from '../../chain/sync.ts';
import { validatorSetHash } from '../../chain/validators.ts';
import type { Certified } from './rules.ts';
import { known, report, type State } from './state.ts';
import { choosePeer, failPeer, isSilent, liedPeer, measure, rested, send, timeoutFor } from './sync-peers.ts';
import type { Arrival, Flight, SyncPeer } from './sync-state.ts';

/** Blocks fetched ahead of the one that is executed: a second or two of work. */
const WINDOW_BLOCKS = 128;
/** Their bytes, with those asked for: eight full blocks of 4 MB. */
const WINDOW_BYTES = 32_000_000;
/** Blocks in one request; peers serve no more. */
const MAX_ASKED = 64;
/** Blocks in the first request, while their size is unknown. */
const FIRST_ASKED = 16;
/** What one answer is meant to have: small enough to be spread over peers and asked again, large enough to pay. */
const ANSWER_BYTES = 1_000_000;
const SMOOTHING = 0.3;

/** Asks peers for what the window lacks, each for a range of its own. */
export function fetchBlocks(s: State) {
  if (s.sync.holdUntil_ms > s.now_ms) return;
  for (;;) {
    const top = highestOffer(s);
    if (top < s.height || !mayFetch(s, top)) return;
    const from = firstGap(s);
    if (from === null || from > top) return;
    const peer = choosePeer(s, (one) => serves(s, one, from));
    if (!peer) return;
    const count = rangeLength(s, from, peer.known ? peer.max : top);
    if (count === 0) return;
    const timeout_ms = timeoutFor(peer, count * (s.sync.blockBytes ?? 0));
    send(s, peer, { kind: 'fetchBlocks', from: peer.address, height: from, count, timeout_ms });
  }
}

/** The highest height that is proven to be decided, or that a peer claims to serve. */
export function highestOffer(s: State): bigint {
  let top = s.catchup?.target ?? 0n;
  for (const peer of s.sync.peers.values()) if (rested(s, peer) && peer.max > top) top = peer.max;
  return top;
}

/**
 * A claim alone stops no rounds, but it is worth a request: a validator in its rounds makes it only where it would
 * not decide the block itself a moment later.
 */
function mayFetch(s: State, top: bigint): boolean {
  return s.catchup !== null || !s.isValidator || top > s.height || isSilent(s);
}

function serves(s: State, peer: SyncPeer, height: bigint): boolean {
  if (peer.known) return height >= peer.min && height <= peer.max;
  return peer.lies === 0 && s.catchup !== null && height <= s.catchup.target;
}

/** The first height of the window that is neither here nor asked for. */
function firstGap(s: State): bigint | null {
  const { window } = s.sync;
  const first = s.decided && known(s, s.decided.qc.blockHash) ? s.height + 1n : s.height;
  const end = s.height + BigInt(WINDOW_BLOCKS);
  for (let height = first; height < end; height++) {
    if (!window.has(height) && !isAskedFor(s, height)) return height;
  }
  return null;
}

function isAskedFor(s: State, height: bigint): boolean {
  for (const { ask } of s.sync.flights.values()) {
    if (ask.kind === 'fetchBlocks' && height >= ask.height && height < ask.height + BigInt(ask.count)) return true;
  }
  return false;
}

/** How many blocks to ask for from a gap on: what is missing there, fits the window, and makes one good answer. */
function rangeLength(s: State, from: bigint, last: bigint): number {
  const { window, windowBytes, blockBytes, flights } = s.sync;
  const size = blockBytes ?? ANSWER_BYTES / FIRST_ASKED;
  let asked = 0;
  for (const { ask } of flights.values()) if (ask.kind === 'fetchBlocks') asked += ask.count;
  const room = Math.floor((WINDOW_BYTES - windowBytes) / size) - asked;
  // Whatever its size, the next block itself is always asked for.
  const least = from === s.height ? 1 : 0;
  const most = Math.min(MAX_ASKED, Math.max(1, Math.floor(ANSWER_BYTES / size)));
  const limit = Math.min(most, Math.max(least, room));
  const end = s.height + BigInt(WINDOW_BLOCKS);
  let count = 0;
  while (count < limit) {
    const height = from + BigInt(count);
    if (height > last || height >= end || window.has(height) || isAskedFor(s, height)) break;
    count++;
  }
  return count;
}

/** Blocks of a peer, from a height on. Those of the window are kept, what is provably false ends it. */
export function arrived(s: State, flight: Flight, blocks: readonly SyncedBlock[]) {
  const { peer, ask } = flight;
  if (ask.kind !== 'fetchBlocks') return;
  if (blocks.length === 0) return served(s, peer, ask.height);
  const bytes = blocks.reduce((sum, { block, commitQc }) => sum + block.length + commitQc.length, 0);
  measure(s, flight, bytes);
  s.sync.arrived_ms = s.now_ms;
  const each = bytes / blocks.length;
  s.sync.blockBytes = s.sync.blockBytes === null ? each : s.sync.blockBytes + SMOOTHING * (each - s.sync.blockBytes);
  for (const [index, one] of blocks.slice(0, ask.count).entries()) {
    const height = ask.height + BigInt(index);
    if (height < s.height || s.sync.window.has(height)) continue;
    const arrival = examine(s, peer, height, one);
    if (typeof arrival === 'string') return distrust(s, peer, arrival);
    keep(s, height, arrival);
  }
  report(s, { fact: 'fetched', address: peer.hex, blocks: blocks.length, outcome: 'ok' });
}

/** It claimed to have the block, and has not: its word counts less than its answer. */
function served(s: State, peer: SyncPeer, height: bigint) {
  report(s, { fact: 'fetched', address: peer.hex, blocks: 0, outcome: 'empty' });
  if (peer.max >= height) peer.max = height - 1n;
  failPeer(s, peer, 'empty');
}

function keep(s: State, height: bigint, arrival: Arrival) {
  s.sync.window.set(height, arrival);
  s.sync.windowBytes += arrival.block.length;
  if (arrival.certified) prove(arrival.peer);
}

/** A good certificate: the peer is what it seems. */
export function prove(peer: SyncPeer) {
  peer.delivered = true;
  peer.failures = 0;
}

/** A block for its height, or what is wrong with it. */
function examine(s: State, peer: SyncPeer, height: bigint, { block, commitQc }: SyncedBlock): Arrival | string {
  if (block.length > s.settings.maxBlockBytes) return 'block_too_large';
  const header = headerOf(block);
  if (!header) return 'block_malformed';
  if (header.height !== height || header.networkId !== s.settings.networkId) return 'wrong_block';
  const hash = blockHash(header);
  const certified = certifyAhead(s, header, hash, commitQc);
  if (typeof certified === 'string') return certified;
  return { block, commitQc, header, hash, peer, certified, executed: false };
}

function headerOf(block: Uint8Array): Header | null {
  try {
    return decodeBlock(block).header;
  } catch {
    return null;
  }
}

/**
 * As long as the validators stay the same, a certificate can be verified before its turn, while others are executed.
 * Null: by others than ours, so it has to wait; a text: it is false.
 */
function certifyAhead(s: State, header: Header, hash: Uint8Array, commitQc: Uint8Array): Certified | string | null {
  try {
    const qc = decodeQc(commitQc);
    if (qc.step !== STEP_COMMIT || qc.height !== header.height || !equalBytes(qc.blockHash, hash)) return 'qc_foreign';
    if (!equalBytes(header.valSetHash, currentSetHash(s))) return null;
    s.rules.verifyQc(qc, s.validators, s.settings.networkId);
    return { qc, bytes: commitQc };
  } catch {
    return 'qc_invalid';
  }
}

/** Hash of those that decide this height. */
export function currentSetHash(s: State): Uint8Array {
  if (s.sync.setHash?.set !== s.validators) {
    s.sync.setHash = { set: s.validators, hash: validatorSetHash(s.validators) };
  }
  return s.sync.setHash.hash;
}

/** The block of this height, taken out of the window; what lies below it is forgotten. */
export function takeFromWindow(s: State): Arrival | undefined {
  const { sync } = s;
  for (const [height, { block }] of sync.window) {
    if (height >= s.height) continue;
    sync.window.delete(height);
    sync.windowBytes -= block.length;
  }
  const next = sync.window.get(s.height);
  if (next) {
    sync.window.delete(s.height);
    sync.windowBytes -= next.block.length;
  }
  return next;
}

/** The peer has lied: what else it brought is fetched again from others. */
export function distrust(s: State, peer: SyncPeer, reason: string) {
  const { sync } = s;
  for (const [height, arrival] of sync.window) {
    if (arrival.peer !== peer) continue;
    sync.window.delete(height);
    sync.windowBytes -= arrival.block.length;
  }
  liedPeer(s, peer, reason);
}
