import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes, toHex } from './hex.ts';
import { testValidators } from './testing.ts';
import { leaderOf, quorumOf, validatorSet, validatorSetHash } from './validators.ts';

test('a set is sorted by address and finds its members', () => {
  const validators = testValidators(5);
  const set = validatorSet([...validators].reverse());
  assert.deepEqual(set.list, validators);
  for (const validator of validators) assert.equal(set.byAddress(toHex(validator.address)), validator);
  assert.equal(set.byAddress('00'.repeat(20)), undefined);
  assert.ok(set.list.every((v, i) => i === 0 || compareBytes(set.list[i - 1]!.address, v.address) < 0));
});

test('an empty set and one with an address twice are refused', () => {
  const [validator] = testValidators(1);
  assert.throws(() => validatorSet([]), { code: 'VALIDATORS_INVALID' });
  assert.throws(() => validatorSet([validator!, validator!]), { code: 'VALIDATORS_INVALID' });
});

test('a quorum is the smallest count above two thirds', () => {
  const counts = { 1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 100: 67 };
  for (const [n, quorum] of Object.entries(counts)) assert.equal(quorumOf(Number(n)), quorum, n);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), (n) => {
      const quorum = quorumOf(n);
      assert.ok(3 * quorum > 2 * n && 3 * (quorum - 1) <= 2 * n);
    }),
  );
});

test('leaders rotate with height plus round', () => {
  const set = validatorSet(testValidators(4));
  // ((height + round) mod N) + 1, counted from 1.
  assert.equal(leaderOf(set, 1n, 0), set.list[1]);
  assert.equal(leaderOf(set, 1n, 1), set.list[2]);
  assert.equal(leaderOf(set, 3n, 1), set.list[0]);
  assert.equal(leaderOf(set, 2n ** 64n - 1n, 0), set.list[3]);
  const led = Array.from({ length: 8 }, (_, i) => leaderOf(set, BigInt(i), 2));
  for (const validator of set.list) assert.equal(led.filter((leader) => leader === validator).length, 2);
});

test('the hash of a set is fixed and does not depend on service URLs', () => {
  const set = validatorSet(
    [0x22, 0x11].map((byte) => ({
      address: new Uint8Array(20).fill(byte),
      publicKey: new Uint8Array(32).fill(byte),
      serviceUrl: 'any:1',
    })),
  );
  assert.equal(toHex(validatorSetHash(set)), 'd0042602987de591705061e9bcb8348549940fc1fc349712b227adec379196ad');
});
