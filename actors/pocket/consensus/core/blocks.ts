import { blockHash, decodeBlock } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { Validator } from '../../chain/validators.ts';
import type { Ask } from './effect.ts';
import { ask, asking, emit, forget, type KnownBlock, known, mayAsk, type State } from './state.ts';

/** Blocks of one height in memory. A view adds one; those in use stay, the others can be loaded again. */
const MAX_BLOCKS = 8;

/** Remembers the block with that hash; null if the bytes are none, or another one. */
export function admit(s: State, bytes: Uint8Array, hash: Uint8Array, executed: boolean): KnownBlock | null {
  const earlier = known(s, hash);
  if (earlier) return earlier;
  try {
    const block = decodeBlock(bytes);
    if (!equalBytes(blockHash(block.header), hash)) return null;
    return remember(s, { hash, bytes, block, executed });
  } catch {
    return null;
  }
}

/** Remembers the block that our ledger built; null if it is not of the form of a block. */
export function admitOwn(s: State, bytes: Uint8Array): KnownBlock | null {
  try {
    const block = decodeBlock(bytes);
    return remember(s, { hash: blockHash(block.header), bytes, block, executed: true });
  } catch {
    return null;
  }
}

function remember(s: State, found: KnownBlock): KnownBlock {
  s.blocks.set(toHex(found.hash), found);
  const used = [s.lockedQc, s.prepareQc, s.decided].map((one) => one && toHex(one.qc.blockHash));
  for (const proposal of s.view.proposals.values()) used.push(toHex(proposal.blockHash));
  for (const key of s.blocks.keys()) {
    if (s.blocks.size <= MAX_BLOCKS) break;
    if (!used.includes(key) && key !== toHex(found.hash)) s.blocks.delete(key);
  }
  return found;
}

/** The block, if it is in memory; else it is looked for, and the next call may have it. */
export function obtain(s: State, hash: Uint8Array): KnownBlock | null {
  const found = known(s, hash);
  if (found) return found;
  if (!s.search || !equalBytes(s.search.blockHash, hash)) {
    forget(s, 'load', 'fetchBlock');
    s.search = { blockHash: hash, loaded: false, asked: 0 };
  }
  if (asking(s, 'load') || asking(s, 'fetchBlock')) return null;
  if (!s.search.loaded) ask(s, { kind: 'load', blockHash: hash });
  else if (s.search.asked < others(s).length) ask(s, { kind: 'fetchBlock', from: source(s), blockHash: hash });
  return null;
}

/** An answer of persistence or of a validator to a search. */
export function searched(s: State, question: Extract<Ask, { kind: 'load' | 'fetchBlock' }>, bytes: Uint8Array | null) {
  const { search } = s;
  if (!search) return;
  const local = question.kind === 'load';
  // Persistence has executed blocks only.
  if (bytes && admit(s, bytes, search.blockHash, local)) {
    s.search = null;
    return;
  }
  if (question.kind === 'load') {
    search.loaded = true;
    return;
  }
  if (bytes) emit(s, { kind: 'accuse', address: question.from, reason: 'other_block' });
  search.asked += 1;
  nextSource(s);
}

/** True once the block is executed and staged; else it is asked for, once at a time. */
export function isExecuted(s: State, found: KnownBlock): boolean {
  if (found.executed) return true;
  const running = asking(s, 'execute');
  if (running && !equalBytes(running.blockHash, found.hash)) forget(s, 'execute');
  if (mayAsk(s, 'execute')) ask(s, { kind: 'execute', block: found.bytes, blockHash: found.hash });
  return false;
}

export function others(s: State): readonly Validator[] {
  return s.validators.list.filter(({ address }) => toHex(address) !== s.selfHex);
}

/** The validator that is asked for blocks. */
function source(s: State): Uint8Array {
  const list = others(s);
  return list[s.source % list.length]!.address;
}

export function nextSource(s: State) {
  s.source = (s.source + 1) % Math.max(1, others(s).length);
}

/** Asks this validator first: it spoke of the block. */
export function preferSource(s: State, address: Uint8Array) {
  const index = others(s).findIndex((one) => equalBytes(one.address, address));
  if (index >= 0) s.source = index;
}
