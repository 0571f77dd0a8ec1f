import { CodedError } from '../../../../runtime/errors.ts';
import {
  decodeQc,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../../pocket/chain/consensus.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';
import type { SafetyRecord } from '../protocol.ts';
import { type CheckedRequest, invalid } from './request.ts';

/** One signature of the current view. */
export interface SignedMessage {
  readonly type: number;
  readonly step: number;
  /** SHA-256 of the signed bytes: what makes two requests the same. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * All that safety depends on. Only the messages of the view last signed in are kept (at most 2 types × 5
 * steps): whatever is older is refused for its position alone.
 */
export interface SafetyState extends Readonly<SafetyRecord> {
  readonly signed: readonly SignedMessage[];
}

/** The state of a key that never signed. */
export const UNSIGNED_STATE: SafetyState = {
  height: 0n,
  round: 0,
  step: 0,
  prepareQc: null,
  lockedQc: null,
  signed: [],
};

/** Either the signature given before, or how the state changes once the request is signed. */
export type Decision =
  | { readonly kind: 'repeat'; readonly signature: Uint8Array }
  | { readonly kind: 'sign'; next(signature: Uint8Array): SafetyState };

/** The step whose QC a proposal or vote of a step is justified by. */
const JUSTIFIED_BY = new Map([
  [STEP_PRECOMMIT, STEP_PREPARE],
  [STEP_COMMIT, STEP_PRECOMMIT],
  [STEP_DECIDE, STEP_COMMIT],
]);

/**
 * Decides about a request by the three rules below. Pure: the caller signs, makes `next` durable, and only then lets
 * the signature out. After Diem's SafetyRules.
 * @param digest SHA-256 of the bytes that would be signed
 * @throws CodedError SIGN_INVALID, SIGN_CONFLICT, SIGN_BEHIND, SIGN_LOCKED
 */
export function decide(state: SafetyState, request: CheckedRequest, digest: Uint8Array): Decision {
  commitRule(request);
  const earlier = voteRule(state, request, digest);
  if (earlier !== null) return { kind: 'repeat', signature: earlier.signature };
  const entered = enter(state, request);
  lockRule(entered, request);
  return { kind: 'sign', next: (signature) => advance(entered, request, digest, signature) };
}

/**
 * The vote rule: places are ordered by height, round, step, and inside a step proposal before vote; below the last one
 * nothing is signed, and at one already signed only the identical message is. So a key gives one proposal and one vote
 * per step of a view.
 * @returns what was signed at this very place before, or null where the place is new
 * @throws CodedError SIGN_CONFLICT, SIGN_BEHIND
 */
function voteRule(state: SafetyState, request: CheckedRequest, digest: Uint8Array): SignedMessage | null {
  const view = compareViews(request, state);
  if (view < 0) throw refuse('SIGN_BEHIND', state, request, 'its view is over');
  if (view > 0) return null;
  const earlier = state.signed.find((one) => one.type === request.type && one.step === request.step);
  if (earlier !== undefined) {
    if (equalBytes(earlier.digest, digest)) return earlier;
    throw refuse('SIGN_CONFLICT', state, request, 'another message has this place');
  }
  const last = Math.max(...state.signed.map(rank));
  if (rank(request) < last) throw refuse('SIGN_BEHIND', state, request, 'a later step of the view is signed');
  return null;
}

/**
 * The lock rule, HotStuff's for a PREPARE vote. A lock yields only to a prepareQC that is newer than the lock and is
 * for the very block that is voted on: a QC for some other block proves nothing about this one.
 * @param state as the request's view begins: a lock of an earlier height does not bind
 * @throws CodedError SIGN_LOCKED
 */
function lockRule(state: SafetyState, request: CheckedRequest): void {
  if (request.type !== MESSAGE_VOTE || request.step !== STEP_PREPARE) return;
  if (state.lockedQc === null || request.blockHash === null) return;
  const locked = decodeQc(state.lockedQc);
  if (equalBytes(locked.blockHash, request.blockHash)) return;
  const qc = request.justifyQc;
  const released =
    qc !== null &&
    qc.step === STEP_PREPARE &&
    qc.height === request.height &&
    qc.round > locked.round &&
    qc.round < request.round &&
    equalBytes(qc.blockHash, request.blockHash);
  if (!released) throw refuse('SIGN_LOCKED', state, request, `the lock of round ${locked.round} holds`);
}

/**
 * The commit rule: nothing is signed at PRECOMMIT, COMMIT or DECIDE without the QC of the step before, for the same
 * block and view. So a block is decided by three quorums in a row of one round, and every commit vote in them stands
 * on a lock that its signer has recorded (`advance`).
 * @throws CodedError SIGN_INVALID
 */
function commitRule(request: CheckedRequest): void {
  const wanted = JUSTIFIED_BY.get(request.step);
  if (wanted === undefined) return;
  const qc = request.justifyQc;
  if (qc === null) throw invalid('the QC of the step before is missing');
  const fits =
    qc.step === wanted &&
    compareViews(qc, request) === 0 &&
    request.blockHash !== null &&
    equalBytes(qc.blockHash, request.blockHash);
  if (!fits) throw invalid('the QC is not the one of the step before for this block and view');
}

/** Order inside a view: a leader proposes a step before it votes in it. */
function rank(message: { type: number; step: number }): number {
  return message.step * 2 + (message.type === MESSAGE_VOTE ? 1 : 0);
}

/** Height, then round: negative where `a` is the earlier view. */
export function compareViews(a: { height: bigint; round: number }, b: { height: bigint; round: number }): number {
  if (a.height !== b.height) return a.height < b.height ? -1 : 1;
  return a.round - b.round;
}

/** The state as the request's view begins: a new height is not bound by the lock of the one before. */
function enter(state: SafetyState, request: CheckedRequest): SafetyState {
  if (request.height > state.height) {
    return { ...UNSIGNED_STATE, height: request.height, round: request.round };
  }
  if (request.round > state.round) return { ...state, round: request.round, signed: [] };
  return state;
}

/** What signing changes: a PRECOMMIT vote records the highest prepareQC, a COMMIT vote the lockedQC. */
function advance(state: SafetyState, request: CheckedRequest, digest: Uint8Array, signature: Uint8Array): SafetyState {
  const vote = request.type === MESSAGE_VOTE;
  return {
    height: request.height,
    round: request.round,
    step: request.step,
    // Rounds only grow within a height, so the QC of the view just voted in is the highest.
    prepareQc: vote && request.step === STEP_PRECOMMIT ? request.justify : state.prepareQc,
    lockedQc: vote && request.step === STEP_COMMIT ? request.justify : state.lockedQc,
    signed: [...state.signed, { type: request.type, step: request.step, digest, signature }],
  };
}

function refuse(code: string, state: SafetyState, request: CheckedRequest, reason: string): CodedError {
  return new CodedError(
    code,
    `Not signed: ${reason}. Last signed at height ${state.height}, round ${state.round}, step ${state.step}; asked for height ${request.height}, round ${request.round}, step ${request.step}.`,
    { height: request.height, round: request.round, step: request.step, type: request.type },
  );
}
