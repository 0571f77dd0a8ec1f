import { blockHash, decodeBlock, type Header } from '../../chain/block.ts';
import { STEP_COMMIT } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { admit, nextSource, others, preferSource, source } from './blocks.ts';
import { certify, provenHeight } from './certificates.ts';
import { commitDecided, decide } from './decide.ts';
import type { SyncedBlock } from './input.ts';
import type { Certified } from './rules.ts';
import { ask, cancelTimer, forget, known, mayAsk, report, type State } from './state.ts';

/** Blocks in one request: with full blocks of 4 MB already more than an answer holds. */
const MAX_BLOCKS_ASKED = 16;

/**
 * A certificate from a greater height. It proves that blocks are decided that we lack, so a liar cannot make us
 * stop: only then are they fetched, and the rounds of a height that is long decided are left alone.
 */
export function learn(s: State, certified: Certified, from: Uint8Array) {
  const target = provenHeight(certified);
  if (target < s.height) return;
  preferSource(s, from);
  const { qc } = certified;
  if (qc.step === STEP_COMMIT && qc.height === s.height) decide(s, certified);
  if (target === s.height && s.decided) return;
  if (!s.catchup) startCatchup(s, target);
  else if (target > s.catchup.target) s.catchup.target = target;
}

function startCatchup(s: State, target: bigint) {
  s.catchup = { target, queue: [], asked: 0 };
  s.view.started = false;
  forget(s, 'sign', 'propose');
  cancelTimer(s, 'view');
  cancelTimer(s, 'propose');
  report(s, { fact: 'behind', height: s.height, target });
}

/** Goes on: the decided block first, then the next of the queue, then the next request. */
export function catchUp(s: State) {
  const { catchup } = s;
  if (!catchup) return;
  takeNext(s, catchup.queue);
  if (s.decided && known(s, s.decided.qc.blockHash)) return commitDecided(s);
  if (!mayAsk(s, 'fetchBlocks') || catchup.asked >= others(s).length) return;
  const missing = catchup.target - s.height + 1n;
  const count = missing < MAX_BLOCKS_ASKED ? Number(missing) : MAX_BLOCKS_ASKED;
  ask(s, { kind: 'fetchBlocks', from: source(s), height: s.height, count });
}

function takeNext(s: State, queue: SyncedBlock[]) {
  const next = queue[0];
  if (!next || (s.decided && known(s, s.decided.qc.blockHash))) return;
  queue.shift();
  const reason = take(s, next);
  if (reason === null) return;
  report(s, { fact: 'badPeer', address: toHex(source(s)), reason });
  queue.length = 0;
  refused(s);
}

/** Null, or what is wrong with the block or its certificate. */
function take(s: State, { block, commitQc }: SyncedBlock): string | null {
  if (block.length > s.settings.maxBlockBytes) return 'block_too_large';
  const header = headerOf(block);
  if (!header) return 'block_malformed';
  if (header.height !== s.height || header.networkId !== s.settings.networkId) return 'wrong_block';
  if (!equalBytes(header.parentHash, s.tip.blockHash)) return 'wrong_parent';
  const certified = certify(s, commitQc);
  if (!certified) return 'qc_invalid';
  const hash = blockHash(header);
  const { qc } = certified;
  if (qc.step !== STEP_COMMIT || qc.height !== s.height || !equalBytes(qc.blockHash, hash)) return 'qc_foreign';
  decide(s, certified);
  admit(s, block, hash, false);
  return null;
}

function headerOf(block: Uint8Array): Header | null {
  try {
    return decodeBlock(block).header;
  } catch {
    return null;
  }
}

export function fetched(s: State, blocks: SyncedBlock[]) {
  const { catchup } = s;
  if (!catchup) return;
  if (blocks.length === 0) return refused(s);
  catchup.asked = 0;
  catchup.queue.push(...blocks.slice(0, MAX_BLOCKS_ASKED - catchup.queue.length));
}

/** The validator cannot help: another one is asked, each once until the next tick. */
export function refused(s: State) {
  if (s.catchup) s.catchup.asked += 1;
  nextSource(s);
}
