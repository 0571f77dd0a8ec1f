import { CodedError } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { fromHex } from './hex.ts';

export const ADDRESS_BYTES = 20;

/** The first 20 bytes of SHA-256 of an ed25519 public key. */
export function addressOf(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, ADDRESS_BYTES);
}

/** @throws ADDRESS_INVALID */
export function parseAddress(hex: string): Uint8Array {
  if (!/^[0-9a-f]{40}$/.test(hex)) {
    throw new CodedError('ADDRESS_INVALID', 'an address is 40 lower-case hex digits', {
      value: hex.slice(0, 80),
      length: hex.length,
    });
  }
  return fromHex(hex);
}
