import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify as opensslVerify, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { publicKeyOf, sign, verify } from './ed25519.ts';
import { LruMap } from './lru.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** RFC 8032, section 7.1: seed, public key, message, signature. */
const RFC_8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

test('RFC 8032 vectors', () => {
  for (const [seed, publicKey, message, signature] of RFC_8032) {
    assert.deepEqual(publicKeyOf(bytes(seed)), bytes(publicKey));
    assert.deepEqual(sign(bytes(seed), bytes(message)), bytes(signature));
    assert.equal(verify(bytes(publicKey), bytes(message), bytes(signature)), true);
  }
});

/** p and L, little-endian, and the y coordinates of the points of order dividing 8. */
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

function littleEndian(n: bigint): Uint8Array {
  const out = new Uint8Array(32);
  for (let i = 0; i < 32; i++) out[i] = Number((n >> BigInt(8 * i)) & 0xffn);
  return out;
}

/** The 8 canonical encodings of points of small order and the 6 non-canonical ones: 14 in all. */
function smallOrderEncodings(): Uint8Array[] {
  const both = (y: bigint): Uint8Array[] => [littleEndian(y), littleEndian(y | (1n << 255n))];
  // x = 0 for y = 1 and y = -1, so the encodings with the sign bit are non-canonical there; so is y = 1 + p and,
  // for y = 0 (x = ±sqrt(-1)), y = p.
  return [1n, P - 1n, 0n, Y8, P - Y8, P, P + 1n].flatMap(both);
}

test('all 196 pairs of small-order encodings with S = 0 verify (ZIP-215)', () => {
  const encodings = smallOrderEncodings();
  assert.equal(new Set(encodings.map((e) => Buffer.from(e).toString('hex'))).size, 14);
  const message = new TextEncoder().encode('Zcash');
  for (const publicKey of encodings) {
    for (const r of encodings) {
      const signature = Uint8Array.from([...r, ...new Uint8Array(32)]);
      assert.equal(verify(publicKey, message, signature), true);
    }
  }
});

test('S of L or more is refused, whatever the equation says', () => {
  const [seed, publicKey, message, signature] = RFC_8032[1].map(bytes) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  assert.equal(seed.length, 32);
  let s = 0n;
  for (let i = 31; i >= 0; i--) s = (s << 8n) | BigInt(signature[32 + i]!);
  const malleated = Uint8Array.from([...signature.subarray(0, 32), ...littleEndian(s + L)]);
  assert.equal(verify(publicKey, message, malleated), false);
  for (const r of smallOrderEncodings()) {
    assert.equal(verify(r, message, Uint8Array.from([...r, ...littleEndian(L)])), false);
  }
});

test('a torsion component in the key is allowed, and OpenSSL alone would refuse it', () => {
  // A' = A + T with T of order 8, signed with the scalar of A: valid only under the cofactored equation.
  const torsion = ed25519.Point.fromBytes(littleEndian(Y8), true);
  const { scalar, prefix } = ed25519.utils.getExtendedPublicKey(randomBytes(32));
  const publicKey = ed25519.Point.BASE.multiply(scalar).add(torsion).toBytes();
  let accepted = 0;
  let acceptedByOpenssl = 0;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  for (let i = 0; i < 8; i++) {
    const message = Uint8Array.from([...prefix, i]);
    const r = ed25519.Point.Fn.fromBytes(randomScalar());
    const rBytes = ed25519.Point.BASE.multiply(r).toBytes();
    const k = challenge(rBytes, publicKey, message);
    const s = ed25519.Point.Fn.add(r, ed25519.Point.Fn.mul(k, scalar));
    const signature = Uint8Array.from([...rBytes, ...littleEndian(s)]);
    if (verify(publicKey, message, signature)) accepted++;
    if (opensslVerify(null, message, key, signature)) acceptedByOpenssl++;
  }
  assert.equal(accepted, 8);
  // OpenSSL accepts only where k is a multiple of 8: all eight by chance once in 16 million runs.
  assert.ok(acceptedByOpenssl < 8);
});

function randomScalar(): Uint8Array {
  const scalar = Uint8Array.from(randomBytes(32));
  scalar[31] = 1; // below L, above zero
  return scalar;
}

function challenge(r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash('sha512').update(r).update(a).update(message).digest();
  let k = 0n;
  for (let i = 63; i >= 0; i--) k = (k << 8n) | BigInt(digest[i]!);
  return k % L;
}

test('wrong lengths give false or SEED_INVALID, never another error', () => {
  const key = publicKeyOf(new Uint8Array(32));
  const message = new Uint8Array(3);
  const signature = sign(new Uint8Array(32), message);
  assert.equal(verify(key.subarray(1), message, signature), false);
  assert.equal(verify(new Uint8Array(33), message, signature), false);
  assert.equal(verify(key, message, signature.subarray(1)), false);
  assert.equal(verify(key, message, new Uint8Array(0)), false);
  assert.throws(() => sign(new Uint8Array(64), message), { code: 'SEED_INVALID' });
  assert.throws(() => publicKeyOf(new Uint8Array(0)), { code: 'SEED_INVALID' });
});

test('agrees with noble on tampered and on random input', () => {
  const byteAt = fc.record({ where: fc.nat({ max: 127 }), flip: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.option(byteAt),
      (seed, message, change) => {
        const publicKey = publicKeyOf(seed);
        const all = Uint8Array.from([...publicKey, ...message, ...sign(seed, message)]);
        if (change !== null) all[change.where]! ^= change.flip;
        const [a, m, s] = [all.subarray(0, 32), all.subarray(32, 64), all.subarray(64)];
        const expected = ed25519.verify(s, m, a, { zip215: true });
        assert.equal(expected, change === null);
        assert.equal(verify(a, m, s), expected);
      },
    ),
    { numRuns: 60 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      (a, s) => verify(a, a, s) === ed25519.verify(s, a, a, { zip215: true }),
    ),
    { numRuns: 60 },
  );
});

test('the key cache forgets what was used longest ago', () => {
  const cache = new LruMap<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3);
  assert.equal(cache.get('b'), undefined);
  assert.equal(cache.get('a'), 1);
  assert.equal(cache.size, 2);
});
