import { CodedError } from '../../../runtime/errors.ts';
import { blockHash, type Header } from './block.ts';
import { decodeQc, STEP_COMMIT, verifyQc } from './consensus.ts';
import { equalBytes, toHex } from './hex.ts';
import { type ValidatorSet, validatorSetHash } from './validators.ts';

/** A header that is believed, and what the next one is judged by. */
export interface TrustedHeader {
  readonly header: Pick<Header, 'networkId' | 'height' | 'timestamp_ms' | 'stateHash' | 'nextValSetHash'>;
  /** blockHash of it, 32 bytes. */
  readonly hash: Uint8Array;
}

/** One that was looked at as a whole. */
export interface BelievedHeader extends TrustedHeader {
  readonly header: Header;
}

/** The header that a client begins with: genesis, or one whose hash it has from someone it trusts. */
export function trustHeader(header: Header): BelievedHeader {
  return { header, hash: blockHash(header) };
}

/**
 * Follows the chain by one certificate: a header is believed when more than two thirds of the validators that an
 * earlier believed header names have signed it.
 *
 * A header may be skipped over as long as the set stays the same: then the validators named for the height after `trusted`
 * are those of the height of `header` too, which its own `valSetHash` must say. Across a change of the set the header that makes
 * the change (its `nextValSetHash` differs from its `valSetHash`) has to be shown first.
 * @param commitQc canonical bytes of the commit QC of `header`
 * @param validators those named by `trusted.header.nextValSetHash`
 * @param verify checks the signatures; another one than ours is for those that simulate them
 * @returns the header as the next to trust
 * @throws LIGHT_* for a header that does not follow, QC_* for a certificate that does not prove it
 */
export function verifyHeader(
  trusted: TrustedHeader,
  header: Header,
  commitQc: Uint8Array,
  validators: ValidatorSet,
  verify: typeof verifyQc = verifyQc,
): BelievedHeader {
  const next = trustHeader(header);
  requireSuccession(trusted, header);
  requireDecided(next, commitQc, validators, trusted.header.nextValSetHash, verify);
  return next;
}

/**
 * Believes a header because validators that are trusted for themselves have decided it: those of a genesis file, as long
 * as they stay the same. Whoever of them left may have sold his key since: where it matters, trust a recent header.
 * @param trusted network, and validatorSetHash of those that may decide
 * @param commitQc canonical bytes of the commit QC of `header`
 * @param validators those whose hash is trusted
 * @returns the header as the next to trust
 * @throws LIGHT_* where others decided the header, QC_* for a certificate that does not prove it
 */
export function verifyDecided(
  trusted: { readonly networkId: string; readonly validatorsHash: Uint8Array },
  header: Header,
  commitQc: Uint8Array,
  validators: ValidatorSet,
): BelievedHeader {
  const next = trustHeader(header);
  if (header.networkId !== trusted.networkId) {
    throw refuse('LIGHT_HEADER_INVALID', header, `it is of network ${header.networkId}, not of ${trusted.networkId}`);
  }
  requireDecided(next, commitQc, validators, trusted.validatorsHash, verifyQc);
  return next;
}

/** These are the validators that are trusted, and of the height of the header, and they decided it. */
function requireDecided(
  { header, hash }: BelievedHeader,
  commitQc: Uint8Array,
  validators: ValidatorSet,
  trustedHash: Uint8Array,
  verify: typeof verifyQc,
): void {
  const set = validatorSetHash(validators);
  if (!equalBytes(set, trustedHash)) {
    throw refuse('LIGHT_VALIDATORS_UNKNOWN', header, 'these are not the validators that are trusted');
  }
  if (!equalBytes(header.valSetHash, trustedHash)) {
    throw refuse('LIGHT_SET_CHANGED', header, 'its validators are others: show the header first that changed them');
  }
  const qc = decodeQc(commitQc);
  if (qc.step !== STEP_COMMIT || qc.height !== header.height || !equalBytes(qc.blockHash, hash)) {
    throw refuse('LIGHT_QC_FOREIGN', header, 'its certificate is for another block or another step');
  }
  verify(qc, validators, header.networkId);
}

function requireSuccession(trusted: TrustedHeader, header: Header): void {
  const before = trusted.header;
  const check = (ok: boolean, reason: string) => {
    if (!ok) throw refuse('LIGHT_HEADER_INVALID', header, reason);
  };
  check(header.networkId === before.networkId, `it is of network ${header.networkId}`);
  check(header.height > before.height, `height ${before.height} is trusted already`);
  check(header.timestamp_ms > before.timestamp_ms, 'its time is not after that of the trusted header');
  if (header.height > before.height + 1n) return;
  check(equalBytes(header.parentHash, trusted.hash), 'its parent is another block than the trusted one');
  check(equalBytes(header.prevStateHash, before.stateHash), 'it builds on another state than the trusted one');
}

function refuse(code: string, header: Header, reason: string): CodedError {
  return new CodedError(code, `Header ${header.height} is not believed: ${reason}.`, {
    height: header.height,
    header: toHex(blockHash(header)),
    reason,
  });
}
