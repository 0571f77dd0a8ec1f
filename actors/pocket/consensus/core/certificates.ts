import type { ConsensusMessage } from '../../chain/consensus.ts';
import { encodeQc, type QuorumCertificate, STEP_COMMIT, STEP_PREPARE } from '../../chain/consensus.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { decodeTimeoutCertificate } from '../../chain/timeout-certificate.ts';
import type { ValidatorSet } from '../../chain/validators.ts';
import type { Certified } from './rules.ts';
import type { State } from './state.ts';

/** A view sees the parent's QC and three of its own, each in few variants; 64 spares verifying any of them twice. */
const MAX_VERIFIED = 64;

/** Who decides a height, as far as is known here: of the tip, of this height; beyond it nobody knows yet. */
export function votersAt(s: State, height: bigint): ValidatorSet {
  return height < s.height ? s.voters : s.validators;
}

/**
 * Decodes and verifies; null for what is no valid certificate. Who decides a height beyond this one is not known yet: there
 * the set of this height has to do, and fails where validators come and go. The answer for valid bytes is remembered.
 */
export function certify(s: State, bytes: Uint8Array): Certified | null {
  const key = toHex(bytes);
  const earlier = s.verified.get(key);
  if (earlier) return earlier;
  try {
    const qc = s.rules.decodeQc(bytes);
    s.rules.verifyQc(qc, votersAt(s, qc.height), s.settings.networkId);
    return qc.height > s.height ? { qc, bytes } : remember(s, key, { qc, bytes });
  } catch {
    return null;
  }
}

/** Is a proposal's round due: the first one, or entered by a quorum? */
export function isRoundDue(s: State, { height, round, timeout }: ConsensusMessage): boolean {
  if (round === 0 || !timeout) return round === 0;
  try {
    const certificate = decodeTimeoutCertificate(timeout);
    s.rules.verifyTimeout(certificate, s.validators, s.settings.networkId);
    return certificate.height === height && certificate.round === round;
  } catch {
    return false;
  }
}

/** The certificate that we made of votes verified one by one. */
export function certificateOf(s: State, qc: QuorumCertificate): Certified {
  const bytes = encodeQc(qc);
  return remember(s, toHex(bytes), { qc: s.rules.decodeQc(bytes), bytes });
}

function remember(s: State, key: string, certified: Certified): Certified {
  s.verified.set(key, certified);
  const oldest = s.verified.keys().next();
  if (s.verified.size > MAX_VERIFIED && !oldest.done) s.verified.delete(oldest.value);
  return certified;
}

/** True for a commit QC of our tip: what justifies a fresh block. */
export function decidesTip(s: State, certified: Certified): boolean {
  const { qc } = certified;
  return qc.step === STEP_COMMIT && qc.height === s.tip.height && equalBytes(qc.blockHash, s.tip.blockHash);
}

/** True for a prepareQC of this height from a round before `round`. */
export function preparesHeight(s: State, certified: Certified, round: number): boolean {
  const { qc } = certified;
  return qc.step === STEP_PREPARE && qc.height === s.height && qc.round < round;
}

/** The height that a certificate proves to be decided: whoever voted at a height had committed the one before. */
export function provenHeight({ qc }: Certified): bigint {
  return qc.step === STEP_COMMIT ? qc.height : qc.height - 1n;
}
