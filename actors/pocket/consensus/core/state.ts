import type { SafetyRecord } from '../../../host/signer/protocol.ts';
import type { Block } from '../../chain/block.ts';
import type { ConsensusMessage, PartialSignature } from '../../chain/consensus.ts';
import type { Statement } from '../../chain/evidence.ts';
import type { LeaderElection } from '../../chain/genesis.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { Candidate } from '../../chain/sortition.ts';
import type { RoundEntry } from '../../chain/timeout-certificate.ts';
import type { Validator, ValidatorSet } from '../../chain/validators.ts';
import type { Tip } from '../../persistence/protocol.ts';
import type { CommitVote } from './attendance.ts';
import type { Ask, AskKind, Effect, Fact } from './effect.ts';
import type { TimerName } from './input.ts';
import type { Certified, Rules } from './rules.ts';
import type { Sync } from './sync-state.ts';

/** What does not change while the actor lives. */
export interface Settings {
  readonly networkId: string;
  /** 20 bytes. While it is no validator's, the node follows the chain and says nothing. */
  readonly self: Uint8Array;
  readonly blockInterval_ms: number;
  readonly emptyBlockInterval_ms: number;
  readonly maxBlockBytes: number;
  readonly timeout_ms: number;
  readonly timeoutCap_ms: number;
  readonly resend_ms: number;
  readonly maxClockDrift_ms: number;
  readonly election: LeaderElection;
  /** How many blocks a node must lack to take a snapshot instead of them; 0: only if nobody has them. */
  readonly snapshotThreshold_blocks: number;
}

/** What the core starts from: the database, the signer's record and the settings. */
export interface Start {
  readonly settings: Settings;
  readonly rules: Rules;
  readonly tip: Tip;
  readonly record: SafetyRecord;
  readonly manual: boolean;
  readonly mempool: number;
}

/** A block of the height being decided. */
export interface KnownBlock {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
  readonly block: Block;
  /** Executed and durable in persistence. */
  executed: boolean;
}

/** An accepted proposal of the view; `justify` is null for a fresh block at height 1 only. */
export interface Proposal {
  readonly blockHash: Uint8Array;
  readonly justify: Certified | null;
}

/** A validator that entered the view, and the prepareQC of this height that it reports. */
interface NewRound extends RoundEntry {
  readonly prepareQc: Certified | null;
}

/** What the leader of the view does. */
interface Lead {
  /** Chosen once a quorum has entered the view. */
  plan: { readonly kind: 'fresh' } | { readonly kind: 'again'; readonly prepareQc: Certified } | null;
  /** Since when a quorum is in the view. */
  quorum_ms: number | null;
  /** When the propose timer fires, in ms of the clock; null while it is not set. */
  due_ms: number | null;
  /** The block to propose. */
  block: KnownBlock | null;
  /** By step. */
  readonly votes: Map<number, PartialSignature[]>;
  readonly certificates: Map<number, Certified>;
}

/** One round of one height. */
export interface View {
  readonly round: number;
  /** As far as is known: of candidates that are drawn, a better one may come. */
  leader: Validator;
  leads: boolean;
  /** A proposal was accepted, so the leader stays. */
  bound: boolean;
  /** Our own proof, where leaders are drawn. */
  proof: Uint8Array | null;
  /** By sender: the candidates, and null for those whose proof makes them none. */
  readonly drawn: Map<string, Candidate | null>;
  readonly entered_ms: number;
  /** False while syncing, and in manual mode before the trigger: nothing is said. */
  started: boolean;
  timed: boolean;
  step: number;
  /** The leader broke the protocol: no vote for it in this view. */
  rejected: boolean;
  newRounds: NewRound[];
  /** By step. */
  readonly proposals: Map<number, Proposal>;
  /** Our messages by place; null where the signer refused. */
  readonly said: Map<number, ConsensusMessage | null>;
  /** The highest place in `said`: nothing is said below it. */
  place: number;
  readonly lead: Lead;
}

/** A search for a block by hash: first in the database, then at one validator after the other. */
interface Search {
  readonly blockHash: Uint8Array;
  loaded: boolean;
  /** Validators asked since the last pause. */
  asked: number;
}

/** A timer that runs, and when it was set for how long: a new life sets it to what is left of it. */
interface RunningTimer {
  readonly token: number;
  readonly set_ms: number;
  readonly delay_ms: number;
}

/** Catching up: certificates prove that `target` is decided. */
interface Catchup {
  target: bigint;
}

