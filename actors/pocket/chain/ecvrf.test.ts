import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ED25519_TORSION_SUBGROUP, ed25519, ed25519_hasher } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, concatBytes, numberToBytesLE } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { publicKeyOf, sign } from '../../../wasm/ed25519.ts';
import { sha512 } from '../../../wasm/hash.ts';
import { VRF_OUTPUT_BYTES, VRF_PROOF_BYTES, vrfOutput, vrfProve, vrfVerify } from './ecvrf.ts';
import { equalBytes, fromHex, toHex } from './hex.ts';

const { Point } = ed25519;
const { Fn, BASE } = Point;

/**
 * RFC 9381, appendix B.4, examples 19 to 21, with the values in between: h is the mapped input, u and v the
 * commitments.
 */
const VECTORS = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    alpha: '',
    h: 'b8066ebbb706c72b64390324e4a3276f129569eab100c26b9f05011200c1bad9',
    u: '762f5c178b68f0cddcc1157918edf45ec334ac8e8286601a3256c3bbf858edd9',
    v: '4652eba1c4612e6fce762977a59420b451e12964adbe4fbecd58a7aeff5860af',
    proof:
      '7d9c633ffeee27349264cf5c667579fc583b4bda63ab71d001f89c10003ab46f14adf9a3cd8b8412d9038531e865c341cafa73589b023d14311c331a9ad15ff2fb37831e00f0acaa6d73bc9997b06501',
    output:
      '9d574bf9b8302ec0fc1e21c3ec5368269527b87b462ce36dab2d14ccf80c53cccf6758f058c5b1c856b116388152bbe509ee3b9ecfe63d93c3b4346c1fbc6c54',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    alpha: '72',
    h: '76ac3ccb86158a9104dff819b1ca293426d305fd76b39b13c9356d9b58c08e57',
    u: '8ec26e77b8cb3114dd2265fe1564a4efb40d109aa3312536d93dfe3d8d80a061',
    v: 'fe799eb5770b4e3a5a27d22518bb631db183c8316bb552155f442c62a47d1c8b',
    proof:
      '47b327393ff2dd81336f8a2ef10339112401253b3c714eeda879f12c509072ef055b48372bb82efbdce8e10c8cb9a2f9d60e93908f93df1623ad78a86a028d6bc064dbfc75a6a57379ef855dc6733801',
    output:
      '38561d6b77b71d30eb97a062168ae12b667ce5c28caccdf76bc88e093e4635987cd96814ce55b4689b3dd2947f80e59aac7b7675f8083865b46c89b2ce9cc735',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    alpha: 'af82',
    h: '13d2a8b5ca32db7e98094a61f656a08c6c964344e058879a386a947a4e189ed1',
    u: 'a012f35433df219a88ab0f9481f4e0065d00422c3285f3d34a8b0202f20bac60',
    v: 'fb613986d171b3e98319c7ca4dc44c5dd8314a6e5616c1a4f16ce72bd7a0c25a',
    proof:
      '926e895d308f5e328e7aa159c06eddbe56d06846abf5d98c2512235eaa57fdce35b46edfc655bc828d44ad09d1150f31374e7ef73027e14760d42e77341fe05467bb286cc2c9d7fde29120a0b2320d04',
    output:
      '121b7f9b9aaaa29099fc04a94ba52784d44eac976dd1a3cca458733be5cd090a7b5fbd148444f17f8daf1fb55cb04b1ae85a626e30a54b4b0f8abf4a43314a58',
  },
];

const SEED = fromHex(VECTORS[0]!.seed);
const KEY = fromHex(VECTORS[0]!.publicKey);
const ALPHA = new TextEncoder().encode('height 7, round 0');
const PROOF = vrfProve(SEED, ALPHA);

function mapped(publicKey: Uint8Array, alpha: Uint8Array): EdwardsPoint {
  const DST = 'ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_\x04';
  return ed25519_hasher.encodeToCurve(concatBytes(publicKey, alpha), { DST }) as EdwardsPoint;
}

