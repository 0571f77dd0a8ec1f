import { CodedError } from '../../../../runtime/errors.ts';
import { MESSAGE_VOTE } from '../../../pocket/chain/consensus.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';
import { compareViews, type SafetyState } from './rules.ts';

/** A view in which this key is seen to have voted. */
export interface Sighting {
  readonly height: bigint;
  readonly round: number;
}

/**
 * What the record knows about its own completeness. The rules of `rules.ts` are sound only for a record that holds all
 * that the key has signed; this is what is done where it may not.
 */
export interface Guard {
  /** Nothing is signed at this height or below: what was signed there may not be in the record. 0 for none. */
  readonly floor: bigint;
  /** The record was made new, and has not been shown a chain yet. */
  readonly fresh: boolean;
  /** Latest vote of this key that the record does not hold. While there is one nothing is signed at all. */
  readonly stale: Sighting | null;
}

/** Of a record that holds all that its key has signed. */
export const COMPLETE: Guard = { floor: 0n, fresh: false, stale: null };
/** Of a record that was just made: right by itself for a new key only. */
export const FRESH: Guard = { floor: 0n, fresh: true, stale: null };

/** A quorum certificate that the signer was shown. */
export interface Shown extends Sighting {
  readonly step: number;
  /** SHA-256 of what its signers signed. */
  readonly digest: Uint8Array;
}

/** @throws CodedError SIGNER_RECORD_STALE, SIGN_BELOW_FLOOR */
export function guardRule({ stale, floor }: Guard, state: SafetyState, height: bigint): void {
  if (stale !== null) {
    throw new CodedError(
      'SIGNER_RECORD_STALE',
      `Nothing is signed: the chain holds a vote of this key at height ${stale.height}, round ${stale.round}, and the safety record ends at height ${state.height}, round ${state.round}. Either the record is an old copy, or another signer uses this key. Make sure that no other one runs, then stop this one and run \`potoroo signer import\` with an export of the newer record, or \`potoroo signer accept\`.`,
      { seenHeight: stale.height, seenRound: stale.round, height: state.height, round: state.round },
    );
  }
  if (height > floor) return;
  throw new CodedError(
    'SIGN_BELOW_FLOOR',
    `Not signed: the safety record does not tell what this key signed up to height ${floor}, so it signs from height ${floor + 1n} on. Wait until the chain is there; asked for height ${height}.`,
    { height, floor },
  );
}

/**
 * True if the record may end before this vote of its own key, or says that another one was given at its place. All
 * messages of the view last signed in are in the record, and of earlier views no more are signed: only these two cases
 * are news.
 */
export function isUnknown(guard: Guard, state: SafetyState, vote: Shown): boolean {
  if (vote.height <= guard.floor) return false;
  const view = compareViews(vote, state);
  if (view !== 0) return view > 0;
  const known = state.signed.find(({ type, step }) => type === MESSAGE_VOTE && step === vote.step);
  return known === undefined || !equalBytes(known.digest, vote.digest);
}

/** The guard after a vote was seen that `isUnknown`: the latest one is kept, for people and for `accepted`. */
export function latched(guard: Guard, { height, round }: Sighting): Guard {
  const { stale } = guard;
  if (stale !== null && compareViews(stale, { height, round }) >= 0) return guard;
  return { ...guard, stale: { height, round } };
}

/**
 * The guard of a fresh record that was shown the first certificate of a chain. Where the chain is ahead of what the
 * record has signed, the key may have signed before the record was made: the height shown is decided, and the next may
 * be in progress, so both are left out. A validator that takes part from the first block on has signed at the height
 * that it is shown, and leaves out none.
 */
export function oriented(guard: Guard, state: SafetyState, height: bigint): Guard {
  if (!guard.fresh) return guard;
  return { ...guard, fresh: false, floor: state.height < height ? height + 1n : guard.floor };
}

/**
 * The guard after an operator took the responsibility: nothing is signed up to the height after the one reached, which
 * may be in progress.
 * @param reached the network's height as the operator knows it; 0 for what was seen of it
 */
export function accepted({ stale, floor }: Guard, reached: bigint): Guard {
  const known = maximum(stale?.height ?? 0n, reached);
  return { stale: null, fresh: false, floor: maximum(floor, known === 0n ? 0n : known + 1n) };
}

/** The stricter of two guards of one key. */
export function strictest(a: Guard, b: Guard): Guard {
  const stricter = { ...a, floor: maximum(a.floor, b.floor), fresh: a.fresh && b.fresh };
  return b.stale === null ? stricter : latched(stricter, b.stale);
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