export interface State {
  readonly settings: Settings;
  readonly rules: Rules;
  readonly selfHex: string;
  /** Who decided the tip: a certificate of it is theirs. */
  voters: ValidatorSet;
  /** Who decides this height. */
  validators: ValidatorSet;
  isValidator: boolean;
  now_ms: number;
  out: Effect[];
  nextNumber: number;
  /** Asks whose answer is wanted: at most one of each kind, but for those to peers and the chunks of a snapshot. */
  readonly asks: Map<number, Ask>;
  /** What failed and is asked again at the next tick. */
  readonly paused: Set<AskKind>;
  /** The message whose signature is asked for. */
  draft: ConsensusMessage | null;
  readonly timers: Map<TimerName, RunningTimer>;
  tip: Tip;
  height: bigint;
  view: View;
  prepareQc: Certified | null;
  lockedQc: Certified | null;
  /** The certificate that decides this height. */
  decided: Certified | null;
  readonly blocks: Map<string, KnownBlock>;
  search: Search | null;
  catchup: Catchup | null;
  readonly sync: Sync;
  /** Which validator is asked next for blocks. */
  source: number;
  /** Highest round of this height by validator. */
  readonly rounds: Map<string, number>;
  /** Messages for later, by sender and place. */
  readonly buffer: Map<string, Map<number, ConsensusMessage>>;
  /** Verified certificates by their bytes in hex, oldest first. */
  readonly verified: Map<string, Certified>;
  /** The newest COMMIT vote of each validator, of this height or of the tip. */
  readonly commitVotes: Map<string, CommitVote>;
  /** By sender: what it signed lately. */
  readonly statements: Map<string, Statement[]>;
  /** Senders that contradicted themselves, and the height at which they last did. */
  readonly accused: Map<string, bigint>;
  /** Our DECIDE of the last height, for whoever missed it. */
  lastDecide: ConsensusMessage | null;
  mempool: number;
  manual: boolean;
}

/** Order of what a validator says inside a view; the signer has the same order. */
export function placeOf(message: { type: number; step: number }): number {
  return message.step * 2 + message.type;
}

export function emit(s: State, effect: Effect) {
  s.out.push(effect);
}

export function report(s: State, fact: Fact) {
  s.out.push({ kind: 'fact', fact });
}

export function drop(s: State, reason: string) {
  report(s, { fact: 'drop', reason });
}

/** @returns the id that the answer will carry */
export function ask(s: State, question: Ask): number {
  const id = s.nextNumber++;
  s.asks.set(id, question);
  emit(s, { kind: 'ask', id, ask: question });
  return id;
}

export function asking<K extends AskKind>(s: State, kind: K): Extract<Ask, { kind: K }> | undefined {
  for (const question of s.asks.values()) if (question.kind === kind) return question as Extract<Ask, { kind: K }>;
  return undefined;
}

export function mayAsk(s: State, kind: AskKind): boolean {
  return !s.paused.has(kind) && asking(s, kind) === undefined;
}

/** Ignores the answers to come. */
export function forget(s: State, ...kinds: AskKind[]) {
  for (const [id, question] of s.asks) if (kinds.includes(question.kind)) s.asks.delete(id);
}

/** A height is entered: what was asked for the one before is not waited for any more. */
export function forgetHeight(s: State) {
  for (const [id, question] of s.asks) if (!outlivesHeight(s, question)) s.asks.delete(id);
  s.paused.clear();
}

/** What is fetched from peers, what is made of a snapshot, and the next block that is executed already. */
function outlivesHeight(s: State, question: Ask): boolean {
  if (question.kind === 'execute') {
    const next = s.sync.window.get(s.height);
    return next !== undefined && equalBytes(next.hash, question.blockHash);
  }
  if (question.kind === 'fetchBlock') return false;
  return question.kind.startsWith('fetch') || question.kind.startsWith('restore');
}

export function setTimer(s: State, timer: TimerName, delay_ms: number) {
  const token = s.nextNumber++;
  s.timers.set(timer, { token, set_ms: s.now_ms, delay_ms });
  emit(s, { kind: 'setTimer', timer, token, delay_ms });
}

export function cancelTimer(s: State, timer: TimerName) {
  if (s.timers.delete(timer)) emit(s, { kind: 'cancelTimer', timer });
}

/** The block of this height with that hash, if it is in memory. */
export function known(s: State, blockHash: Uint8Array): KnownBlock | undefined {
  return s.blocks.get(toHex(blockHash));
}

/** True when the view may go on: it was started, and its height is still open. */
export function isOpen(s: State): boolean {
  return s.isValidator && s.view.started && s.decided === null && s.catchup === null;
}
