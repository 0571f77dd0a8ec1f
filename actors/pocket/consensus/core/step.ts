import { CodedError } from '../../../../runtime/errors.ts';
import { STEP_NEWROUND } from '../../chain/consensus.ts';
import { toHex } from '../../chain/hex.ts';
import { validatorSet } from '../../chain/validators.ts';
import { nextSource, others, searched } from './blocks.ts';
import { executeAhead, executedAhead } from './catchup.ts';
import { certify } from './certificates.ts';
import { commitDecided, commitFailed, committed, tipRead } from './decide.ts';
import type { Ask, Effect } from './effect.ts';
import { receive, takeWaiting } from './inbox.ts';
import type { Input, TimerName } from './input.ts';
import { leadOn, proposed } from './leader.ts';
import { enterView, followOthers, newView, timeView, trigger, viewTimedOut } from './pacemaker.ts';
import { executionFailed } from './replica.ts';
import type { Certified } from './rules.ts';
import { repeat, signed, signFailed, speak } from './speech.ts';
import { ask, drop, emit, isOpen, known, mayAsk, report, type Start, type State, setTimer } from './state.ts';
import { isSyncAsk, measureProgress, syncAnswered, synchronize } from './sync.ts';
import { peersConnected } from './sync-peers.ts';
import { newSync } from './sync-state.ts';

/** A state, and the effects with which it begins. */
export interface Begun {
  state: State;
  effects: Effect[];
}

/** The state of a validator that starts, or starts again, and its first effects. */
export function begin(start: Start, now_ms: number): Begun {
  const s = initialState(start, now_ms);
  const { record } = start;
  let round = 0;
  if (record.height === s.height) {
    s.prepareQc = restored(s, record.prepareQc);
    s.lockedQc = restored(s, record.lockedQc);
    // What else was said in that round is forgotten: contradicting it would be refused, so the next one is entered.
    round = record.step > STEP_NEWROUND ? record.round + 1 : record.round;
  }
  enterView(s, round, 'height');
  s.view.started = !s.manual;
  setTimer(s, 'tick', s.settings.resend_ms);
  return { state: s, effects: settle(s) };
}

/** Takes one input; the answer is what the shell has to do. Changes `s`. */
export function step(s: State, input: Input, now_ms: number): Effect[] {
  s.now_ms = now_ms;
  s.out = [];
  handle(s, input);
  return settle(s);
}

/** True while the answer to an ask would still be used. */
export function isWanted(s: State, id: number): boolean {
  return s.asks.has(id);
}

/** The state before anything has happened. */
export function initialState(start: Start, now_ms: number): State {
  const { settings, rules, tip, manual, mempool } = start;
  const height = tip.height + 1n;
  const selfHex = toHex(settings.self);
  const validators = validatorSet(tip.validators);
  return {
    settings,
    rules,
    selfHex,
    voters: validatorSet(tip.voters),
    validators,
    isValidator: validators.byAddress(selfHex) !== undefined,
    now_ms,
    out: [],
    nextNumber: 1,
    asks: new Map(),
    paused: new Set(),
    draft: null,
    timers: new Map(),
    tip,
    height,
    view: newView({ settings, validators, selfHex, height, now_ms }, 0),
    prepareQc: null,
    lockedQc: null,
    decided: null,
    blocks: new Map(),
    search: null,
    catchup: null,
    sync: newSync(height, now_ms),
    source: 0,
    rounds: new Map(),
    buffer: new Map(),
    verified: new Map(),
    commitVotes: new Map(),
    statements: new Map(),
    accused: new Map(),
    lastDecide: null,
    mempool,
    manual,
  };
}

/** A lock that cannot be read must not be forgotten. */
function restored(s: State, bytes: Uint8Array | null): Certified | null {
  if (!bytes) return null;
  const certified = certify(s, bytes);
  if (certified && certified.qc.height === s.height) return certified;
  throw new CodedError(
    'CONSENSUS_LOCK_INVALID',
    "The signer's record holds a certificate that this network's validators did not sign; check that key, record and genesis belong together.",
    { height: s.height },
  );
}

