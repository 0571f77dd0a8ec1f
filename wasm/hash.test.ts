import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha3_256, sha256, sha512 } from './hash.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const abc = new TextEncoder().encode('abc');

test('sha256, sha512 and sha3_256 give the published digests', () => {
  assert.equal(hex(sha256(abc)), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(hex(sha256(new Uint8Array(0))), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.equal(
    hex(sha512(abc)),
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  );
  assert.equal(hex(sha3_256(abc)), '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532');
  assert.equal(hex(sha3_256(new Uint8Array(0))), 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a');
});

test('digests are plain byte arrays of their own', () => {
  const digest = sha256(abc);
  assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
  digest.fill(0);
  assert.notEqual(hex(sha256(abc)), hex(digest));
});

test('a view hashes its own bytes only', () => {
  const padded = Uint8Array.from([1, ...abc, 2]);
  assert.deepEqual(sha256(padded.subarray(1, 4)), sha256(abc));
});
