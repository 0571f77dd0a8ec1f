import { toHex } from '../../chain/hex.ts';
import type { SyncMetadata } from '../../chain/sync.ts';
import { others } from './blocks.ts';
import type { FetchOutcome, SyncFetch } from './effect.ts';
import { ask, emit, report, type State } from './state.ts';
import type { Flight, SyncPeer } from './sync-state.ts';

/** Blocks, headers or chunks that one peer is asked for at once: one comes while the next is on its way. */
const FLIGHTS_PER_PEER = 2;
/** Of all peers: the network actor has eight places. */
const FLIGHTS = 6;
/** Metadata requests at once. */
const QUESTIONS = 4;
/** Metadata of a node that is behind or only follows: it learns of a block within a second. */
const POLL_ms = 1_000;
/** Of a validator in its rounds, which hears of blocks anyway. */
const POLL_IN_ROUNDS_ms = 10_000;
/** Messages come by hundreds a second: the table is not searched for each of them. */
const POLL_PAUSE_ms = 100;
/** A request to a peer of unknown speed. */
const FIRST_TIMEOUT_ms = 4_000;
/** A peer may be so many times slower than it was. */
const TIMEOUT_FACTOR = 4;
const MIN_TIMEOUT_ms = 1_000;
const MAX_TIMEOUT_ms = 10_000;
/** Weight of the newest measurement. */
const SMOOTHING = 0.3;
/** Rest after a failure; it doubles with each further one. */
const REST_ms: Record<Exclude<FetchOutcome, 'ok' | 'lie'>, { first: number; last: number }> = {
  unreachable: { first: 500, last: 4_000 },
  empty: { first: 1_000, last: 60_000 },
  stalled: { first: 2_000, last: 60_000 },
};
/** Rest after a lie; it doubles with each further one. */
const LIE_REST_ms = 30_000;
const MAX_LIE_REST_ms = 600_000;
/** A peer that has lied is this much less attractive, for each lie. */
const LIE_FACTOR = 4;
const MAX_EXPONENT = 6;

/** Makes the table fit the validators of the height and the connected peers. */
export function refreshPeers(s: State) {
  const { sync } = s;
  if (sync.set === s.validators) return;
  sync.set = s.validators;
  const wanted = new Map(others(s).map(({ address }) => [toHex(address), address]));
  for (const address of sync.connected) wanted.set(toHex(address), address);
  wanted.delete(s.selfHex);
  const before = new Map(sync.peers);
  sync.peers.clear();
  for (const [hex, address] of wanted) sync.peers.set(hex, before.get(hex) ?? newPeer(address, hex));
}

function newPeer(address: Uint8Array, hex: string): SyncPeer {
  return {
    address,
    hex,
    known: false,
    min: 0n,
    max: 0n,
    snapshots: [],
    asked_ms: Number.NEGATIVE_INFINITY,
    inFlight: 0,
    rate: null,
    failures: 0,
    lies: 0,
    restUntil_ms: 0,
    delivered: false,
  };
}

/** Who has just come is asked at once; only a liar goes on resting. */
export function peersConnected(s: State, addresses: readonly Uint8Array[]) {
  const { sync } = s;
  const before = new Set(sync.connected.map(toHex));
  sync.connected = addresses;
  sync.set = null;
  refreshPeers(s);
  for (const address of addresses) {
    const peer = sync.peers.get(toHex(address));
    if (!peer || before.has(peer.hex) || peer.lies > 0) continue;
    peer.restUntil_ms = 0;
    askSoon(s, peer);
  }
}

function askSoon(s: State, peer: SyncPeer) {
  peer.asked_ms = Number.NEGATIVE_INFINITY;
  s.sync.pollAt_ms = 0;
}

/** Asks peers what they have, those first that were not asked for longest. */
export function pollPeers(s: State) {
  const { peers, flights } = s.sync;
  if (s.now_ms < s.sync.pollAt_ms) return;
  s.sync.pollAt_ms = s.now_ms + POLL_PAUSE_ms;
  const interval_ms = s.isValidator && !s.catchup && s.sync.heard && !isSilent(s) ? POLL_IN_ROUNDS_ms : POLL_ms;
  let free = QUESTIONS;
  const waiting = new Set<SyncPeer>();
  for (const { peer, ask } of flights.values()) {
    if (ask.kind !== 'fetchMetadata') continue;
    free--;
    waiting.add(peer);
  }
  if (free <= 0) return;
  const due = [...peers.values()].filter(
    (peer) => rested(s, peer) && !waiting.has(peer) && s.now_ms - peer.asked_ms >= interval_ms,
  );
  due.sort((a, b) => a.asked_ms - b.asked_ms || (a.hex < b.hex ? -1 : 1));
  for (const peer of due.slice(0, free)) {
    peer.asked_ms = s.now_ms;
    send(s, peer, { kind: 'fetchMetadata', from: peer.address, timeout_ms: FIRST_TIMEOUT_ms });
  }
}