function handle(s: State, input: Input) {
  switch (input.kind) {
    case 'message':
      return receive(s, input.message);
    case 'timer':
      return timerFired(s, input.timer, input.token);
    case 'mempool':
      s.mempool = input.transactions;
      return;
    case 'rebound':
      s.paused.clear();
      return repeat(s);
    case 'recovered':
      return recovered(s);
    case 'peers':
      return peersConnected(s, input.addresses);
    case 'trigger':
      return trigger(s);
    case 'setManual':
      s.manual = input.manual;
      if (!s.manual && !s.catchup) s.view.started = true;
      return;
    default:
      return answered(s, input);
  }
}

type Answer = Extract<Input, { id: number }>;

function answered(s: State, input: Answer) {
  const question = s.asks.get(input.id);
  if (!question) return drop(s, 'late_answer');
  s.asks.delete(input.id);
  if (isSyncAsk(question)) return syncAnswered(s, question, input);
  if (input.kind === 'failed') return failed(s, question, input.code, input.message);
  switch (input.kind) {
    case 'signed':
      return signed(s, input.signature);
    case 'proved':
      s.view.proof = input.proof;
      return;
    case 'proposed':
      return proposed(s, input.block);
    case 'executed':
      return executed(s, question);
    case 'committed':
      return committed(s, input.validators);
    case 'block':
      if (question.kind === 'load' || question.kind === 'fetchBlock') searched(s, question, input.block);
      return;
    case 'tip':
      return tipRead(s, input.tip);
    default:
  }
}

function executed(s: State, question: Ask) {
  if (question.kind !== 'execute') return;
  const found = known(s, question.blockHash);
  if (found) found.executed = true;
  else executedAhead(s, question.blockHash);
}

function failed(s: State, question: Ask, code: string, message: string) {
  // Executed ahead of its turn: when that comes, it is tried again.
  if (question.kind === 'execute' && !known(s, question.blockHash)) return drop(s, 'ahead_failed');
  if (question.kind !== 'fetchBlock' || code !== 'PEER_UNREACHABLE') {
    report(s, { fact: 'failed', ask: question.kind, code, message });
  }
  switch (question.kind) {
    case 'sign':
      return signFailed(s, code);
    case 'commit':
      return commitFailed(s, code);
    case 'fetchBlock':
      if (s.search) s.search.asked += 1;
      return nextSource(s);
    case 'execute':
      if (code === 'BLOCK_INVALID') return executionFailed(s, question.blockHash, message);
      break;
    default:
  }
  s.paused.add(question.kind);
  if (code === 'PARENT_UNKNOWN' && mayAsk(s, 'tip')) ask(s, { kind: 'tip' });
}

function timerFired(s: State, timer: TimerName, token: number) {
  if (s.timers.get(timer)?.token !== token) return;
  s.timers.delete(timer);
  if (timer === 'propose') s.view.lead.due_ms = null;
  if (timer === 'tick') tick(s);
  else if (timer === 'view' && isOpen(s)) viewTimedOut(s);
}

/** The open questions are asked again, the timers set to what is left of them, and what was said last is repeated. */
function recovered(s: State) {
  const { view, height, now_ms } = s;
  report(s, { fact: 'view', height, round: view.round, leader: toHex(view.leader.address), cause: 'recovery' });
  report(s, { fact: 'step', step: view.step });
  for (const [id, question] of s.asks) emit(s, { kind: 'ask', id, ask: question });
  for (const [timer, { set_ms, delay_ms }] of [...s.timers]) {
    // A clock that was set back does not make a timer longer than it was.
    setTimer(s, timer, Math.min(delay_ms, Math.max(0, set_ms + delay_ms - now_ms)));
  }
  s.paused.clear();
  repeat(s);
}

/** Silence: what was said is said again, and what failed is tried again. */
function tick(s: State) {
  s.paused.clear();
  if (s.search && s.search.asked >= others(s).length) s.search = null;
  measureProgress(s);
  repeat(s);
  setTimer(s, 'tick', s.settings.resend_ms);
}

/** Does all that the new state allows. Every turn consumes a waiting message or enters a later view. */
function settle(s: State): Effect[] {
  synchronize(s);
  do {
    if (isFollowing(s)) followOthers(s);
  } while (takeWaiting(s));
  if (s.sync.snapshot?.stage !== 'closing') {
    commitDecided(s);
    executeAhead(s);
  }
  if (isOpen(s)) {
    timeView(s);
    leadOn(s);
  }
  speak(s);
  return s.out;
}

function isFollowing(s: State): boolean {
  return s.isValidator && s.decided === null && s.catchup === null;
}
