import { CodedError } from '../../../runtime/errors.ts';
import { verify } from '../../../wasm/ed25519.ts';
import { addressOf } from './address.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format, NETWORK_ID } from './canonical.ts';
import type { ChainErrorCode } from './errors.ts';
import { StreamCertificateSchema, StreamCertificateSignBytesSchema } from './gen/consensus_pb.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './sizes.ts';

const CERTIFICATE_VERSION = 1;
/** Its fields take at most about 400 bytes. */
const MAX_CERTIFICATE_BYTES = 1_024;
const DOMAIN = 'potoroo/stream-certificate/v1';
const PEER_ID = /^[!-~]{1,128}$/;

/** Word of a validator, or of who may become one, that a libp2p peer id is its own; what a consensus stream opens with. */
export interface StreamCertificate {
  networkId: string;
  /** The text form of the libp2p peer id. */
  peerId: string;
  /** Milliseconds since 1970; refused from then on. */
  expires_ms: number;
  /** The validator's, 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes, over certificateSignBytes. */
  signature: Uint8Array;
}

const CERTIFICATE: Format<typeof StreamCertificateSchema> = {
  schema: StreamCertificateSchema,
  name: 'stream certificate',
  prefix: 'CERTIFICATE',
  maxBytes: MAX_CERTIFICATE_BYTES,
};

/** @throws CERTIFICATE_MALFORMED */
export function encodeCertificate(certificate: StreamCertificate): Uint8Array {
  checkForm(certificate);
  const { networkId, peerId, publicKey, signature } = certificate;
  const expiresMs = BigInt(certificate.expires_ms);
  return encodeCanonical(StreamCertificateSchema, {
    version: CERTIFICATE_VERSION,
    networkId,
    peerId,
    expiresMs,
    publicKey,
    signature,
  });
}

/** @throws CERTIFICATE_* */
export function decodeCertificate(bytes: Uint8Array): StreamCertificate {
  const { version, networkId, peerId, expiresMs, publicKey, signature } = decodeCanonical(CERTIFICATE, bytes);
  check(version === CERTIFICATE_VERSION, 'CERTIFICATE_VERSION_UNSUPPORTED', 'this node knows version 1 only', {
    version,
  });
  const certificate = { networkId, peerId, expires_ms: Number(expiresMs), publicKey, signature };
  checkForm(certificate);
  return certificate;
}

/** What the validator signs. */
export function certificateSignBytes(certificate: Omit<StreamCertificate, 'signature'>): Uint8Array {
  const { networkId, peerId, publicKey } = certificate;
  const expiresMs = BigInt(certificate.expires_ms);
  return encodeCanonical(StreamCertificateSignBytesSchema, {
    domain: DOMAIN,
    version: CERTIFICATE_VERSION,
    networkId,
    peerId,
    expiresMs,
    publicKey,
  });
}

/**
 * Checks a certificate that `peerId` presented.
 * @returns the address of the key it speaks for, 20 bytes; whether that is a validator's, the state of the chain tells
 * @throws CERTIFICATE_*
 */
export function verifyCertificate(
  bytes: Uint8Array,
  expected: { networkId: string; peerId: string; now_ms: number },
): Uint8Array {
  const certificate = decodeCertificate(bytes);
  const { networkId, peerId, expires_ms, publicKey, signature } = certificate;
  check(networkId === expected.networkId, 'CERTIFICATE_WRONG_NETWORK', 'the peer is of another network', {
    theirs: networkId,
    ours: expected.networkId,
  });
  check(peerId === expected.peerId, 'CERTIFICATE_WRONG_PEER', 'the certificate is for another peer', {
    peer_id: peerId,
  });
  const { now_ms } = expected;
  check(expires_ms > now_ms, 'CERTIFICATE_EXPIRED', 'the certificate has expired; compare the clocks', {
    expires_ms,
    now_ms,
  });
  const signed = certificateSignBytes(certificate);
  check(verify(publicKey, signed, signature), 'CERTIFICATE_SIGNATURE_INVALID', 'the signature is wrong');
  return addressOf(publicKey);
}

function checkForm({ networkId, peerId, expires_ms, publicKey, signature }: StreamCertificate): void {
  ensure(NETWORK_ID.test(networkId), 'CERTIFICATE', 'network_id', 'must be 1 to 64 printable ASCII characters');
  ensure(PEER_ID.test(peerId), 'CERTIFICATE', 'peer_id', 'must be 1 to 128 printable ASCII characters');
  const isTime = Number.isSafeInteger(expires_ms) && expires_ms >= 0;
  ensure(isTime, 'CERTIFICATE', 'expires_ms', 'must be whole milliseconds since 1970');
  ensure(publicKey.length === PUBLIC_KEY_BYTES, 'CERTIFICATE', 'public_key', 'must be 32 bytes');
  ensure(signature.length === SIGNATURE_BYTES, 'CERTIFICATE', 'signature', 'must be 64 bytes');
}

function check(ok: boolean, code: ChainErrorCode, message: string, data: Record<string, unknown> = {}): void {
  if (!ok) throw new CodedError(code, message, data);
}
