import { MESSAGE_PROPOSE, STEP_DECIDE, STEP_NEWROUND } from '../../chain/consensus.ts';
import { fromHex, toHex } from '../../chain/hex.ts';
import { exceedsFaults, validatorSet } from '../../chain/validators.ts';
import type { Tip } from '../../persistence/protocol.ts';
import { forgetCommitVotes } from './attendance.ts';
import type { ViewCause } from './effect.ts';
import { firstLeader } from './election.ts';
import { forgetStatements } from './evidence.ts';
import { cancelTimer, forget, forgetHeight, placeOf, report, type State, setTimer, type View } from './state.ts';

/** A round that failed gets half as much time again. */
const TIMEOUT_GROWTH = 1.5;
/** Rounds in which growth is computed; beyond, any cap is long reached. */
const MAX_EXPONENT = 40;

/** A view as it is entered. */
export function newView(
  place: Pick<State, 'settings' | 'validators' | 'selfHex' | 'height' | 'now_ms'>,
  round: number,
): View {
  const { settings, validators, selfHex, height, now_ms } = place;
  const leader = firstLeader(settings.election, validators, height, round);
  return {
    round,
    leader,
    leads: toHex(leader.address) === selfHex,
    bound: false,
    proof: null,
    drawn: new Map(),
    entered_ms: now_ms,
    started: false,
    timed: false,
    step: STEP_NEWROUND,
    rejected: false,
    newRounds: [],
    proposals: new Map(),
    said: new Map(),
    place: 0,
    lead: { plan: null, quorum_ms: null, due_ms: null, block: null, votes: new Map(), certificates: new Map() },
  };
}

/** Enters a round of the height and starts it. What the round before asked for is not waited for any more. */
export function enterView(s: State, round: number, cause: ViewCause) {
  s.view = newView(s, round);
  s.rounds.set(s.selfHex, round);
  forget(s, 'sign', 'prove', 'propose');
  cancelTimer(s, 'view');
  cancelTimer(s, 'propose');
  report(s, { fact: 'view', height: s.height, round, leader: toHex(s.view.leader.address), cause });
  report(s, { fact: 'step', step: STEP_NEWROUND });
  s.view.started = true;
}

/** Follows a committed block: round 0 of the next height is prepared, and started unless something holds it. */
export function enterHeight(s: State, tip: Tip) {
  s.lastDecide = s.view.said.get(placeOf({ type: MESSAGE_PROPOSE, step: STEP_DECIDE })) ?? null;
  s.tip = tip;
  s.height = tip.height + 1n;
  s.voters = validatorSet(tip.voters);
  s.validators = validatorSet(tip.validators);
  s.isValidator = s.validators.byAddress(s.selfHex) !== undefined;
  s.prepareQc = null;
  s.lockedQc = null;
  s.decided = null;
  s.search = null;
  s.blocks.clear();
  forgetHeight(s);
  forgetCommitVotes(s);
  forgetStatements(s);
  countRounds(s);
  enterView(s, 0, 'height');
  s.view.started = !s.manual && s.catchup === null;
}

/** The rounds that waiting messages of the new height show. */
function countRounds(s: State) {
  s.rounds.clear();
  for (const [sender, messages] of s.buffer) {
    for (const [place, message] of messages) {
      if (message.height < s.height) messages.delete(place);
      else if (message.height === s.height) noteRound(s, sender, message.round);
    }
  }
}

export function noteRound(s: State, sender: string, round: number) {
  if (round >= (s.rounds.get(sender) ?? 0)) s.rounds.set(sender, round);
}

/**
 * Joins the highest round that one validator more than may be faulty has reached. A prepared view of manual mode is
 * started when as many others have started it.
 */
export function followOthers(s: State) {
  // After every input: the common case, that nobody is ahead, must cost next to nothing.
  if (s.view.started && !isAnyoneAhead(s)) return;
  const reached = roundOfOthers(s);
  if (reached === null) return;
  if (reached > s.view.round) enterView(s, reached, 'jump');
  else if (reached === s.view.round && !s.view.started) s.view.started = true;
}

function isAnyoneAhead(s: State): boolean {
  for (const round of s.rounds.values()) if (round > s.view.round) return true;
  return false;
}

/** The highest round that more validators have reached than may be faulty; null if so many were not heard. */
function roundOfOthers(s: State): number | null {
  const others = [...s.rounds].filter(([sender]) => sender !== s.selfHex).sort(([, a], [, b]) => b - a);
  let power = 0n;
  for (const [sender, round] of others) {
    power += s.validators.byAddress(sender)?.power ?? 0n;
    if (exceedsFaults(s.validators, power)) return round;
  }
  return null;
}

/**
 * The clock of a view runs only from when a quorum is known to have reached it, or its leader to have spoken: alone,
 * nobody runs ahead of the others, so that all come to share a round for the whole length of a timeout. A
 * validator whose NEWROUND the signer refused cannot wait for that.
 */
export function timeView(s: State) {
  const { view } = s;
  if (view.timed) return;
  const here = [...s.rounds].filter(([, round]) => round >= view.round);
  const quorum = s.rules.isQuorum(
    s.validators,
    here.map(([sender]) => ({ address: fromHex(sender) })),
  );
  if (!quorum && view.proposals.size === 0 && ![...view.said.values()].includes(null)) return;
  view.timed = true;
  setTimer(s, 'view', viewTimeout_ms(s));
}

/** Waiting for the block interval, and then the round's time. */
function viewTimeout_ms(s: State): number {
  const { timeout_ms, timeoutCap_ms, emptyBlockInterval_ms } = s.settings;
  const waiting_ms = Math.max(0, proposalTime_ms(s, emptyBlockInterval_ms) - s.now_ms);
  const grown_ms = timeout_ms * TIMEOUT_GROWTH ** Math.min(s.view.round, MAX_EXPONENT);
  return waiting_ms + Math.round(Math.min(grown_ms, Math.max(timeoutCap_ms, timeout_ms)));
}

/**
 * When the leader proposes a fresh block: the interval after the parent. A parent from a clock ahead of ours does not
 * make us wait longer than the interval.
 */
export function proposalTime_ms(s: State, interval_ms: number): number {
  return Math.min(Number(s.tip.timestamp_ms), s.view.entered_ms) + interval_ms;
}

export function viewTimedOut(s: State) {
  const { round } = s.view;
  report(s, { fact: 'timeout', height: s.height, round, timeout_ms: viewTimeout_ms(s) });
  enterView(s, round + 1, 'timeout');
}

/**
 * Manual mode: starts the next view. Only the very first view of a chain is started as prepared; else, as in the
 * earlier node, a trigger interrupts the round that is prepared or under way.
 */
export function trigger(s: State) {
  if (s.catchup || s.decided) return;
  if (!s.view.started && s.tip.height === 0n && s.view.round === 0) s.view.started = true;
  else enterView(s, s.view.round + 1, 'trigger');
}
