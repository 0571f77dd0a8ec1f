import { STEP_DECIDE } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { Tip } from '../../persistence/protocol.ts';
import { isExecuted, obtain } from './blocks.ts';
import { enterHeight } from './pacemaker.ts';
import type { Certified } from './rules.ts';
import { ask, cancelTimer, emit, forget, known, mayAsk, report, type State } from './state.ts';

/** A verified commit QC of this height: nothing else can be decided here any more. */
export function decide(s: State, certified: Certified) {
  if (s.decided) return contradict(s, s.decided, certified.qc.blockHash);
  s.decided = certified;
  forget(s, 'sign', 'propose');
  cancelTimer(s, 'view');
  cancelTimer(s, 'propose');
  s.view.step = STEP_DECIDE;
  report(s, { fact: 'step', step: STEP_DECIDE });
}

function contradict(s: State, decided: Certified, other: Uint8Array) {
  if (equalBytes(decided.qc.blockHash, other)) return;
  emit(s, {
    kind: 'fatal',
    code: 'CONSENSUS_FORK',
    message: `Two blocks of height ${s.height} are certified: more validators than tolerated are faulty. Stop the network and compare the chains.`,
    data: { height: s.height, blockHash: toHex(decided.qc.blockHash), other: toHex(other) },
  });
}

/** Goes on towards the commit: the body, its execution, the database. */
export function commitDecided(s: State) {
  if (!s.decided) return;
  const found = obtain(s, s.decided.qc.blockHash);
  if (!found || !isExecuted(s, found) || !mayAsk(s, 'commit')) return;
  ask(s, { kind: 'commit', blockHash: found.hash, commitQc: s.decided.bytes });
}

/** @param validators who decide the next height */
export function committed(s: State, validators: Tip['validators']) {
  const { decided } = s;
  const found = decided && known(s, decided.qc.blockHash);
  if (!decided || !found) return;
  const { round, blockHash } = decided.qc;
  const synced = s.catchup !== null || !s.isValidator;
  report(s, { fact: 'committed', height: s.height, round, blockHash: toHex(blockHash), synced });
  const { height, stateHash, timestamp_ms } = found.block.header;
  const voters = [...s.validators.list];
  enterHeight(s, { height, blockHash, stateHash, timestamp_ms, commitQc: decided.bytes, voters, validators });
}

export function commitFailed(s: State, code: string) {
  const found = s.decided && known(s, s.decided.qc.blockHash);
  if (code === 'BLOCK_NOT_STAGED' && found) found.executed = false;
  else if (code === 'COMMIT_CONFLICT' && mayAsk(s, 'tip')) ask(s, { kind: 'tip' });
  else s.paused.add('commit');
}

/** Persistence disagreed with what we think the tip is: its word counts. */
export function tipRead(s: State, tip: Tip) {
  s.paused.add('commit').add('execute').add('propose');
  if (s.decided && tip.height === s.height) contradict(s, s.decided, tip.blockHash);
  if (tip.height !== s.tip.height || !equalBytes(tip.blockHash, s.tip.blockHash)) enterHeight(s, tip);
}
