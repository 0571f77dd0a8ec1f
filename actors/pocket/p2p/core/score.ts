/**
 * What a peer can do wrong, and how much each weighs. At BAN_SCORE it is shut out for a while; the score halves
 * every HALF_LIFE_ms, so an honest peer with a bad moment is soon clean. Zero: counted, but no proof of malice.
 */
const OFFENCES = {
  /** Bytes on the port that are no libp2p connection, or one given up half way. Before a peer id is known. */
  upgrade_failed: 0,
  /** More half-open connections from one host than allowed. */
  too_many_pending: 0,
  /** More connections than p2p.max_connections. */
  too_many_connections: 0,
  /** More streams of one protocol than a peer has use for. */
  too_many_streams: 10,
  /** A connection whose peer never said who it is. */
  handshake_timeout: 0,
  /** Another network or version: not its fault, but of no use. */
  wrong_network: 0,
  wrong_version: 0,
  observers_full: 0,
  hello_malformed: 50,
  certificate_invalid: 25,
  certificate_expired: 10,
  frame_malformed: 50,
  frame_too_large: 50,
  /** A frame begun and not finished in time. */
  frame_timeout: 25,
  /** Consensus messages from a peer without a certificate. */
  message_unproven: 50,
  /** Consensus messages from a peer that is no validator here: it may be one in a block that this node has not got yet. */
  message_observer: 0,
  consensus_rate: 1,
  gossip_malformed: 25,
  /** A relay in a flood: what it brings is dropped, but it need not be the source. */
  gossip_rate: 0,
  sync_malformed: 50,
  sync_before_handshake: 10,
  /** A peer in a hurry to catch up; it is told to wait. */
  sync_rate: 0,
  /** An answer that does not fit the request. */
  sync_answer: 25,
  /** A block, header or snapshot that is provably false. */
  sync_lie: 50,
} as const;
export type Offence = keyof typeof OFFENCES;

const BAN_SCORE = 100;
const BAN_ms = 60_000;
const HALF_LIFE_ms = 60_000;

interface Entry {
  score: number;
  at_ms: number;
  bannedUntil_ms: number;
}

/** Remembers the offences of peers, of at most `maxPeers`: the one that offended longest ago is forgotten. */
export class Scores {
  readonly #maxPeers: number;
  readonly #entries = new Map<string, Entry>();

  constructor(maxPeers: number) {
    this.#maxPeers = maxPeers;
  }

  /** Counts an offence; true if it brought a ban. */
  offend(peer: string, offence: Offence, now_ms: number): boolean {
    const weight = OFFENCES[offence];
    if (weight === 0) return false;
    const entry = this.#decayed(peer, now_ms);
    entry.score += weight;
    this.#entries.delete(peer);
    this.#entries.set(peer, entry);
    if (this.#entries.size > this.#maxPeers) this.#entries.delete(this.#entries.keys().next().value!);
    if (entry.score < BAN_SCORE) return false;
    entry.score = 0;
    entry.bannedUntil_ms = now_ms + BAN_ms;
    return true;
  }

  banned(peer: string, now_ms: number): boolean {
    const entry = this.#entries.get(peer);
    return entry !== undefined && entry.bannedUntil_ms > now_ms;
  }

  #decayed(peer: string, now_ms: number): Entry {
    const entry = this.#entries.get(peer) ?? { score: 0, at_ms: now_ms, bannedUntil_ms: 0 };
    entry.score *= 0.5 ** (Math.max(0, now_ms - entry.at_ms) / HALF_LIFE_ms);
    entry.at_ms = now_ms;
    return entry;
  }
}
