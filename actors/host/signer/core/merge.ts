import { CodedError } from '../../../../runtime/errors.ts';
import { decodeQc } from '../../../pocket/chain/consensus.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';
import { strictest } from './guard.ts';
import type { RecordContent } from './record.ts';
import { compareViews, type SafetyState, type SignedMessage } from './rules.ts';

/**
 * What two records of one key know together: whatever one of them refuses, the result refuses.
 * @throws CodedError SIGNER_RECORDS_CONTRADICT
 */
export function mergeRecords(a: RecordContent, b: RecordContent): RecordContent {
  return { state: mergeStates(a.state, b.state), guard: strictest(a.guard, b.guard) };
}

function mergeStates(a: SafetyState, b: SafetyState): SafetyState {
  const [later, earlier] = compareViews(a, b) < 0 ? [b, a] : [a, b];
  if (later.height > earlier.height) return later;
  const locks = {
    prepareQc: newest(later.prepareQc, earlier.prepareQc),
    lockedQc: newest(later.lockedQc, earlier.lockedQc),
  };
  if (later.round > earlier.round) return { ...later, ...locks };
  const signed = [...later.signed, ...earlier.signed.filter((message) => isNew(later, message))];
  return { ...later, ...locks, step: Math.max(later.step, earlier.step), signed };
}

/** Of one height both are, so the round decides. */
function newest(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return a ?? b;
  return decodeQc(b).round > decodeQc(a).round ? b : a;
}

function isNew({ signed, height, round }: SafetyState, { type, step, digest }: SignedMessage): boolean {
  const twin = signed.find((one) => one.type === type && one.step === step);
  if (twin === undefined) return true;
  if (equalBytes(twin.digest, digest)) return false;
  throw new CodedError(
    'SIGNER_RECORDS_CONTRADICT',
    `The two records hold different messages for height ${height}, round ${round}, step ${step}: two signers used this key at once. Retire the key; if you know which record is of the signer whose messages left the machine, keep that one and leave the other.`,
    { height, round, step, type },
  );
}
