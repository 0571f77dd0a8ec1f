import { checkRequest } from '../../actors/host/signer/core/request.ts';
import { type Decision, decide, type SafetyState, UNSIGNED_STATE } from '../../actors/host/signer/core/rules.ts';
import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import type { ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import type { Rules } from '../../actors/pocket/consensus/core/rules.ts';
import { sha256 } from '../../wasm/hash.ts';
import { NETWORK_ID } from './keys.ts';

/** What of its node's chain a signer needs. */
export interface Chain {
  votersOf(height: bigint): ValidatorSet;
}

/** How a simulated node decides what it signs, and when the signature leaves. */
export interface SignerModel {
  /**
   * @param bytes what would be signed
   * @param chain who decides a height, as far as this node knows
   * @throws SIGN_*, QC_*
   */
  decide(state: SafetyState, request: SignRequest, bytes: Uint8Array, chain: Chain): Decision;
  /** The record is on the disk before the signature leaves. */
  readonly persistsFirst: boolean;
}

/** The signer of a node: its real rules, and the check of the certificate that its actor adds to them. */
export function safeSigner(rules: Rules): SignerModel {
  return {
    persistsFirst: true,
    decide(state, request, bytes, chain) {
      const checked = checkRequest(request);
      verifyJustify(rules, request, chain);
      return decide(state, checked, sha256(bytes));
    },
  };
}

/** A QC can release a lock: whether it is one is not taken on trust. @throws QC_* */
export function verifyJustify(rules: Rules, { justify }: SignRequest, chain: Chain) {
  if (!justify) return;
  const qc = rules.decodeQc(justify);
  rules.verifyQc(qc, chain.votersOf(qc.height), NETWORK_ID);
}

/** A byzantine node's: signs whatever its core wants, and remembers nothing. */
export const signsAnything: SignerModel = {
  persistsFirst: true,
  decide: () => ({ kind: 'sign', next: () => UNSIGNED_STATE }),
};
