import type { ConsensusMessage } from '../../chain/consensus.ts';
import type { LeaderElection } from '../../chain/genesis.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import {
  betterCandidate,
  type Candidate,
  candidateValue,
  candidateWeight,
  EXPECTED_CANDIDATES,
  electionInput,
  weightedRoundRobin,
} from '../../chain/sortition.ts';
import { leaderOf, type Validator, type ValidatorSet } from '../../chain/validators.ts';
import { ask, drop, mayAsk, report, type State } from './state.ts';

/**
 * Who leads a view: one interface over two ways, of which the genesis names one (spec 2.3). By round robin the leader is
 * known from the start. By sortition every validator draws for itself and shows its proof with NEWROUND; the best
 * candidate that is known leads, until a proposal binds this validator to its sender. Two validators may know different
 * candidates, so a round may have two leaders: that costs the round, as a silent leader does, and never safety.
 */

/** How long a leader that was drawn waits for candidates better than itself, once a quorum is in its view. */
const CANDIDATES_WAIT_ms = 50;

/** Who leads while no candidate is known. */
export function firstLeader(way: LeaderElection, set: ValidatorSet, height: bigint, round: number): Validator {
  if (way === 'round_robin') return leaderOf(set, height, round);
  const entries = set.list.map((validator) => ({ ...validator, stake: validator.power }));
  const { address } = weightedRoundRobin(entries, height, round);
  return set.byAddress(toHex(address))!;
}

/** Can the proposal of a later view be that of its leader? Where leaders are drawn, nobody can tell before. */
export function mayLeadLater(s: State, { height, round, address }: ConsensusMessage): boolean {
  if (s.settings.election === 'sortition') return false;
  return equalBytes(leaderOf(s.validators, height, round).address, address);
}

/** True once this validator may enter the race of the view; else its proof is asked for. */
export function isDrawn(s: State): boolean {
  if (s.settings.election === 'round_robin' || s.view.proof) return true;
  if (mayAsk(s, 'prove')) ask(s, { kind: 'prove', ...drawOf(s) });
  return false;
}

/** Takes the proof that a NEWROUND or PREPARE of this view shows; each validator's once. */
export function takeProof(s: State, { address, proof }: ConsensusMessage) {
  const { view, validators } = s;
  const sender = toHex(address);
  const validator = validators.byAddress(sender);
  if (s.settings.election === 'round_robin' || !proof || !validator || view.drawn.has(sender)) return;
  const output = s.rules.draw(validator, electionInput({ networkId: s.settings.networkId, ...drawOf(s) }), proof);
  if (!output) return drop(s, 'proof_invalid');
  const weight = candidateWeight(output, validator.power, validators.totalPower, EXPECTED_CANDIDATES);
  view.drawn.set(sender, weight > 0 ? { address, value: candidateValue(output, weight) } : null);
  elect(s);
}

/** Binds this validator to the sender of a proposal that it accepted. */
export function bindLeader(s: State) {
  s.view.bound = true;
}

/** Does the leader wait for candidates? Where it does, for how long still, in ms. */
export function candidatesWait_ms(s: State): number {
  const { view, settings, validators, now_ms } = s;
  if (settings.election === 'round_robin' || view.newRounds.length >= validators.list.length) return 0;
  return Math.max(0, (view.lead.quorum_ms ?? now_ms) + CANDIDATES_WAIT_ms - now_ms);
}

function elect(s: State) {
  const { view } = s;
  if (view.bound) return;
  const candidates = [...view.drawn.values()].filter((one): one is Candidate => one !== null);
  if (candidates.length === 0) return;
  const best = candidates.reduce((a, b) => betterCandidate(a, b));
  if (equalBytes(best.address, view.leader.address)) return;
  view.leader = s.validators.byAddress(toHex(best.address))!;
  view.leads = toHex(best.address) === s.selfHex;
  report(s, { fact: 'elected', height: s.height, round: view.round, leader: toHex(best.address) });
}

function drawOf(s: State): { height: bigint; round: number; parentHash: Uint8Array } {
  return { height: s.height, round: s.view.round, parentHash: s.tip.blockHash };
}
