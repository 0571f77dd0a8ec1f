import { sha256 } from '../../../../wasm/hash.ts';
import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../chain/consensus.ts';
import { equalBytes } from '../../chain/hex.ts';
import { encodeTimeoutCertificate } from '../../chain/timeout-certificate.ts';
import { fullCertificate, isCommitVote } from './attendance.ts';
import { admitOwn, obtain, preferSource } from './blocks.ts';
import { certificateOf, certify, decidesTip, preparesHeight } from './certificates.ts';
import { decide } from './decide.ts';
import { candidatesWait_ms } from './election.ts';
import { proposalTime_ms } from './pacemaker.ts';
import { draft, type Speech } from './replica.ts';
import type { Certified } from './rules.ts';
import { ask, drop, mayAsk, placeOf, report, type State, setTimer } from './state.ts';

/** Every validator says NEWROUND to everyone: the leader collects them. */
export function receiveNewRound(s: State, message: ConsensusMessage) {
  const justify = message.justify ? certify(s, message.justify) : null;
  const prepareQc = justify && preparesHeight(s, justify, message.round) ? justify : null;
  const opens = justify ? decidesTip(s, justify) : !message.justify && s.tip.height === 0n;
  if (!prepareQc && !opens) return drop(s, 'newround_justify');
  const { address, signature } = message;
  const justifyHash = message.justify ? sha256(message.justify) : new Uint8Array();
  s.view.newRounds = s.rules.collect(s.view.newRounds, { address, justifyHash, signature, prepareQc });
}

export function receiveVote(s: State, message: ConsensusMessage) {
  const { view } = s;
  const { step, blockHash, address, signature } = message;
  // The leader of the next height hears COMMIT votes, too: they are noted already.
  if (!view.leads) return isCommitVote(message) ? undefined : drop(s, 'not_for_us');
  const proposal = view.proposals.get(step);
  if (!proposal || !blockHash || !equalBytes(proposal.blockHash, blockHash)) return drop(s, 'vote_other_block');
  if (view.lead.certificates.has(step)) return drop(s, 'vote_late');
  const votes = s.rules.collect(view.lead.votes.get(step) ?? [], { address, signature });
  view.lead.votes.set(step, votes);
  if (!s.rules.isQuorum(s.validators, votes)) return;
  const certified = certificateOf(s, { height: s.height, round: view.round, step, blockHash, signatures: votes });
  view.lead.certificates.set(step, certified);
  if (step === STEP_COMMIT) decide(s, certified);
}

/** Goes on towards a block to propose: quorum, then the prepared block or, after the interval, a fresh one. */
export function leadOn(s: State) {
  const { lead } = s.view;
  if (!s.view.leads || lead.block) return;
  lead.plan ??= plan(s);
  if (!lead.plan) return;
  lead.quorum_ms ??= s.now_ms;
  const wait_ms = candidatesWait_ms(s);
  if (wait_ms > 0) waitUntil(s, s.now_ms + wait_ms);
  else if (lead.plan.kind === 'again') lead.block = obtain(s, lead.plan.prepareQc.qc.blockHash);
  else proposeWhenDue(s);
}

function waitUntil(s: State, due_ms: number) {
  const { lead } = s.view;
  if (lead.due_ms !== due_ms) setTimer(s, 'propose', due_ms - s.now_ms);
  lead.due_ms = due_ms;
}

function plan(s: State): NonNullable<State['view']['lead']['plan']> | null {
  const { newRounds } = s.view;
  if (!s.rules.isQuorum(s.validators, newRounds)) return null;
  const reported = newRounds.map((one) => one.prepareQc).filter((one): one is Certified => one !== null);
  if (s.prepareQc) reported.push(s.prepareQc);
  const prepareQc = s.rules.highest(reported);
  if (!prepareQc) return { kind: 'fresh' };
  const reporter = newRounds.find((one) => one.prepareQc === prepareQc);
  if (reporter) preferSource(s, reporter.address);
  return { kind: 'again', prepareQc };
}

function proposeWhenDue(s: State) {
  const { settings, tip } = s;
  if (!mayAsk(s, 'propose')) return;
  const due_ms = proposalTime_ms(s, s.mempool > 0 ? settings.blockInterval_ms : settings.emptyBlockInterval_ms);
  if (s.now_ms < due_ms) return waitUntil(s, due_ms);
  const next_ms = tip.timestamp_ms + 1n;
  const clock_ms = BigInt(Math.floor(s.now_ms));
  ask(s, {
    kind: 'propose',
    parent: tip.blockHash,
    height: s.height,
    timestamp_ms: clock_ms > next_ms ? clock_ms : next_ms,
    proposer: settings.self,
    quorumCertificate: fullCertificate(s) ?? new Uint8Array(),
  });
}

export function proposed(s: State, block: Uint8Array) {
  s.view.lead.block = admitOwn(s, block);
  if (s.view.lead.block) return;
  s.paused.add('propose');
  report(s, { fact: 'failed', ask: 'propose', code: 'BLOCK_MALFORMED', message: 'the ledger built no block' });
}

/** The leader's next proposal: a QC leads to the next step, the block to PREPARE. */
export function nextProposal(s: State): Speech | null {
  const { view } = s;
  if (!view.leads) return null;
  for (const step of [STEP_DECIDE, STEP_COMMIT, STEP_PRECOMMIT]) {
    const certified = view.lead.certificates.get(step - 1);
    if (!certified) continue;
    if (placeOf({ type: MESSAGE_PROPOSE, step }) <= view.place) return null;
    const { bytes: justify, qc } = certified;
    return { message: draft(s, MESSAGE_PROPOSE, step, { blockHash: qc.blockHash, justify }), justify };
  }
  return firstProposal(s);
}

function firstProposal(s: State): Speech | null {
  const { lead, place } = s.view;
  if (!lead.block || placeOf({ type: MESSAGE_PROPOSE, step: STEP_PREPARE }) <= place) return null;
  const { hash: blockHash, bytes: block } = lead.block;
  const parentQc = lead.block.block.header.quorumCertificate;
  const justify = lead.plan?.kind === 'again' ? lead.plan.prepareQc.bytes : parentQc.length > 0 ? parentQc : null;
  const parts = { blockHash, block, justify, timeout: timeoutCertificate(s) };
  return { message: draft(s, MESSAGE_PROPOSE, STEP_PREPARE, parts), justify };
}

/** Proves to those who are in an earlier round that a quorum is in this one. */
function timeoutCertificate(s: State): Uint8Array | null {
  const { round, newRounds } = s.view;
  if (round === 0) return null;
  const entries = newRounds.map(({ address, justifyHash, signature }) => ({ address, justifyHash, signature }));
  return encodeTimeoutCertificate({ height: s.height, round, entries });
}
