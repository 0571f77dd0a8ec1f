import { createPrivateKey, createPublicKey, type KeyObject, sign as opensslSign } from 'node:crypto';
import { CodedError } from '../runtime/errors.ts';
import { withEd25519Kernel } from './ed25519-kernel.ts';
import { LruMap } from './lru.ts';
import type { SignedMessage } from './verify-format.ts';

/**
 * Ed25519 with one rule of validity on every path of every node, that of ZIP-215:
 *
 * 1. A (the public key) and R (first half of the signature) decode to points of the curve. The y coordinate may be
 *    non-canonical (>= p), the sign bit may be set on x = 0, and small orders are allowed;
 * 2. S (second half, little-endian) is less than the group order L;
 * 3. [8][S]B = [8]R + [8][k]A with k = SHA-512(R bytes || A bytes || message), bytes as they were received.
 *
 * Nodes that disagree on one signature fork the chain, so the rule must not depend on the library or on whether a
 * signature was checked alone or in a batch. Only the cofactored equation (the 8) is the same for both.
 *
 * The kernel (wasm/assembly/ed25519.ts) verifies by this equation and no other; the library that signs checks another one
 * and is never asked.
 */

const SEED_BYTES = 32;
/** Parsing PKCS#8 costs several signatures. A node signs with one or two keys, a load generator with a few hundred. */
const PRIVATE_KEYS_MAX = 256;

/** The fixed head of a PKCS#8 Ed25519 private key (RFC 8410); the seed follows. */
const PKCS8_HEAD = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

const privateKeys = new LruMap<string, KeyObject>(PRIVATE_KEYS_MAX);

/**
 * True if the signature is valid under the rule above. Wrong lengths give false.
 * @throws CodedError KERNEL_MISSING, KERNEL_FAILED
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return withEd25519Kernel((kernel) => kernel.verify(publicKey, message, signature));
}

/**
 * The verdicts on many signatures, in their order: the same as one by one, in as little as an eighth of the time. It holds the
 * thread up for 20 ms per thousand.
 * @throws CodedError KERNEL_MISSING, KERNEL_FAILED
 */
export function verifyBatch(items: readonly SignedMessage[]): boolean[] {
  return withEd25519Kernel((kernel) => kernel.verifyBatch(items));
}

/** @throws CodedError SEED_INVALID */
export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return Uint8Array.from(opensslSign(null, message, importSeed(seed)));
}

/** @throws CodedError SEED_INVALID */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const { x } = createPublicKey(importSeed(seed)).export({ format: 'jwk' });
  return Uint8Array.from(Buffer.from(x as string, 'base64url'));
}

function importSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_BYTES) {
    throw new CodedError('SEED_INVALID', `An Ed25519 seed has ${SEED_BYTES} bytes, this one has ${seed.length}.`);
  }
  const name = Buffer.from(seed).toString('base64url');
  const known = privateKeys.get(name);
  if (known !== undefined) return known;
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
  privateKeys.set(name, key);
  return key;
}
