import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as opensslSign,
  verify as opensslVerify,
} from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { CodedError } from '../runtime/errors.ts';
import { LruMap } from './lru.ts';

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
 * `verify` asks OpenSSL first, which is a dozen times faster, and believes it only when it accepts. That is sound:
 * OpenSSL checks S < L and decodes A with the leniency of rule 1 (it masks the sign bit, reduces y modulo p and
 * does not reject x = 0 with the sign set), computes R' = [S]B - [k mod L]A and accepts only if the encoding of R' is
 * byte for byte the R received. So R is the canonical encoding of a curve point, which rule 1 accepts and decodes to
 * R', and [S]B = R + [k mod L]A holds exactly. Times 8 it still holds, and 8[k mod L]A = 8[k]A because the two
 * scalars differ by a multiple of L, which sends A to a point of order dividing 8. Hence rule 3: what OpenSSL accepts,
 * ZIP-215 accepts. The converse is false (non-canonical R, or a torsion component in A or R), so a refusal decides
 * nothing and noble's ZIP-215 verification does. A bad signature therefore costs about 1.4 ms instead of 0.1 ms: callers
 * score the peers that send them.
 */

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** 4096 keys are about 2 MB; validators and busy accounts stay in, a flood of new keys only costs the import again. */
const PUBLIC_KEYS_MAX = 4096;
/** Parsing PKCS#8 costs several signatures. A node signs with one or two keys, a load generator with a few hundred. */
const PRIVATE_KEYS_MAX = 256;

/** The fixed head of a PKCS#8 Ed25519 private key (RFC 8410); the seed follows. */
const PKCS8_HEAD = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

const publicKeys = new LruMap<string, KeyObject>(PUBLIC_KEYS_MAX);
const privateKeys = new LruMap<string, KeyObject>(PRIVATE_KEYS_MAX);

/** True if the signature is valid under the rule above. Wrong lengths give false; it never throws. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  if (opensslVerify(null, message, importPublicKey(publicKey), signature)) return true;
  return ed25519.verify(signature, message, publicKey, { zip215: true });
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

/** JWK, because OpenSSL 3 spends 80 µs on parsing the DER form of a public key and none on this one. */
function importPublicKey(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('base64url');
  const known = publicKeys.get(x);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  publicKeys.set(x, key);
  return key;
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