/** No height was decided for longer than a round takes. */
export function isSilent(s: State): boolean {
  const { timeout_ms, emptyBlockInterval_ms } = s.settings;
  return s.now_ms - s.sync.entered_ms > 2 * timeout_ms + emptyBlockInterval_ms;
}

/** Asks this peer next time: it spoke of a height that cannot be proven yet. */
export function suspectAhead(s: State, address: Uint8Array) {
  const peer = s.sync.peers.get(toHex(address));
  if (peer && s.now_ms - peer.asked_ms >= POLL_ms) askSoon(s, peer);
}

export function heardOf(s: State, peer: SyncPeer, metadata: SyncMetadata) {
  s.sync.heard = true;
  peer.known = true;
  peer.min = metadata.minHeight;
  peer.max = metadata.maxHeight;
  peer.snapshots = metadata.snapshots;
}

/** The peer that will have answered soonest, of those that serve it and have room; ties go to the preferred source. */
export function choosePeer(s: State, serves: (peer: SyncPeer) => boolean): SyncPeer | null {
  if (inFlight(s) >= FLIGHTS) return null;
  const list = [...s.sync.peers.values()];
  const fastest = Math.max(...list.map(({ rate }) => rate ?? 0)) || 1;
  let best: SyncPeer | null = null;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let at = 0; at < list.length; at++) {
    const peer = list[(at + s.source) % list.length]!;
    if (!rested(s, peer) || peer.inFlight >= FLIGHTS_PER_PEER || !serves(peer)) continue;
    // Who was never measured is thought to be quick, so that it is tried.
    const lies = LIE_FACTOR ** Math.min(peer.lies, MAX_EXPONENT);
    const cost = ((peer.inFlight + 1) * lies) / (peer.rate ?? fastest);
    if (cost >= bestCost) continue;
    best = peer;
    bestCost = cost;
  }
  return best;
}

export function rested(s: State, peer: SyncPeer): boolean {
  return peer.restUntil_ms <= s.now_ms;
}

/** Requests for blocks, headers, manifests and chunks that are not answered yet. */
function inFlight(s: State): number {
  let count = 0;
  for (const { ask } of s.sync.flights.values()) if (ask.kind !== 'fetchMetadata') count++;
  return count;
}

export function send(s: State, peer: SyncPeer, question: SyncFetch) {
  const id = ask(s, question);
  s.sync.flights.set(id, { peer, ask: question, sent_ms: s.now_ms });
  if (question.kind !== 'fetchMetadata') peer.inFlight++;
}

/** How long this peer may take for so many bytes, from how quick it was, ms. */
export function timeoutFor(peer: SyncPeer, bytes: number): number {
  if (peer.rate === null) return FIRST_TIMEOUT_ms;
  const expected_ms = MIN_TIMEOUT_ms + (TIMEOUT_FACTOR * bytes) / peer.rate;
  return Math.round(Math.min(MAX_TIMEOUT_ms, expected_ms));
}

/** The request is over; undefined if it was given up. */
export function landed(s: State, id: number): Flight | undefined {
  const flight = s.sync.flights.get(id);
  if (!flight) return undefined;
  s.sync.flights.delete(id);
  if (flight.ask.kind !== 'fetchMetadata') flight.peer.inFlight--;
  return flight;
}

/** Bytes came: how quick the peer is. */
export function measure(s: State, { peer, sent_ms }: Flight, bytes: number) {
  const rate = bytes / Math.max(1, s.now_ms - sent_ms);
  peer.rate = peer.rate === null ? rate : peer.rate + SMOOTHING * (rate - peer.rate);
}

/** No answer, or none that helps: others are asked for a while. */
export function failPeer(s: State, peer: SyncPeer, outcome: keyof typeof REST_ms) {
  const { first, last } = REST_ms[outcome];
  const rest_ms = Math.min(last, first * 2 ** Math.min(peer.failures, MAX_EXPONENT));
  peer.failures++;
  peer.restUntil_ms = Math.max(peer.restUntil_ms, s.now_ms + rest_ms);
  if (outcome === 'stalled') report(s, { fact: 'badPeer', address: peer.hex, reason: outcome, rest_ms });
}

/** What the peer served is provably false. What else it has brought is not trusted either. */
export function liedPeer(s: State, peer: SyncPeer, reason: string) {
  const rest_ms = Math.min(MAX_LIE_REST_ms, LIE_REST_ms * 2 ** Math.min(peer.lies, MAX_EXPONENT));
  peer.lies++;
  peer.known = false;
  peer.max = 0n;
  peer.snapshots = [];
  peer.restUntil_ms = s.now_ms + rest_ms;
  report(s, { fact: 'fetched', address: peer.hex, blocks: 0, outcome: 'lie' });
  report(s, { fact: 'badPeer', address: peer.hex, reason, rest_ms });
  emit(s, { kind: 'accuse', address: peer.address, reason });
}