/** A proof as somebody makes it who breaks the rules: any secret scalar, any nonce, and a point added to gamma. */
function craftedProof(key: { bytes: Uint8Array; secret: bigint }, nonce: bigint, added: EdwardsPoint): Uint8Array {
  const h = mapped(key.bytes, ALPHA);
  const gamma = h.multiplyUnsafe(key.secret).add(added);
  const points = [h, gamma, BASE.multiplyUnsafe(nonce), h.multiplyUnsafe(nonce)].map((point) => point.toBytes());
  const c = sha512(concatBytes(Uint8Array.of(4, 2), key.bytes, ...points, Uint8Array.of(0))).subarray(0, 16);
  const s = Fn.create(nonce + bytesToNumberLE(c) * key.secret);
  return concatBytes(gamma.toBytes(), c, numberToBytesLE(s, 32));
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

for (const [i, { seed, publicKey, alpha, h, u, v, proof, output }] of VECTORS.entries()) {
  test(`example ${19 + i} of RFC 9381 gives the published proof and output`, () => {
    assert.equal(toHex(publicKeyOf(fromHex(seed))), publicKey);
    assert.equal(toHex(vrfProve(fromHex(seed), fromHex(alpha))), proof);
    assert.equal(toHex(vrfVerify(fromHex(publicKey), fromHex(alpha), fromHex(proof))!), output);
    assert.equal(toHex(vrfOutput(fromHex(proof))!), output);
  });

  test(`example ${19 + i} of RFC 9381 has the published points in between`, () => {
    const point = mapped(fromHex(publicKey), fromHex(alpha));
    assert.equal(toHex(point.toBytes()), h);
    const { prefix } = ed25519.utils.getExtendedPublicKey(fromHex(seed));
    const nonce = Fn.create(bytesToNumberLE(sha512(concatBytes(prefix, fromHex(h)))));
    assert.equal(toHex(BASE.multiply(nonce).toBytes()), u);
    assert.equal(toHex(point.multiply(nonce).toBytes()), v);
  });
}

test('whoever has the seed proves, whoever has the key verifies, and both have the same output', () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(seed, fc.uint8Array({ maxLength: 300 }), (secret, alpha) => {
      const proof = vrfProve(secret, alpha);
      assert.equal(proof.length, VRF_PROOF_BYTES);
      assert.deepEqual(vrfProve(secret, alpha), proof);
      const output = vrfVerify(publicKeyOf(secret), alpha, proof);
      assert.ok(output !== null);
      assert.equal(output.length, VRF_OUTPUT_BYTES);
      assert.deepEqual(vrfOutput(proof), output);
    }),
    { numRuns: 30 },
  );
});

test('a proof with any bit flipped proves nothing', () => {
  assert.ok(vrfVerify(KEY, ALPHA, PROOF) !== null);
  for (let bit = 0; bit < 8 * VRF_PROOF_BYTES; bit++) {
    assert.equal(vrfVerify(KEY, ALPHA, flipped(PROOF, bit)), null, `bit ${bit}`);
  }
});

test('a proof is of one key and one input', () => {
  for (let bit = 0; bit < 8 * KEY.length; bit++) {
    assert.equal(vrfVerify(flipped(KEY, bit), ALPHA, PROOF), null, `key, bit ${bit}`);
  }
  for (let bit = 0; bit < 8 * ALPHA.length; bit++) {
    assert.equal(vrfVerify(KEY, flipped(ALPHA, bit), PROOF), null, `input, bit ${bit}`);
  }
  assert.equal(vrfVerify(KEY, concatBytes(ALPHA, Uint8Array.of(0)), PROOF), null);
  assert.equal(vrfVerify(KEY, ALPHA.subarray(1), PROOF), null);
});

test('what is no key or no proof gives null, never an error', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ minLength: VRF_PROOF_BYTES, maxLength: VRF_PROOF_BYTES }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
  );
  fc.assert(
    fc.property(anything, anything, anything, (key, alpha, proof) => {
      assert.equal(vrfVerify(key, alpha, proof), null);
      assert.equal(vrfVerify(KEY, ALPHA, proof), null);
      assert.equal(vrfVerify(key, ALPHA, PROOF), null);
      const output = vrfOutput(proof);
      assert.ok(output === null || output.length === VRF_OUTPUT_BYTES);
    }),
    { numRuns: 200 },
  );
});

