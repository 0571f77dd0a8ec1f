import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519, ed25519_hasher } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, concatBytes, numberToBytesLE } from '@noble/curves/utils.js';
import { publicKeyOf } from '../../../wasm/ed25519.ts';
import { sha512 } from '../../../wasm/hash.ts';
import { PUBLIC_KEY_BYTES } from './sizes.ts';

/**
 * A verifiable random function, ECVRF-EDWARDS25519-SHA512-ELL2 of RFC 9381: for a key and an input there is one output
 * of 64 bytes, which only the holder of the seed can compute and everybody with the public key can check.
 *
 * Of the two suites for this curve, ELL2 maps an input to the curve in a fixed number of steps and for every input (TAI
 * tries until it hits), by the map of RFC 9380 that the curve library has ready and tested.
 *
 * One output a key and input, whoever made the key: points are taken in their canonical encoding only, s below the
 * group order, and keys of small order are refused. A proof is not that unique: the holder of the seed can make others
 * (another nonce, a point of small order added to gamma), all of the same output. So compare outputs, never proofs.
 */

export const VRF_PROOF_BYTES = 80;
export const VRF_OUTPUT_BYTES = 64;

/** What tells this suite from others, in all that it hashes. */
const SUITE = 0x04;
/** Name of the map to the curve, made of the RFC's prefix, that of the map and the suite. */
const MAP_DOMAIN = 'ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_\x04';
/** What a hash is for, its first bytes; all of them end in BACK. */
const CHALLENGE_FRONT = Uint8Array.of(SUITE, 2);
const OUTPUT_FRONT = Uint8Array.of(SUITE, 3);
const BACK = Uint8Array.of(0);
/** A challenge is half as long as a scalar: enough for 128 bits of security, and a shorter proof. */
const CHALLENGE_BYTES = 16;
const SCALAR_BYTES = 32;

const { BASE, Fn } = ed25519.Point;

interface Proof {
  /** The point that the output is a hash of. */
  gamma: EdwardsPoint;
  c: bigint;
  s: bigint;
}

/**
 * The proof of 80 bytes, which has the output in it (vrfOutput). Always the same for the same seed and input.
 *
 * The seed is that of the validator's Ed25519 key, and both take their nonce from the same half of its hash: a
 * signature of the very 32 bytes that the input is mapped to would have the nonce of the proof, and the two would give
 * the key away. No such signature exists: what is signed with these keys is always protobuf with a domain or a type in
 * it, longer than 32 bytes (consensus messages, stream certificates, transactions). Never sign a bare hash or point
 * with them.
 *
 * @param seed 32 bytes
 * @param alpha the input, of any length
 * @throws CodedError SEED_INVALID
 */
export function vrfProve(seed: Uint8Array, alpha: Uint8Array): Uint8Array {
  const publicKey = publicKeyOf(seed);
  const { scalar, prefix } = ed25519.utils.getExtendedPublicKey(seed);
  const h = mapToCurve(publicKey, alpha);
  const gamma = h.multiply(scalar);
  const nonce = Fn.create(bytesToNumberLE(sha512(concatBytes(prefix, h.toBytes()))));
  const c = challengeOf(publicKey, [h, gamma, BASE.multiply(nonce), h.multiply(nonce)]);
  const s = Fn.add(nonce, Fn.mul(c, scalar));
  return concatBytes(gamma.toBytes(), numberToBytesLE(c, CHALLENGE_BYTES), numberToBytesLE(s, SCALAR_BYTES));
}

/**
 * The output of 64 bytes, if `proof` shows that it is the one of this key and input; null for anything else, malformed
 * keys and proofs included.
 */
export function vrfVerify(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Uint8Array | null {
  const key = decodePoint(publicKey);
  const decoded = decodeProof(proof);
  if (key === null || key.isSmallOrder() || decoded === null) return null;
  const { gamma, c, s } = decoded;
  const h = mapToCurve(publicKey, alpha);
  // Everything here is public, so the time it takes may depend on it.
  const u = BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(c));
  const v = h.multiplyUnsafe(s).subtract(gamma.multiplyUnsafe(c));
  return challengeOf(publicKey, [h, gamma, u, v]) === c ? outputOf(gamma) : null;
}

/**
 * The output in a proof, which is not checked: only for proofs made here or verified before. Null if the bytes are
 * none.
 */
export function vrfOutput(proof: Uint8Array): Uint8Array | null {
  const decoded = decodeProof(proof);
  return decoded === null ? null : outputOf(decoded.gamma);
}

/** The key is part of what is mapped, so that no two keys share a point. */
function mapToCurve(publicKey: Uint8Array, alpha: Uint8Array): EdwardsPoint {
  return ed25519_hasher.encodeToCurve(concatBytes(publicKey, alpha), { DST: MAP_DOMAIN }) as EdwardsPoint;
}

function challengeOf(publicKey: Uint8Array, points: readonly EdwardsPoint[]): bigint {
  const encoded = points.map((point) => point.toBytes());
  const digest = sha512(concatBytes(CHALLENGE_FRONT, publicKey, ...encoded, BACK));
  return bytesToNumberLE(digest.subarray(0, CHALLENGE_BYTES));
}

/** Times the cofactor first: what has been added of small order is gone. */
function outputOf(gamma: EdwardsPoint): Uint8Array {
  return sha512(concatBytes(OUTPUT_FRONT, gamma.clearCofactor().toBytes(), BACK));
}

function decodeProof(proof: Uint8Array): Proof | null {
  if (proof.length !== VRF_PROOF_BYTES) return null;
  const gamma = decodePoint(proof.subarray(0, PUBLIC_KEY_BYTES));
  const c = bytesToNumberLE(proof.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + CHALLENGE_BYTES));
  const s = bytesToNumberLE(proof.subarray(PUBLIC_KEY_BYTES + CHALLENGE_BYTES));
  return gamma !== null && s < Fn.ORDER ? { gamma, c, s } : null;
}

/**
 * As RFC 8032 decodes: y below the field's order, no sign on x = 0. That is stricter than where signatures are checked.
 */
function decodePoint(bytes: Uint8Array): EdwardsPoint | null {
  if (bytes.length !== PUBLIC_KEY_BYTES) return null;
  try {
    return ed25519.Point.fromBytes(bytes, false);
  } catch {
    return null;
  }
}
