import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PREPARE,
} from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { isCommitVote, noteCommitVote } from './attendance.ts';
import { learn } from './catchup.ts';
import { certify, isRoundDue } from './certificates.ts';
import { mayLeadLater, takeProof } from './election.ts';
import { watch } from './evidence.ts';
import { receiveNewRound, receiveVote } from './leader.ts';
import { enterView, noteRound } from './pacemaker.ts';
import { receiveDecide, receiveProposal } from './replica.ts';
import { drop, emit, isOpen, placeOf, report, type State } from './state.ts';
import { suspectAhead } from './sync-peers.ts';

/** A message of another validator. What is for later waits, what is over is dropped and counted. */
export function receive(s: State, message: ConsensusMessage) {
  const sender = toHex(message.address);
  if (sender === s.selfHex) return receiveOwn(s, message);
  watch(s, message);
  noteCommitVote(s, message);
  if (message.height < s.height) return receiveLate(s, message);
  if (message.height > s.height) return receiveAhead(s, sender, message);
  noteRound(s, sender, message.round);
  if (isDecide(message)) return receiveDecide(s, message);
  if (message.round < s.view.round) return drop(s, 'old_round');
  followCertificate(s, message);
  if (message.round === s.view.round && isOpen(s)) return take(s, message);
  hold(s, sender, message);
}

/** Nobody sends us our own words: another process has our key, or plays back what we said. */
function receiveOwn(s: State, { type, height, round, step, signature }: ConsensusMessage) {
  drop(s, 'own_key');
  const said = height === s.height && round === s.view.round ? s.view.said.get(placeOf({ type, step })) : null;
  if (said && !equalBytes(said.signature, signature)) report(s, { fact: 'ownKey', height, round, step });
}

/** True for what would be dropped anyway: its signature need not be verified. */
export function isStale(s: State, message: ConsensusMessage): boolean {
  if (message.height === s.tip.height && isCommitVote(message)) return false;
  if (message.height < s.height) return message.height !== s.lastDecide?.height;
  return message.height === s.height && message.round < s.view.round && !isDecide(message);
}

/** A message of this view, of others or our own. */
export function take(s: State, message: ConsensusMessage) {
  takeProof(s, message);
  if (message.type === MESSAGE_VOTE) receiveVote(s, message);
  else if (message.step === STEP_NEWROUND) receiveNewRound(s, message);
  else if (isDecide(message)) receiveDecide(s, message);
  else receiveProposal(s, message);
}

function isDecide({ type, step }: ConsensusMessage): boolean {
  return type === MESSAGE_PROPOSE && step === STEP_DECIDE;
}

/** Someone has not heard the decision of the last height. */
function receiveLate(s: State, message: ConsensusMessage) {
  const { lastDecide } = s;
  if (isCommitVote(message)) return;
  if (lastDecide?.height === message.height) emit(s, { kind: 'send', to: message.address, message: lastDecide });
  drop(s, 'old_height');
}

function receiveAhead(s: State, sender: string, message: ConsensusMessage) {
  if (message.height === s.height + 1n) hold(s, sender, message);
  const certified = message.justify ? certify(s, message.justify) : null;
  if (certified) learn(s, certified, message.address);
  else if (message.height > s.height + 1n) {
    suspectAhead(s, message.address);
    drop(s, 'ahead_unproven');
  }
}

/** Keeps the newest message of each validator and place: 10 places at most. */
function hold(s: State, sender: string, message: ConsensusMessage) {
  const { height, round, step, type } = message;
  if (type === MESSAGE_PROPOSE && step >= STEP_PREPARE) {
    if (!mayLeadLater(s, message)) return drop(s, 'not_leader');
  }
  const messages = s.buffer.get(sender) ?? new Map<number, ConsensusMessage>();
  s.buffer.set(sender, messages);
  const earlier = messages.get(placeOf(message));
  const newer = !earlier || height > earlier.height || (height === earlier.height && round >= earlier.round);
  if (newer) messages.set(placeOf(message), message);
  if (earlier || !newer) drop(s, 'superseded');
}

/** A QC of a later round, or a timeout certificate for it, proves that a quorum is there. */
function followCertificate(s: State, message: ConsensusMessage) {
  if (!isOpen(s) || message.round <= s.view.round) return;
  if (message.timeout && isRoundDue(s, message)) return enterView(s, message.round, 'jump');
  if (!message.justify) return;
  const certified = certify(s, message.justify);
  if (!certified || certified.qc.height !== s.height || certified.qc.round <= s.view.round) return;
  enterView(s, certified.qc.round, 'jump');
}

/** Takes one waiting message of the current view; false when there is none. */
export function takeWaiting(s: State): boolean {
  if (!isOpen(s)) return false;
  for (const messages of s.buffer.values()) {
    for (const [place, message] of messages) {
      if (message.height > s.height) continue;
      const current = message.height === s.height && (message.round === s.view.round || isDecide(message));
      if (!current && message.height === s.height && message.round > s.view.round) continue;
      messages.delete(place);
      if (!current) continue;
      take(s, message);
      return true;
    }
  }
  return false;
}
