import { type ConsensusMessage, decodeQc, MESSAGE_VOTE, STEP_COMMIT } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { leaderOf } from '../../chain/validators.ts';
import { certificateOf } from './certificates.ts';
import { emit, type State } from './state.ts';

/**
 * Who took part: validators that miss block after block are paused, and the proof of presence is the commit QC of the
 * parent that a header carries. The leader of a height needs two thirds of the COMMIT votes and waits for no more, so the
 * slowest honest validators would always be missing. Therefore COMMIT votes go to the leader of the next height too, which
 * adds what has come meanwhile.
 */

export function isCommitVote({ type, step }: { type: number; step: number }): boolean {
  return type === MESSAGE_VOTE && step === STEP_COMMIT;
}

/** Remembers the newest COMMIT vote of each validator, of this height and of the tip. */
export function noteCommitVote(s: State, message: ConsensusMessage) {
  const { height, round, blockHash, address, signature } = message;
  if (!isCommitVote(message) || !blockHash || height < s.tip.height || height > s.height) return;
  const earlier = s.commitVotes.get(toHex(address));
  if (earlier && (earlier.height > height || (earlier.height === height && earlier.round >= round))) return;
  s.commitVotes.set(toHex(address), { height, round, blockHash, address, signature });
}

/** Forgets the votes of heights that no header certifies any more. */
export function forgetCommitVotes(s: State) {
  for (const [sender, vote] of s.commitVotes) if (vote.height < s.tip.height) s.commitVotes.delete(sender);
}

/** Shows our COMMIT vote to whoever may propose the next block. */
export function showCommitVote(s: State, message: ConsensusMessage) {
  noteCommitVote(s, message);
  if (s.settings.election === 'sortition') return emit(s, { kind: 'broadcast', message });
  const { address } = leaderOf(s.validators, s.height + 1n, 0);
  const isKnown = equalBytes(address, s.view.leader.address) || equalBytes(address, s.settings.self);
  if (!isKnown) emit(s, { kind: 'send', to: address, message });
}

/** The certificate of the tip with every vote for it that is known here; null for genesis. */
export function fullCertificate(s: State): Uint8Array | null {
  const { commitQc, height, blockHash } = s.tip;
  if (!commitQc) return null;
  const qc = decodeQc(commitQc);
  const late = [...s.commitVotes.values()].filter(
    (vote) =>
      vote.height === height &&
      vote.round === qc.round &&
      equalBytes(vote.blockHash, blockHash) &&
      s.voters.byAddress(toHex(vote.address)) !== undefined &&
      !qc.signatures.some(({ address }) => equalBytes(address, vote.address)),
  );
  if (late.length === 0) return commitQc;
  const signatures = [...qc.signatures, ...late.map(({ address, signature }) => ({ address, signature }))];
  return certificateOf(s, { ...qc, signatures }).bytes;
}
