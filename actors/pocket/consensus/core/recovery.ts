import type { SafetyRecord } from '../../../host/signer/protocol.ts';
import { decodeBlock } from '../../chain/block.ts';
import { decodeQc } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { Effect } from './effect.ts';
import type { Input } from './input.ts';
import type { Certified } from './rules.ts';
import { asking, type KnownBlock, type Start, type State, type View } from './state.ts';
import { type Begun, initialState, step } from './step.ts';

/** What a new life has anyway: from settings and tip, or because it is a cache (`verified`) or over (`out`). */
type Given = 'settings' | 'rules' | 'selfHex' | 'voters' | 'validators' | 'isValidator' | 'tip' | 'verified' | 'out';

/** A block whose content can be decoded again: it would be most of the memory, twice. */
type BareBlock = Omit<KnownBlock, 'block'>;

/** All of a state that only this validator knows. Plain data: numbers, bigints, bytes, maps and sets of them. */
export interface Memory extends Omit<State, Given | 'blocks' | 'view'> {
  /** Hash of the tip on which the height is decided. */
  readonly tipHash: Uint8Array;
  readonly blocks: ReadonlyMap<string, BareBlock>;
  readonly view: Omit<View, 'lead'> & { readonly lead: Omit<View['lead'], 'block'> & { block: BareBlock | null } };
}

/** An input as it was taken. */
export interface Taken {
  readonly now_ms: number;
  /** The state's next number before it was taken: a replay that takes another course shows here. */
  readonly number: number;
  readonly input: Input;
}

/** What a former life has left: a memory, and all inputs that it took from there on, in order. */
export interface Past {
  readonly memory: Memory;
  readonly inputs: readonly Taken[];
}

/**
 * Why a past is of no use. other_tip: its height is over. diverged: the replay failed, or took another course.
 * record_ahead: something was signed of which it knows nothing.
 */
export type Unfit = 'other_tip' | 'diverged' | 'record_ahead';

/** What the state knows and nothing else does. It shares its parts with the state: encode it before the next input. */
export function memoryOf(s: State): Memory {
  const { settings, rules, selfHex, voters, validators, isValidator, tip, verified, out, ...own } = s;
  const { lead, ...view } = s.view;
  const blocks = new Map([...s.blocks].map(([key, block]) => [key, bare(block)]));
  const led = lead.block && bare(lead.block);
  // Sets of validators are the tip's; what is made of them is made anew.
  const sync = { ...s.sync, set: null, setHash: null, snapshot: null };
  return { ...own, sync, tipHash: tip.blockHash, blocks, view: { ...view, lead: { ...lead, block: led } } };
}

/**
 * Goes on in the state in which a former life ended. What the replayed inputs led to has happened already, so those
 * effects are left out; the effects of the last input, `recovered`, take up what was under way. Parts of the past
 * become the state's.
 *
 * @param start as for `begin`; the past must be of its tip, and must know what its record says was signed
 * @returns or why the past does not fit, and the error if one was thrown: `begin` then, as if there were none
 */
export function recover(start: Start, past: Past, now_ms: number): Begun | { unfit: Unfit; error?: unknown } {
  if (!isOf(start.tip, past.memory.height, past.memory.tipHash)) return { unfit: 'other_tip' };
  try {
    const s = restored(start, past.memory);
    if (!replay(s, past.inputs)) return { unfit: 'diverged' };
    // The last that it took was a commit which the database has lost.
    if (!isOf(start.tip, s.height, s.tip.blockHash)) return { unfit: 'other_tip' };
    const order = compare(s, start.record);
    if (order === 'ahead') return { unfit: 'record_ahead' };
    const effects = step(s, { kind: 'recovered' }, now_ms);
    if (order === 'behind') effects.push(recordBehind(s));
    return { state: s, effects };
  } catch (error) {
    return { unfit: 'diverged', error };
  }
}

function isOf(tip: Start['tip'], height: bigint, tipHash: Uint8Array): boolean {
  return tip.height + 1n === height && equalBytes(tip.blockHash, tipHash);
}

function bare({ hash, bytes, executed }: KnownBlock): BareBlock {
  return { hash, bytes, executed };
}

function restored(start: Start, memory: Memory): State {
  const { tipHash: _, ...own } = memory;
  const revived = (block: BareBlock): KnownBlock => ({ ...block, block: decodeBlock(block.bytes) });
  const blocks = new Map([...memory.blocks].map(([key, block]) => [key, revived(block)]));
  const led = memory.view.lead.block;
  const lead = { ...memory.view.lead, block: led && (blocks.get(toHex(led.hash)) ?? revived(led)) };
  return { ...initialState(start, memory.now_ms), ...own, blocks, view: { ...memory.view, lead } };
}

/** False where the course is not the one that was recorded, or ended the actor. */
function replay(s: State, inputs: readonly Taken[]): boolean {
  return inputs.every(({ now_ms, number, input }) => {
    if (s.nextNumber !== number && input.kind !== 'recovered') return false;
    return step(s, input, now_ms).every(({ kind }) => kind !== 'fatal');
  });
}

/**
 * How the signer's record stands to the state. ahead: the tail of the past is lost, and whoever goes on from an
 * earlier state would be refused for the rest of the view. behind: this validator has said what the record does not
 * hold, so the record is an old copy; going on in the state is what keeps it from contradicting itself.
 */
function compare(s: State, record: SafetyRecord): 'ahead' | 'behind' | 'equal' {
  const spoken = lastSaid(s);
  const { round } = s.view;
  if (record.height > s.height || (record.height === s.height && record.round > round)) return 'ahead';
  if (record.height < s.height) return spoken ? 'behind' : 'equal';
  if (!holds(s.prepareQc, record.prepareQc) || !holds(s.lockedQc, record.lockedQc)) return 'ahead';
  if (record.round < round) return spoken ? 'behind' : 'equal';
  // Signed, and the answer was not heard: it is asked for again and given again.
  if (record.step === asking(s, 'sign')?.request.step) return 'equal';
  const step = spoken?.step ?? 0;
  return record.step > step ? 'ahead' : record.step < step ? 'behind' : 'equal';
}

function lastSaid(s: State) {
  return [...s.view.said.values()].findLast((message) => message !== null);
}

/** True if the certificate is the recorded one or a later one. */
function holds(own: Certified | null, recorded: Uint8Array | null): boolean {
  if (!recorded) return true;
  return own !== null && (equalBytes(own.bytes, recorded) || own.qc.round > decodeQc(recorded).round);
}

function recordBehind(s: State): Effect {
  const { height, view } = s;
  return { kind: 'fact', fact: { fact: 'recordBehind', height, round: view.round, step: lastSaid(s)?.step ?? 0 } };
}
