import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { admit, isExecuted, obtain, preferSource } from './blocks.ts';
import { certify } from './certificates.ts';
import { decide } from './decide.ts';
import { bindLeader, isDrawn } from './election.ts';
import { enterView } from './pacemaker.ts';
import { judgePrepare } from './proposal.ts';
import type { Certified } from './rules.ts';
import { drop, emit, type Proposal, placeOf, report, type State } from './state.ts';

/** What is to be signed: the message without its signature, and the QC that the signer wants to see. */
export interface Speech {
  readonly message: ConsensusMessage;
  readonly justify: Uint8Array | null;
}

/** A PREPARE, PRECOMMIT or COMMIT proposal of this view. */
export function receiveProposal(s: State, message: ConsensusMessage) {
  const { view } = s;
  if (!equalBytes(message.address, view.leader.address)) return drop(s, 'not_leader');
  const earlier = view.proposals.get(message.step);
  if (earlier) return receiveAgain(s, message, earlier);
  if (message.step === STEP_PREPARE) receivePrepare(s, message);
  else receiveCertified(s, message);
}

/** The leader waits for votes: ours may be lost. */
function receiveAgain(s: State, message: ConsensusMessage, earlier: Proposal) {
  const { view } = s;
  if (!message.blockHash || !equalBytes(earlier.blockHash, message.blockHash)) return drop(s, 'second_proposal');
  const vote = view.said.get(placeOf({ type: MESSAGE_VOTE, step: message.step }));
  if (vote && !view.leads) emit(s, { kind: 'send', to: view.leader.address, message: vote });
  drop(s, 'repeated');
}

function receivePrepare(s: State, message: ConsensusMessage) {
  if (s.view.step > STEP_PREPARE) {
    // Overtaken by a later step: only the body is of use.
    if (message.block && message.blockHash) admit(s, message.block, message.blockHash, false);
    return;
  }
  const judged = judgePrepare(s, message);
  if (typeof judged === 'string') return reject(s, judged);
  accept(s, message.step, judged);
}

function receiveCertified(s: State, message: ConsensusMessage) {
  const { blockHash } = message;
  const certified = certificateFor(s, message);
  if (!certified || !blockHash) return reject(s, 'qc_invalid');
  if (message.step === STEP_PRECOMMIT) s.prepareQc = certified;
  else s.lockedQc = certified;
  preferSource(s, message.address);
  accept(s, message.step, { blockHash, justify: certified });
}

/** The QC that a PRECOMMIT, COMMIT or DECIDE must carry: of the step before, the same view and block. */
function certificateFor(s: State, message: ConsensusMessage): Certified | null {
  const { justify, blockHash, height, round, step } = message;
  if (!justify || !blockHash) return null;
  const certified = certify(s, justify);
  if (!certified) return null;
  const { qc } = certified;
  const fits = qc.step === step - 1 && qc.height === height && qc.round === round;
  return fits && equalBytes(qc.blockHash, blockHash) ? certified : null;
}

/** The QC speaks for itself: any round's, and anyone's. */
export function receiveDecide(s: State, message: ConsensusMessage) {
  const certified = certificateFor(s, message);
  if (!certified) return drop(s, 'qc_invalid');
  preferSource(s, message.address);
  decide(s, certified);
}

function accept(s: State, step: number, proposal: Proposal) {
  s.view.proposals.set(step, proposal);
  bindLeader(s);
  if (step <= s.view.step) return;
  s.view.step = step;
  report(s, { fact: 'step', step });
}

/** An invalid proposal ends the round for us: there is nothing more to expect of its leader. */
function reject(s: State, reason: string) {
  const { view, height } = s;
  report(s, { fact: 'rejected', reason, leader: toHex(view.leader.address), height, round: view.round });
  enterView(s, view.round + 1, 'invalid');
}

/** The vote that is due, once its block is executed and durable here; while it is not, that is asked for. */
export function nextVote(s: State): Speech | null {
  const { view } = s;
  for (const step of [STEP_COMMIT, STEP_PRECOMMIT, STEP_PREPARE]) {
    const proposal = view.proposals.get(step);
    if (!proposal) continue;
    if (placeOf({ type: MESSAGE_VOTE, step }) <= view.place) return null;
    const found = obtain(s, proposal.blockHash);
    if (!found || !isExecuted(s, found)) return null;
    const { blockHash, justify } = proposal;
    return { message: draft(s, MESSAGE_VOTE, step, { blockHash }), justify: justify?.bytes ?? null };
  }
  return null;
}

/** The COMMIT vote that came too late for the decision: it shows that this validator was there. */
export function lateVote(s: State): Speech | null {
  const proposal = s.view.proposals.get(STEP_COMMIT);
  const isDecided = s.decided?.qc.round === s.view.round && proposal !== undefined;
  return isDecided ? nextVote(s) : null;
}

/** The announcement that this validator has entered the view, with the best that the next leader can build on. */
export function nextNewRound(s: State): Speech | null {
  if (s.view.place >= placeOf({ type: MESSAGE_PROPOSE, step: STEP_NEWROUND }) || !isDrawn(s)) return null;
  const justify = s.prepareQc?.bytes ?? s.tip.commitQc;
  return { message: draft(s, MESSAGE_PROPOSE, STEP_NEWROUND, { justify }), justify };
}

export function draft(
  s: State,
  type: number,
  step: number,
  parts: { blockHash?: Uint8Array; block?: Uint8Array; justify?: Uint8Array | null; timeout?: Uint8Array | null },
): ConsensusMessage {
  return {
    type,
    height: s.height,
    round: s.view.round,
    step,
    blockHash: parts.blockHash ?? null,
    block: parts.block ?? null,
    justify: parts.justify ?? null,
    timeout: parts.timeout ?? null,
    proof: step <= STEP_PREPARE && type === MESSAGE_PROPOSE ? s.view.proof : null,
    address: s.settings.self,
    signature: new Uint8Array(),
    networkId: s.settings.networkId,
  };
}

/** The block of the view could not be executed. Prepared by a quorum, it is us who are wrong. */
export function executionFailed(s: State, blockHash: Uint8Array, message: string) {
  const proposal = s.view.proposals.get(STEP_PREPARE);
  const agreed = s.decided ?? s.prepareQc;
  if (agreed && equalBytes(agreed.qc.blockHash, blockHash)) {
    s.paused.add('execute');
    report(s, { fact: 'undecidable', blockHash: toHex(blockHash), code: 'BLOCK_INVALID', message });
  } else if (proposal && equalBytes(proposal.blockHash, blockHash) && s.view.step < STEP_DECIDE) {
    reject(s, 'block_invalid');
  }
}
