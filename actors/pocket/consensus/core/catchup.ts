import { STEP_COMMIT } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { admit, preferSource } from './blocks.ts';
import { certify, provenHeight } from './certificates.ts';
import { decide } from './decide.ts';
import type { Certified } from './rules.ts';
import { ask, asking, cancelTimer, forget, known, report, type State } from './state.ts';
import type { Arrival } from './sync-state.ts';
import { currentSetHash, distrust, prove, takeFromWindow } from './sync-window.ts';

/** A block that contradicts our own chain: who serves it need not be wrong, so it is looked at again later. */
const HOLD_ms = 10_000;

/**
 * A certificate from a greater height. It proves that blocks are decided that we lack, so a liar cannot make us
 * stop: only then the rounds of a height that is long decided are left alone.
 */
export function learn(s: State, certified: Certified, from: Uint8Array) {
  const target = provenHeight(certified);
  if (target < s.height) return;
  preferSource(s, from);
  const { qc } = certified;
  if (qc.step === STEP_COMMIT && qc.height === s.height) decide(s, certified);
  if (target === s.height && s.decided) return;
  fallBehind(s, target);
}

/** It is proven that `target` is decided: until we are there, blocks are taken from others and no round is played. */
export function fallBehind(s: State, target: bigint) {
  if (s.catchup) {
    if (target > s.catchup.target) s.catchup.target = target;
    return;
  }
  s.catchup = { target };
  s.view.started = false;
  forget(s, 'sign', 'propose');
  cancelTimer(s, 'view');
  cancelTimer(s, 'propose');
  report(s, { fact: 'behind', height: s.height, target });
}

/** All that is proven is committed, and nothing more is on its way: the rounds begin again. */
export function endCatchup(s: State) {
  if (!s.catchup || s.height <= s.catchup.target || s.sync.window.size > 0) return;
  for (const { ask: question } of s.sync.flights.values()) {
    if (question.kind === 'fetchBlocks' && question.height + BigInt(question.count) > s.height) return;
  }
  s.catchup = null;
  report(s, { fact: 'caughtUp', height: s.tip.height });
  s.view.started = !s.manual;
}

/** The fetched block of this height, if there is a good one, is decided. */
export function takeFetched(s: State) {
  while (!(s.decided && known(s, s.decided.qc.blockHash))) {
    const next = takeFromWindow(s);
    if (!next) return;
    const wrong = take(s, next);
    if (wrong === null) break;
    distrust(s, next.peer, wrong);
  }
}

/** Null, or what is wrong with the block or its certificate. */
function take(s: State, arrival: Arrival): string | null {
  const { header, hash, block, commitQc, peer } = arrival;
  const ahead = arrival.certified && equalBytes(header.valSetHash, currentSetHash(s)) ? arrival.certified : null;
  const certified = ahead ?? certify(s, commitQc);
  if (!certified) return 'qc_invalid';
  prove(peer);
  if (!equalBytes(header.parentHash, s.tip.blockHash)) {
    const message = `it follows ${toHex(header.parentHash)}, and our tip is ${toHex(s.tip.blockHash)}`;
    report(s, { fact: 'undecidable', blockHash: toHex(hash), code: 'PARENT_DIFFERS', message });
    s.sync.holdUntil_ms = s.now_ms + HOLD_ms;
    return null;
  }
  decide(s, certified);
  admit(s, block, hash, arrival.executed);
  const beyond = [...s.sync.window].reduce((top, [height, one]) => (one.certified && height > top ? height : top), 0n);
  if (beyond > s.height) fallBehind(s, beyond);
  return null;
}

/** While a block is being committed, the next one is executed on it: both are staged in the order of the chain. */
export function executeAhead(s: State) {
  const found = s.decided && known(s, s.decided.qc.blockHash);
  const next = s.sync.window.get(s.height + 1n);
  if (!found?.executed || !next?.certified || next.executed || asking(s, 'execute')) return;
  if (!asking(s, 'commit') || !equalBytes(next.header.parentHash, found.hash)) return;
  ask(s, { kind: 'execute', block: next.block, blockHash: next.hash });
}

/** A block of the window was executed ahead of its turn. */
export function executedAhead(s: State, blockHash: Uint8Array) {
  for (const arrival of s.sync.window.values()) if (equalBytes(arrival.hash, blockHash)) arrival.executed = true;
}
