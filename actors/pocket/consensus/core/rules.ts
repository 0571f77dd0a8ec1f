import { decodeQc, type QuorumCertificate, verifyQc } from '../../chain/consensus.ts';
import { vrfVerify } from '../../chain/ecvrf.ts';
import { equalBytes } from '../../chain/hex.ts';
import { type TimeoutCertificate, verifyTimeoutCertificate } from '../../chain/timeout-certificate.ts';
import { isQuorumOf, type Validator, type ValidatorSet } from '../../chain/validators.ts';

/** A certificate whose signatures were verified, with its canonical bytes. */
export interface Certified {
  readonly qc: QuorumCertificate;
  readonly bytes: Uint8Array;
}

/**
 * The rules on which safety rests, apart from the machinery that applies them: a test replaces one of them by
 * a liar's or by a known mistake and must see the network fork, or not.
 */
export interface Rules {
  /** What a leader goes on with: the highest prepareQC that a quorum reports, null for a fresh block. */
  highest(reported: readonly Certified[]): Certified | null;
  /** May a block be voted for at PREPARE? `justify` is the proposal's prepareQC of this height, if it has one. */
  mayPrepare(locked: Certified | null, blockHash: Uint8Array, justify: Certified | null): boolean;
  /** Adds a vote to those of the same step and block, or a NEWROUND to those of the same view. */
  collect<T extends { readonly address: Uint8Array }>(ballots: readonly T[], ballot: T): T[];
  /** Do these suffice to enter a view, and to certify a step of it? */
  isQuorum(validators: ValidatorSet, ballots: Iterable<{ readonly address: Uint8Array }>): boolean;
  /** The output of a VRF proof by this validator, 64 bytes; null if it is none. */
  draw(validator: Validator, input: Uint8Array, proof: Uint8Array): Uint8Array | null;
  /** @throws if the certificate does not prove that a quorum has entered its round */
  verifyTimeout(certificate: TimeoutCertificate, validators: ValidatorSet, networkId: string): void;
  /** @throws if the bytes are not of the form of a certificate */
  decodeQc(bytes: Uint8Array): QuorumCertificate;
  /** @throws if the certificate does not prove that a quorum voted for what it says */
  verifyQc(qc: QuorumCertificate, validators: ValidatorSet, networkId: string): void;
}

export const hotpokt: Rules = {
  highest: (reported) =>
    reported.reduce<Certified | null>((best, one) => (best && best.qc.round >= one.qc.round ? best : one), null),

  // The block of a prepareQC newer than the lock is safe: a quorum prepared it after ours locked, so the locked
  // block was not decided. The QC must be for the very block; for another it proves nothing.
  mayPrepare: (locked, blockHash, justify) =>
    locked === null ||
    equalBytes(locked.qc.blockHash, blockHash) ||
    (justify !== null && justify.qc.round > locked.qc.round && equalBytes(justify.qc.blockHash, blockHash)),

  collect: (ballots, ballot) => [...ballots.filter((one) => !equalBytes(one.address, ballot.address)), ballot],

  isQuorum: isQuorumOf,

  draw: ({ publicKey }, input, proof) => vrfVerify(publicKey, input, proof),

  verifyTimeout: verifyTimeoutCertificate,

  decodeQc,

  verifyQc,
};
