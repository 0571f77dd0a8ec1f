import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign } from '../../../wasm/ed25519.ts';
import { certificateSignBytes, decodeCertificate, encodeCertificate, verifyCertificate } from './certificate.ts';
import { toHex } from './hex.ts';
import { TEST_NETWORK, testValidators } from './testing.ts';

const [holder, ...others] = testValidators(4);
const PEER = '12D3KooWHolder';
const expires_ms = 1_800_000_000_000;
const EXPECTED = { networkId: TEST_NETWORK, peerId: PEER, now_ms: expires_ms - 1 };

function certificate(change: Partial<Parameters<typeof certificateSignBytes>[0]> = {}) {
  const unsigned = { networkId: TEST_NETWORK, peerId: PEER, expires_ms, publicKey: holder!.publicKey, ...change };
  return { ...unsigned, signature: sign(holder!.seed, certificateSignBytes(unsigned)) };
}

test('a certificate proves the address of its key', () => {
  const bytes = encodeCertificate(certificate());
  assert.deepEqual(decodeCertificate(bytes), certificate());
  assert.deepEqual(verifyCertificate(bytes, EXPECTED), holder!.address);
});

test('the signed bytes are fixed', () => {
  const text = (value: string) => Buffer.from(value).toString('hex');
  const expected = `0a1d${text('potoroo/stream-certificate/v1')}10011a07${text('testnet')}220e${text(PEER)}2880a0f1c2b1343220${toHex(holder!.publicKey)}`;
  assert.equal(toHex(certificateSignBytes(certificate())), expected);
});

test('a certificate that proves something else is refused', () => {
  const cases: [string, Uint8Array, Partial<typeof EXPECTED>][] = [
    ['CERTIFICATE_WRONG_NETWORK', encodeCertificate(certificate()), { networkId: 'other' }],
    ['CERTIFICATE_WRONG_PEER', encodeCertificate(certificate()), { peerId: '12D3KooWOther' }],
    ['CERTIFICATE_EXPIRED', encodeCertificate(certificate()), { now_ms: expires_ms }],
    ['CERTIFICATE_SIGNATURE_INVALID', encodeCertificate({ ...certificate(), expires_ms: expires_ms + 1 }), {}],
    ['CERTIFICATE_SIGNATURE_INVALID', encodeCertificate(certificate({ publicKey: others[0]!.publicKey })), {}],
  ];
  for (const [code, bytes, change] of cases) {
    assert.throws(() => verifyCertificate(bytes, { ...EXPECTED, ...change }), { code });
  }
});

test('a certificate of wrong form has no encoding', () => {
  const cases = [
    { networkId: '' },
    { peerId: '' },
    { peerId: 'p'.repeat(129) },
    { expires_ms: -1 },
    { expires_ms: 2 ** 53 },
    { expires_ms: 0.5 },
    { publicKey: new Uint8Array(31) },
    { signature: new Uint8Array(65) },
  ];
  for (const change of cases) {
    const bad = { ...certificate(), ...change };
    assert.throws(() => encodeCertificate(bad), { code: 'CERTIFICATE_MALFORMED' }, JSON.stringify(change));
  }
});
