import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes, toHex } from './hex.ts';
import { testValidators } from './testing.ts';
import { activeValidators, exceedsFaults, isQuorumOf, leaderOf, validatorSet, validatorSetHash } from './validators.ts';

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

test('a quorum is more than two thirds of the power, whoever stands in it twice', () => {
  const powers = fc.array(fc.bigInt({ min: 1n, max: 2n ** 64n }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(powers, fc.infiniteStream(fc.boolean()), (list, chosen) => {
      const validators = testValidators(list.length).map((one, i) => ({ ...one, power: list[i]! }));
      const set = validatorSet(validators);
      const ballots = validators.filter(() => chosen.next().value);
      const power = ballots.reduce((sum, one) => sum + one.power, 0n);
      assert.equal(isQuorumOf(set, [...ballots, ...ballots]), 3n * power > 2n * set.totalPower);
      // Whoever is left cannot make a quorum without one of those that exceed the faults.
      const others = validators.filter((one) => !ballots.includes(one));
      assert.equal(exceedsFaults(set, power), !isQuorumOf(set, others));
    }),
  );
});

test('strangers have no vote', () => {
  const [stranger, ...validators] = testValidators(5);
  const set = validatorSet(validators);
  assert.ok(!isQuorumOf(set, [stranger!, ...validators.slice(0, 2)]));
  assert.ok(isQuorumOf(set, validators.slice(0, 3)));
});

test('who is paused, leaving, or beyond the greatest stakes does not decide', () => {
  const [a, b, c, d] = testValidators(4);
  const actors = [
    { ...a!, stakedAmount: 5n },
    { ...b!, stakedAmount: 9n, pausedHeight: 3n },
    { ...c!, stakedAmount: 9n, unstakingHeight: 7n },
    { ...d!, stakedAmount: 6n },
  ];
  const active = activeValidators(actors, 'stake', 10);
  assert.deepEqual(
    active.map(({ address, power }) => [toHex(address), power]),
    [
      [toHex(d!.address), 6n],
      [toHex(a!.address), 5n],
    ],
  );
  assert.deepEqual(
    activeValidators(actors, 'validator', 1).map(({ address, power }) => [address, power]),
    [[d!.address, 1n]],
  );
});

test('the hash of a set binds powers other than 1', () => {
  const [a, b] = testValidators(2);
  const even = validatorSetHash(validatorSet([a!, b!]));
  assert.notDeepEqual(validatorSetHash(validatorSet([a!, { ...b!, power: 2n }])), even);
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
      power: 1n,
    })),
  );
  assert.equal(toHex(validatorSetHash(set)), 'd0042602987de591705061e9bcb8348549940fc1fc349712b227adec379196ad');
});
