import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressOf, parseAddress } from './address.ts';
import { formatAmount, MAX_AMOUNT, parseAmount } from './amounts.ts';
import { compareBytes, equalBytes, fromHex, toHex } from './hex.ts';

test('hex of any bytes comes back as the same bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => equalBytes(fromHex(toHex(bytes)), bytes)));
});

test('a text that is not lower-case hex is refused', () => {
  for (const text of ['0', 'AA', '0x00', 'zz', '00 ', '00\n']) {
    assert.throws(() => fromHex(text), { code: 'HEX_INVALID' }, JSON.stringify(text));
  }
});

test('bytes are ordered as their hex texts are', () => {
  const bytes = fc.uint8Array({ maxLength: 4 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [x, y] = [toHex(a), toHex(b)];
      assert.equal(Math.sign(compareBytes(a, b)), x < y ? -1 : x > y ? 1 : 0);
      assert.equal(equalBytes(a, b), x === y);
    }),
  );
});

test('an address is the first 20 bytes of SHA-256 of the public key', () => {
  const publicKey = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'); // RFC 8032, test 1
  assert.equal(toHex(addressOf(publicKey)), '21fe31dfa154a261626bf854046fd2271b7bed4b');
  assert.deepEqual(parseAddress('21fe31dfa154a261626bf854046fd2271b7bed4b'), addressOf(publicKey));
});

test('an address of another length or alphabet is refused', () => {
  for (const text of ['', '21fe', '21FE31DFA154A261626BF854046FD2271B7BED4B', 'zz'.repeat(20), '00'.repeat(21)]) {
    assert.throws(() => parseAddress(text), { code: 'ADDRESS_INVALID' }, text);
  }
});

test('every amount has one text', () => {
  fc.assert(fc.property(fc.bigInt(0n, MAX_AMOUNT), (amount) => parseAmount(formatAmount(amount)) === amount));
  for (const text of [
    '',
    '-1',
    '+1',
    '01',
    '1.0',
    '1e3',
    ' 1',
    '1\n',
    '0x1',
    '١',
    `${MAX_AMOUNT + 1n}`,
    '9'.repeat(1e6),
  ]) {
    assert.throws(() => parseAmount(text), { code: 'AMOUNT_INVALID' }, text.slice(0, 50));
  }
  for (const amount of [-1n, MAX_AMOUNT + 1n]) assert.throws(() => formatAmount(amount), { code: 'AMOUNT_INVALID' });
});
