import { fromBinary } from '@bufbuild/protobuf';
import { checkRequest } from '../../actors/host/signer/core/request.ts';
import { decide, type SafetyState } from '../../actors/host/signer/core/rules.ts';
import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import {
  decodeQc,
  encodeQc,
  MESSAGE_VOTE,
  type QuorumCertificate,
  STEP_PREPARE,
} from '../../actors/pocket/chain/consensus.ts';
import { QuorumCertificateSchema } from '../../actors/pocket/chain/gen/consensus_pb.ts';
import { equalBytes, fromHex, toHex } from '../../actors/pocket/chain/hex.ts';
import type { Certified, Rules } from '../../actors/pocket/consensus/core/rules.ts';
import { CodedError } from '../../runtime/errors.ts';
import { sha256 } from '../../wasm/hash.ts';
import type { Fault } from './faults.ts';
import { type Keys, signaturesFit } from './keys.ts';
import { type SignerModel, safeSigner, verifyJustify } from './signer.ts';

/** A known mistake: of the core's rules, and of the signer's where that guards the same. */
export interface BrokenRules {
  /** What is wrong, for --help. */
  readonly mistake: string;
  /** What brings it out: these go wrong unless --faults says otherwise. */
  readonly shownBy: readonly Fault[];
  rules(keys: Keys): Partial<Rules>;
  /** @param rules the core's, with the mistake in them */
  signer(rules: Rules): SignerModel;
}

export type BrokenRulesName = 'inverted-unlock' | 'unverified-highqc' | 'duplicate-signers' | 'vote-before-persist';

/** Mistakes that others made before; each must be caught, or the simulator looks at nothing. */
export const brokenRules: Readonly<Record<BrokenRulesName, BrokenRules>> = {
  'inverted-unlock': {
    mistake: 'a lock yields to a certificate that is older than it, and to no newer one',
    shownBy: ['lie', 'siege', 'partition'],
    rules: () => ({ mayPrepare: unlocksBackwards }),
    signer: unlockingSigner,
  },
  'unverified-highqc': {
    mistake: 'a prepareQC is taken on its word: nobody looks at its signatures',
    shownBy: ['forge', 'siege', 'partition'],
    rules: (keys) => ({
      verifyQc(qc, validators, networkId) {
        if (qc.step !== STEP_PREPARE) keys.verifyQc(qc, validators, networkId);
      },
    }),
    signer: safeSigner,
  },
  'duplicate-signers': {
    mistake: 'signatures in a certificate are counted, not signers',
    shownBy: ['forge', 'loss', 'delay'],
    rules: (keys) => ({
      decodeQc: readLoosely,
      verifyQc(qc, validators, networkId) {
        const power = qc.signatures.reduce(
          (sum, { address }) => sum + (validators.byAddress(toHex(address))?.power ?? 0n),
          0n,
        );
        if (3n * power <= 2n * validators.totalPower || !signaturesFit(qc, validators, networkId, keys.verify))
          throw new Error('invalid certificate');
      },
    }),
    signer: countingSigner,
  },
  'vote-before-persist': {
    mistake: 'a signature leaves before the record of it is on the disk',
    shownBy: ['power', 'crash', 'loss', 'delay'],
    rules: () => ({}),
    signer: (rules) => ({ ...safeSigner(rules), persistsFirst: false }),
  },
};

function unlocksBackwards(locked: Certified | null, blockHash: Uint8Array, justify: Certified | null): boolean {
  if (locked === null || equalBytes(locked.qc.blockHash, blockHash)) return true;
  return justify !== null && justify.qc.round < locked.qc.round && equalBytes(justify.qc.blockHash, blockHash);
}

/** The signer that makes the same mistake: where it would release a lock, the real rules are asked as if there were none. */
function unlockingSigner(rules: Rules): SignerModel {
  const safe = safeSigner(rules);
  return {
    ...safe,
    decide(state, request, bytes, chain) {
      const { lockedQc } = state;
      const votesToPrepare = request.type === MESSAGE_VOTE && request.step === STEP_PREPARE;
      if (!lockedQc || !votesToPrepare || !request.blockHash || state.height !== request.height) {
        return safe.decide(state, request, bytes, chain);
      }
      const justify = request.justify ? { qc: rules.decodeQc(request.justify), bytes: request.justify } : null;
      if (!unlocksBackwards({ qc: decodeQc(lockedQc), bytes: lockedQc }, request.blockHash, justify)) {
        throw new CodedError('SIGN_LOCKED', 'the lock holds');
      }
      const decision = safe.decide({ ...state, lockedQc: null }, request, bytes, chain);
      if (decision.kind === 'repeat') return decision;
      return { kind: 'sign', next: (signature) => ({ ...decision.next(signature), lockedQc }) };
    },
  };
}

const READ = new WeakMap<Uint8Array, QuorumCertificate>();

/** Reads a certificate as the codec does, but does not mind who stands in it how often. */
function readLoosely(bytes: Uint8Array): QuorumCertificate {
  const earlier = READ.get(bytes);
  if (earlier) return earlier;
  const { height, round, step, blockHash, thresholdSignature } = fromBinary(QuorumCertificateSchema, bytes);
  const signatures = (thresholdSignature?.signatures ?? []).map(({ address, signature }) => ({
    address: fromHex(address),
    signature,
  }));
  const qc = { height, round, step, blockHash, signatures };
  READ.set(bytes, qc);
  return qc;
}

/** The signer's own codec refuses a signer who stands twice: this one is shown each once, and remembers what came. */
function countingSigner(rules: Rules): SignerModel {
  return {
    persistsFirst: true,
    decide(state, request, bytes, chain) {
      const { justify } = request;
      verifyJustify(rules, request, chain);
      const shown = checkRequest({ ...request, justify: justify && eachOnce(justify) });
      const decision = decide({ ...state, lockedQc: state.lockedQc && eachOnce(state.lockedQc) }, shown, sha256(bytes));
      if (decision.kind === 'repeat') return decision;
      return { kind: 'sign', next: (signature) => asItCame(state, request, decision.next(signature), shown.justify) };
    },
  };
}

function asItCame(
  before: SafetyState,
  request: SignRequest,
  after: SafetyState,
  shown: Uint8Array | null,
): SafetyState {
  const came = (qc: Uint8Array | null, earlier: Uint8Array | null) => {
    if (qc === null) return null;
    return shown && qc === shown ? request.justify : earlier;
  };
  const prepareQc = came(after.prepareQc, before.prepareQc);
  return { ...after, prepareQc, lockedQc: came(after.lockedQc, before.lockedQc) };
}

function eachOnce(bytes: Uint8Array): Uint8Array {
  const qc = readLoosely(bytes);
  const signatures = [...new Map(qc.signatures.map((one) => [toHex(one.address), one])).values()];
  return signatures.length === qc.signatures.length ? bytes : encodeQc({ ...qc, signatures });
}

export const RULES: readonly BrokenRulesName[] = Object.keys(brokenRules) as BrokenRulesName[];