test('a seed of another length is refused', () => {
  for (const length of [0, 31, 33, 64]) {
    assert.throws(() => vrfProve(new Uint8Array(length), ALPHA), { code: 'SEED_INVALID' });
  }
});

test('s at or above the group order is refused: each proof has one encoding', () => {
  const s = bytesToNumberLE(PROOF.subarray(48)) + Fn.ORDER;
  const again = concatBytes(PROOF.subarray(0, 48), numberToBytesLE(s, 32));
  assert.equal(vrfVerify(KEY, ALPHA, again), null);
  assert.equal(vrfOutput(again), null);
});

test('points in another than their canonical encoding are refused', () => {
  // The point (0, 1): y = 1, y = p + 1, and y = 1 with the sign that 0 has not.
  const canonical = numberToBytesLE(1n, 32);
  const aliases = [numberToBytesLE(Point.Fp.ORDER + 1n, 32), flipped(canonical, 255)];
  for (const alias of aliases) assert.ok(Point.fromBytes(alias, true).equals(Point.fromBytes(canonical)));
  const rest = PROOF.subarray(32);
  assert.ok(vrfOutput(concatBytes(canonical, rest)) !== null);
  for (const alias of aliases) assert.equal(vrfOutput(concatBytes(alias, rest)), null);
});

test('a key of small order proves nothing: its owner could prove any input without a secret', () => {
  const secret = 0n;
  for (const encoded of ED25519_TORSION_SUBGROUP) {
    const bytes = fromHex(encoded);
    for (let nonce = 1n; nonce <= 64n; nonce++) {
      assert.equal(vrfVerify(bytes, ALPHA, craftedProof({ bytes, secret }, nonce, Point.ZERO)), null);
    }
  }
});

test('another nonce makes another proof, but not another output', () => {
  const { scalar: secret } = ed25519.utils.getExtendedPublicKey(SEED);
  for (const nonce of [1n, 2n, Fn.ORDER - 1n]) {
    const proof = craftedProof({ bytes: KEY, secret }, nonce, Point.ZERO);
    assert.ok(!equalBytes(proof, PROOF));
    assert.deepEqual(vrfVerify(KEY, ALPHA, proof), vrfOutput(PROOF));
  }
});

test('a point of small order added to the proof changes nothing about the output', () => {
  const { scalar: secret } = ed25519.utils.getExtendedPublicKey(SEED);
  let accepted = 0;
  for (const encoded of ED25519_TORSION_SUBGROUP) {
    for (let nonce = 1n; nonce <= 16n; nonce++) {
      const proof = craftedProof({ bytes: KEY, secret }, nonce, Point.fromHex(encoded));
      const output = vrfVerify(KEY, ALPHA, proof);
      if (output === null) continue;
      accepted++;
      assert.deepEqual(output, vrfOutput(PROOF));
    }
  }
  assert.ok(accepted > 16, 'some of them pass, or the test shows nothing');
});

test('a point that is not the right multiple is refused', () => {
  const { scalar: secret } = ed25519.utils.getExtendedPublicKey(SEED);
  assert.equal(vrfVerify(KEY, ALPHA, craftedProof({ bytes: KEY, secret }, 5n, BASE)), null);
});

test('a signature of the input by the same key shares no nonce with the proof', () => {
  const h = mapped(KEY, ALPHA);
  const commitment = (message: Uint8Array) => sign(SEED, message).subarray(0, 32);
  const s = bytesToNumberLE(PROOF.subarray(48));
  const c = bytesToNumberLE(PROOF.subarray(32, 48));
  const u = BASE.multiply(s).subtract(Point.fromBytes(KEY).multiply(c)).toBytes();
  assert.notDeepEqual(commitment(ALPHA), u);
  // The one message never to sign: the bare point of 32 bytes.
  assert.deepEqual(commitment(h.toBytes()), u);
});
