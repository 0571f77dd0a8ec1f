import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { blake2b } from '@noble/hashes/blake2.js';
import fc from 'fast-check';
import { type Algorithm, HashKernel } from './hash-kernel.ts';
import { hashMany } from './hash-many.ts';
import { vectorBuild } from './kernel.ts';
import { packRelays, relayDifficulty } from './relay-difficulty.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const ORACLES: Record<Algorithm, (message: Uint8Array) => Uint8Array> = {
  sha256: (message) => createHash('sha256').update(message).digest(),
  'sha3-256': (message) => createHash('sha3-256').update(message).digest(),
  'blake2b-256': (message) => blake2b(message, { dkLen: 32 }),
  sha512: (message) => createHash('sha512').update(message).digest(),
};

/** Examples of FIPS 180-4 and FIPS 202 (NIST), and of RFC 7693 with a digest of 32 bytes. */
const LONG = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq';
const PUBLISHED: Record<Algorithm, Record<string, string>> = {
  sha256: {
    '': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    abc: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    [LONG]: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ['a'.repeat(1_000_000)]: 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  },
  'sha3-256': {
    '': 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a',
    abc: '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532',
    [LONG]: '41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376',
    ['a'.repeat(1_000_000)]: '5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1',
  },
  'blake2b-256': {
    '': '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8',
    abc: 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
  },
  sha512: {
    '': 'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    abc: 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    [LONG]:
      '204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445',
    ['a'.repeat(1_000_000)]:
      'e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b',
  },
};

for (const build of ['plain', vectorBuild()] as const) {
  const kernel = new HashKernel(build);
  for (const algorithm of Object.keys(ORACLES) as Algorithm[]) {
    test(`${build}: ${algorithm} gives the published digests`, () => {
      const messages = Object.keys(PUBLISHED[algorithm]);
      const digests = hashMany(algorithm, messages.map(text), kernel);
      assert.equal(hex(digests), Object.values(PUBLISHED[algorithm]).join(''));
    });

    test(`${build}: ${algorithm} of every length up to three blocks, and of random batches`, () => {
      const check = (messages: Uint8Array[]): void => {
        const expected = messages.map((message) => hex(ORACLES[algorithm](message))).join('');
        assert.equal(hex(hashMany(algorithm, messages, kernel)), expected);
      };
      check(
        Array.from({ length: 410 }, (_, length) => Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff)),
      );
      fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 20 }), check), { numRuns: 100 });
    });
  }

  test(`${build}: batches beyond the memory of the kernel`, () => {
    const many = Array.from({ length: 9_001 }, (_, i) => text(`message ${i}`));
    assert.equal(hex(hashMany('sha256', many, kernel)), many.map((message) => hex(ORACLES.sha256(message))).join(''));
    const large = [new Uint8Array(1 << 20).fill(1), new Uint8Array(5), new Uint8Array(1 << 20).fill(2)];
    assert.equal(hex(hashMany('sha256', large, kernel)), large.map((message) => hex(ORACLES.sha256(message))).join(''));
    const tooLarge = [new Uint8Array((1 << 20) + 1)];
    assert.equal(hex(hashMany('sha256', tooLarge, kernel)), hex(ORACLES.sha256(tooLarge[0]!)));
    assert.throws(() => hashMany('blake2b-256', tooLarge, kernel), { code: 'KERNEL_MESSAGE_TOO_LONG' });
    assert.equal(hashMany('sha256', [], kernel).length, 0);
  });

  test(`${build}: relays below a target`, () => {
    const relay = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 1_290, maxLength: 1_310 }));
    const target = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constant(new Uint8Array(32).fill(255)));
    fc.assert(
      fc.property(fc.array(relay, { maxLength: 30 }), target, (relays, target) => {
        const { digests, bitmap } = relayDifficulty(packRelays(relays), target, kernel);
        const expected = relays.map(ORACLES.sha256);
        assert.equal(hex(digests), expected.map(hex).join(''));
        const below = relays.map((_, i) => ((bitmap[i >> 3] as number) >> (i & 7)) & 1);
        assert.deepEqual(
          below,
          expected.map((digest) => Number(Buffer.compare(digest, target) < 0)),
        );
      }),
      { numRuns: 200 },
    );
  });

  test(`${build}: a digest equal to the target does not count; several batches; a wrong target is an error`, () => {
    const relay = text('relay');
    assert.deepEqual(relayDifficulty(packRelays([relay]), ORACLES.sha256(relay), kernel).bitmap, Uint8Array.of(0));
    const relays = Array.from({ length: 10_001 }, (_, i) => new Uint8Array(300).fill(i));
    const { bitmap } = relayDifficulty(packRelays(relays), new Uint8Array(32).fill(255), kernel);
    assert.equal(hex(bitmap), `${'ff'.repeat(1250)}01`);
    const large = packRelays([new Uint8Array(1 << 20), ...relays.slice(0, 9), new Uint8Array(1 << 20)]);
    assert.equal(hex(relayDifficulty(large, new Uint8Array(32).fill(255), kernel).bitmap), 'ff07');
    const tooLarge = packRelays([relay, new Uint8Array((1 << 20) + 1)]);
    assert.throws(() => relayDifficulty(tooLarge, new Uint8Array(32), kernel), { code: 'KERNEL_MESSAGE_TOO_LONG' });
    assert.throws(() => relayDifficulty(packRelays(relays), new Uint8Array(31), kernel), { code: 'TARGET_INVALID' });
  });
}
