import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sign } from '../../../wasm/ed25519.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { consensusSignBytes, MESSAGE_PROPOSE, STEP_NEWROUND } from './consensus.ts';
import { TEST_NETWORK, type TestValidator, testValidators } from './testing.ts';
import {
  decodeTimeoutCertificate,
  encodeTimeoutCertificate,
  type TimeoutCertificate,
  verifyTimeoutCertificate,
} from './timeout-certificate.ts';
import { validatorSet } from './validators.ts';

const all = testValidators(5);
const validators = all.slice(0, 4);
const set = validatorSet(validators);

/** Their NEWROUNDs of height 7, each with a QC of its own or none. */
function certificate(signers: readonly TestValidator[], round = 3): TimeoutCertificate {
  const entries = signers.map(({ address, seed }, i) => {
    const justify = i === 0 ? null : Uint8Array.of(i);
    const view = { networkId: TEST_NETWORK, type: MESSAGE_PROPOSE, height: 7n, round, step: STEP_NEWROUND };
    const signature = sign(seed, consensusSignBytes({ ...view, blockHash: null, justify }));
    return { address, justifyHash: justify ? sha256(justify) : new Uint8Array(), signature };
  });
  return { height: 7n, round, entries };
}

test('a quorum of NEWROUNDs proves its round, whatever QCs they carried', () => {
  const made = certificate(validators.slice(1));
  const read = decodeTimeoutCertificate(encodeTimeoutCertificate(made));
  assert.deepEqual(read, made);
  verifyTimeoutCertificate(read, set, TEST_NETWORK);
});

test('too few, strangers, other rounds and forged signatures prove nothing', () => {
  const refused = (made: TimeoutCertificate, code: string, network = TEST_NETWORK) =>
    assert.throws(() => verifyTimeoutCertificate(made, set, network), { code });
  const good = certificate(validators);
  refused(certificate(validators.slice(2)), 'TIMEOUT_TOO_FEW_SIGNERS');
  refused(certificate(all), 'TIMEOUT_UNKNOWN_SIGNER');
  refused({ ...good, round: 4 }, 'TIMEOUT_SIGNATURE_INVALID');
  refused({ ...good, height: 8n }, 'TIMEOUT_SIGNATURE_INVALID');
  refused(good, 'TIMEOUT_SIGNATURE_INVALID', 'other');
  const twice = [good.entries[0]!, good.entries[0]!, good.entries[1]!];
  assert.throws(() => encodeTimeoutCertificate({ ...good, entries: twice }), { code: 'TIMEOUT_MALFORMED' });
  assert.throws(() => encodeTimeoutCertificate({ ...good, round: 0 }), { code: 'TIMEOUT_MALFORMED' });
  assert.throws(() => encodeTimeoutCertificate({ ...good, entries: [] }), { code: 'TIMEOUT_MALFORMED' });
});

test('any flipped bit makes it another certificate, or none', () => {
  const bytes = encodeTimeoutCertificate(certificate(validators));
  fc.assert(
    fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => verifyTimeoutCertificate(decodeTimeoutCertificate(flipped), set, TEST_NETWORK), {
        name: 'CodedError',
      });
    }),
  );
});
