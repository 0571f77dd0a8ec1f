import { CodedError } from '../../../runtime/errors.ts';
import { verifyBatch } from '../../../wasm/ed25519.ts';
import { ADDRESS_BYTES } from './address.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format, isUint32, isUint64 } from './canonical.ts';
import { MESSAGE_PROPOSE, STEP_NEWROUND, signBytesOf } from './consensus.ts';
import { TimeoutCertificateSchema } from './gen/consensus_pb.ts';
import { compareBytes, toHex } from './hex.ts';
import { HASH_BYTES, MAX_TIMEOUT_CERTIFICATE_BYTES, SIGNATURE_BYTES } from './sizes.ts';
import { isQuorumOf, type Validator, type ValidatorSet } from './validators.ts';

const TIMEOUT_VERSION = 1;

/** A validator's NEWROUND, without the QC that it carried. */
export interface RoundEntry {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** SHA-256 of the QC that it carried; empty for none. */
  readonly justifyHash: Uint8Array;
  /** 64 bytes, over consensusSignBytes of the NEWROUND. */
  readonly signature: Uint8Array;
}

/** More than two thirds of the validators have left the rounds before this one. */
export interface TimeoutCertificate {
  readonly height: bigint;
  /** That they entered: above 0. */
  readonly round: number;
  /** By ascending address. */
  readonly entries: readonly RoundEntry[];
}

const CERTIFICATE: Format<typeof TimeoutCertificateSchema> = {
  schema: TimeoutCertificateSchema,
  name: 'timeout certificate',
  prefix: 'TIMEOUT',
  maxBytes: MAX_TIMEOUT_CERTIFICATE_BYTES,
};

/** The entries are sorted here. @throws TIMEOUT_MALFORMED */
export function encodeTimeoutCertificate({ height, round, entries }: TimeoutCertificate): Uint8Array {
  const sorted = [...entries].sort((a, b) => compareBytes(a.address, b.address));
  check({ height, round, entries: sorted });
  return encodeCanonical(TimeoutCertificateSchema, { version: TIMEOUT_VERSION, height, round, entries: sorted });
}

/** Reads a certificate and checks its form; verifyTimeoutCertificate checks what it claims. @throws TIMEOUT_* */
export function decodeTimeoutCertificate(bytes: Uint8Array): TimeoutCertificate {
  const { version, height, round, entries } = decodeCanonical(CERTIFICATE, bytes);
  if (version !== TIMEOUT_VERSION) {
    throw new CodedError('TIMEOUT_VERSION_UNSUPPORTED', `this node knows timeout version ${TIMEOUT_VERSION} only`, {
      version,
    });
  }
  const certificate = {
    height,
    round,
    entries: entries.map(({ address, justifyHash, signature }) => ({ address, justifyHash, signature })),
  };
  check(certificate);
  return certificate;
}

/**
 * Checks that more than two thirds of the validators, each counted once, have entered the round.
 * @throws TIMEOUT_UNKNOWN_SIGNER, TIMEOUT_TOO_FEW_SIGNERS, TIMEOUT_SIGNATURE_INVALID
 */
export function verifyTimeoutCertificate(
  certificate: TimeoutCertificate,
  validators: ValidatorSet,
  networkId: string,
): void {
  const signers = certificate.entries.map((entry) => ({ entry, validator: memberOf(validators, entry.address) }));
  if (!isQuorumOf(validators, certificate.entries)) {
    throw new CodedError(
      'TIMEOUT_TOO_FEW_SIGNERS',
      'a timeout certificate needs more than two thirds of the validators',
      {
        signers: signers.length,
        validators: validators.list.length,
      },
    );
  }
  const items = signers.map(({ entry, validator }) => ({
    publicKey: validator.publicKey,
    message: roundSignBytes(certificate, entry, networkId),
    signature: entry.signature,
  }));
  const wrong = verifyBatch(items).indexOf(false);
  if (wrong < 0) return;
  const address = toHex(signers[wrong]!.entry.address);
  throw new CodedError('TIMEOUT_SIGNATURE_INVALID', 'a signature in the timeout certificate is wrong', { address });
}

/** The bytes that the signature of an entry is over: those of the NEWROUND. */
export function roundSignBytes(
  { height, round }: Pick<TimeoutCertificate, 'height' | 'round'>,
  { justifyHash }: Pick<RoundEntry, 'justifyHash'>,
  networkId: string,
): Uint8Array {
  const view = { networkId, type: MESSAGE_PROPOSE, height, round, step: STEP_NEWROUND, blockHash: null };
  return signBytesOf(view, justifyHash);
}

function memberOf(validators: ValidatorSet, address: Uint8Array): Validator {
  const hex = toHex(address);
  const validator = validators.byAddress(hex);
  if (validator) return validator;
  throw new CodedError('TIMEOUT_UNKNOWN_SIGNER', 'a signer of the timeout certificate is not a validator', {
    address: hex,
  });
}

function check({ height, round, entries }: TimeoutCertificate): void {
  ensure(isUint64(height) && height > 0n, 'TIMEOUT', 'height', 'must be from 1 to 2^64 - 1');
  ensure(isUint32(round) && round > 0, 'TIMEOUT', 'round', 'must be from 1 to 2^32 - 1');
  ensure(entries.length > 0, 'TIMEOUT', 'entries', 'has none');
  let last: Uint8Array | null = null;
  for (const { address, justifyHash, signature } of entries) {
    ensure(address.length === ADDRESS_BYTES, 'TIMEOUT', 'address', 'must be 20 bytes');
    const isHash = justifyHash.length === 0 || justifyHash.length === HASH_BYTES;
    ensure(isHash, 'TIMEOUT', 'justify_hash', 'must be 32 bytes, or none');
    ensure(signature.length === SIGNATURE_BYTES, 'TIMEOUT', 'signature', 'must be 64 bytes');
    ensure(last === null || compareBytes(last, address) < 0, 'TIMEOUT', 'entries', 'must be sorted, each address once');
    last = address;
  }
}
