import assert from 'node:assert/strict';
import { createPublicKey, verify as opensslVerify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { publicKeyOf, sign, verify } from './ed25519.ts';
import { bytes, expected, littleEndian, RFC_8032, signWithTorsion, Y8 } from './ed25519-cases.ts';
import { LruMap } from './lru.ts';

test('RFC 8032 vectors', () => {
  for (const [seed, publicKey, message, signature] of RFC_8032) {
    assert.deepEqual(publicKeyOf(bytes(seed)), bytes(publicKey));
    assert.deepEqual(sign(bytes(seed), bytes(message)), bytes(signature));
    assert.equal(verify(bytes(publicKey), bytes(message), bytes(signature)), true);
  }
});

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

test('a torsion component in the key is allowed, and OpenSSL alone would refuse it', () => {
  let acceptedByOpenssl = 0;
  for (let i = 0; i < 8; i++) {
    const { publicKey, message, signature } = signWithTorsion(Uint8Array.of(i), littleEndian(Y8), littleEndian(1n));
    assert.equal(verify(publicKey, message, signature), true);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    if (opensslVerify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)) acceptedByOpenssl++;
  }
  // OpenSSL accepts only where the challenge is a multiple of 8: all eight by chance once in 16 million runs.
  assert.ok(acceptedByOpenssl < 8);
});

test('what was signed here is valid, and what was changed is not', () => {
  const change = fc.option(fc.record({ where: fc.nat({ max: 127 }), flip: fc.integer({ min: 1, max: 255 }) }));
  const half = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(half, half, change, (seed, message, change) => {
      const all = Uint8Array.from([...publicKeyOf(seed), ...message, ...sign(seed, message)]);
      if (change !== null) all[change.where]! ^= change.flip;
      const [publicKey, changed, signature] = [all.subarray(0, 32), all.subarray(32, 64), all.subarray(64)];
      assert.equal(verify(publicKey, changed, signature), change === null);
      assert.equal(expected({ publicKey, message: changed, signature }), change === null);
    }),
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
