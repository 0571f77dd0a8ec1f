import { MESSAGE_PROPOSE, MESSAGE_VOTE, STEP_DECIDE, STEP_NEWROUND, STEP_PREPARE } from '../../chain/consensus.ts';
import { equalBytes } from '../../chain/hex.ts';
import { isCommitVote, showCommitVote } from './attendance.ts';
import { others } from './blocks.ts';
import { take } from './inbox.ts';
import { nextProposal } from './leader.ts';
import { lateVote, nextNewRound, nextVote, type Speech } from './replica.ts';
import { ask, emit, isOpen, mayAsk, placeOf, report, type State, setTimer } from './state.ts';

/** Asks for the signature of what is to be said next: one at a time, in the order in which the signer allows it. */
export function speak(s: State) {
  if (!mayAsk(s, 'sign')) return;
  const speech = nextSpeech(s);
  if (!speech) return;
  s.draft = speech.message;
  const { type, height, round, step, blockHash } = speech.message;
  ask(s, { kind: 'sign', request: { type, height, round, step, blockHash, justify: speech.justify } });
}

function nextSpeech(s: State): Speech | null {
  if (isOpen(s)) return nextProposal(s) ?? nextVote(s) ?? nextNewRound(s);
  // While the decision is being committed here, it is announced, and shown that we took part in it.
  const isAnnouncing = s.isValidator && s.view.started && s.decided && !s.catchup;
  return isAnnouncing ? (nextProposal(s) ?? lateVote(s)) : null;
}

/** Signed, so it is said: to the leader, to everyone, and to ourselves. */
export function signed(s: State, signature: Uint8Array) {
  if (!s.draft) return;
  const message = { ...s.draft, signature };
  s.draft = null;
  s.view.said.set(placeOf(message), message);
  s.view.place = placeOf(message);
  const { leader, leads } = s.view;
  if (message.type === MESSAGE_PROPOSE) emit(s, { kind: 'broadcast', message });
  else if (!leads) emit(s, { kind: 'send', to: leader.address, message });
  if (message.type === MESSAGE_PROPOSE || leads) take(s, message);
  if (isCommitVote(message)) showCommitVote(s, message);
  setTimer(s, 'tick', s.settings.resend_ms);
}

/** What the signer answers once it has stopped signing: it is asked again in the next step, not at every tick. */
const STOPPED_SIGNING = 'SIGNER_RECORD_STALE';

/** A safety rule forbids it: silence in this step. Any other failure is tried again. */
export function signFailed(s: State, code: string) {
  const { draft } = s;
  s.draft = null;
  if (!draft || !(code.startsWith('SIGN_') || code === STOPPED_SIGNING)) {
    s.paused.add('sign');
    return;
  }
  const { height, round, step } = draft;
  s.view.said.set(placeOf(draft), null);
  s.view.place = placeOf(draft);
  report(s, { fact: 'refused', code, step, height, round });
}

/** Silence: says again what was said last, and that this validator is in the view. */
export function repeat(s: State) {
  const { view } = s;
  if (!s.isValidator || !view.started || s.catchup) return;
  const newRound = view.said.get(placeOf({ type: MESSAGE_PROPOSE, step: STEP_NEWROUND }));
  if (newRound && !s.decided) emit(s, { kind: 'broadcast', message: newRound });
  if (view.leads) repeatProposal(s);
  else repeatVote(s);
}

function repeatVote(s: State) {
  const message = s.view.said.get(s.view.place);
  if (message?.type === MESSAGE_VOTE) emit(s, { kind: 'send', to: s.view.leader.address, message });
}

/** Only those whose vote is missing need the proposal, which may carry a block. */
function repeatProposal(s: State) {
  for (let step = STEP_DECIDE; step >= STEP_PREPARE; step--) {
    const message = s.view.said.get(placeOf({ type: MESSAGE_PROPOSE, step }));
    if (!message) continue;
    const votes = s.view.lead.votes.get(step) ?? [];
    for (const { address } of others(s)) {
      if (!votes.some((vote) => equalBytes(vote.address, address))) emit(s, { kind: 'send', to: address, message });
    }
    return;
  }
}
