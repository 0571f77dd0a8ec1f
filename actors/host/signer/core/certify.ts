import { CodedError } from '../../../../runtime/errors.ts';

/** Longest life of a stream certificate: whoever steals a node key keeps it no longer. 30 days, in ms. */
const MAX_LIFE_MS = 30 * 24 * 3_600_000;
/** libp2p peer ids in base58 or base32: letters and digits, 52 or 59 of them for an Ed25519 key. */
const PEER_ID = /^[0-9A-Za-z]{1,128}$/;

/** @throws CodedError CERTIFICATE_INVALID */
export function checkCertificateRequest(peerId: string, expires_ms: number, now_ms: number): void {
  if (typeof peerId !== 'string' || !PEER_ID.test(peerId)) {
    throw new CodedError('CERTIFICATE_INVALID', 'The peer id of the requested certificate is malformed.');
  }
  if (!Number.isSafeInteger(expires_ms) || expires_ms <= now_ms || expires_ms > now_ms + MAX_LIFE_MS) {
    throw new CodedError(
      'CERTIFICATE_INVALID',
      `A certificate must expire between now and ${MAX_LIFE_MS / 86_400_000} days from now; check the clock of this machine.`,
      { expires_ms, now_ms },
    );
  }
}
