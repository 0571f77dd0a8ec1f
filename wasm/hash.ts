import { createHash } from 'node:crypto';

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

export function sha3_256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha3-256').update(bytes).digest());
}
