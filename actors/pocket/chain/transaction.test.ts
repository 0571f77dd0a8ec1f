import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { verify } from '../../../wasm/ed25519.ts';
import { addressOf } from './address.ts';
import { MAX_AMOUNT } from './amounts.ts';
import { MessageSendSchema } from './gen/message_pb.ts';
import { TransactionSchema } from './gen/transaction_pb.ts';
import { fromHex, toHex } from './hex.ts';
import type { MessageSend } from './messages.ts';
import {
  decodeTransaction,
  encodeTransaction,
  MAX_TRANSACTION_BYTES,
  replayKey,
  signedBytes,
  signTransaction,
  type Transaction,
  transactionHash,
  type UnsignedTransaction,
} from './transaction.ts';

const SIGNED =
  '0a5d0a27747970652e676f6f676c65617069732e636f6d2f7574696c6974792e4d65737361676553656e6412320a141111111111111111' +
  '111111111111111111111111121422222222222222222222222222222222222222221a043130303012076e6f6e63652d31';
const TAIL = '2207746573746e657428f403';

const SEND: MessageSend = {
  type: 'utility.MessageSend',
  from: new Uint8Array(20).fill(0x11),
  to: new Uint8Array(20).fill(0x22),
  amount: 1000n,
};
const SAMPLE: Transaction = {
  message: SEND,
  nonce: 'nonce-1',
  networkId: 'testnet',
  validUntilHeight: 500n,
  publicKey: new Uint8Array(32).fill(0x0a),
  signature: new Uint8Array(64).fill(0x0b),
};

const unsigned: fc.Arbitrary<UnsignedTransaction> = fc.record({
  message: fc.record(
    {
      type: fc.constant('utility.MessageSend' as const),
      from: fc.uint8Array({ minLength: 20, maxLength: 20 }),
      to: fc.uint8Array({ minLength: 20, maxLength: 20 }),
      amount: fc.bigInt(1n, MAX_AMOUNT),
    },
    { noNullPrototype: true },
  ),
  nonce: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 64 }),
  networkId: fc.constantFrom('testnet', 'm', '!'.repeat(64)),
  validUntilHeight: fc.bigInt(1n, 2n ** 64n - 1n),
});

/** Bytes of a transaction with any field changed, past the checks of the encoder. */
function wire(change: {
  typeUrl?: string;
  send?: { fromAddress?: Uint8Array; toAddress?: Uint8Array; amount?: string };
  nonce?: string;
  signature?: { publicKey?: Uint8Array; signature?: Uint8Array };
  networkId?: string;
  validUntilHeight?: bigint;
}): Uint8Array {
  const { from, to } = SEND;
  const send = create(MessageSendSchema, { fromAddress: from, toAddress: to, amount: '1000', ...change.send });
  const fields = {
    nonce: change.nonce ?? SAMPLE.nonce,
    networkId: change.networkId ?? SAMPLE.networkId,
    validUntilHeight: change.validUntilHeight ?? SAMPLE.validUntilHeight,
    msg: {
      typeUrl: change.typeUrl ?? 'type.googleapis.com/utility.MessageSend',
      value: toBinary(MessageSendSchema, send),
    },
    signature: { publicKey: SAMPLE.publicKey, signature: SAMPLE.signature, ...change.signature },
  };
  return toBinary(TransactionSchema, create(TransactionSchema, fields));
}

test('the bytes of a transaction are fixed', () => {
  const signature = `1a640a20${'0a'.repeat(32)}1240${'0b'.repeat(64)}`;
  const bytes = encodeTransaction(SAMPLE);
  assert.equal(toHex(signedBytes(SAMPLE)), SIGNED + TAIL);
  assert.equal(toHex(bytes), SIGNED + signature + TAIL);
  assert.equal(toHex(transactionHash(bytes)), '38700499b46ba6962006a6e37847369fb2fa1de22874ad5edf3fd437400c41b1');
  assert.equal(toHex(replayKey(SAMPLE)), 'a5152c05adf5692268bea8d37b8f3709d7db9e983ef37f091c7056090803e88c');
  assert.deepEqual(decodeTransaction(bytes), SAMPLE);
});

test('an unbound transaction of the earlier client has the bytes of the earlier format', () => {
  const unbound = { ...SAMPLE, networkId: '', validUntilHeight: 0n };
  assert.equal(toHex(signedBytes(unbound)), SIGNED);
  assert.deepEqual(decodeTransaction(encodeTransaction(unbound)), unbound);
});

test('any transaction comes back from its bytes', () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const signature = fc.uint8Array({ minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(unsigned, key, signature, (fields, publicKey, bytes) => {
      const transaction = { ...fields, publicKey, signature: bytes };
      assert.deepEqual(decodeTransaction(encodeTransaction(transaction)), transaction);
    }),
  );
});

test('a signed transaction verifies with the key it carries', () => {
  const seed = new Uint8Array(32).fill(7);
  const { bytes, hash } = signTransaction(SAMPLE, seed);
  const transaction = decodeTransaction(bytes);
  assert.ok(verify(transaction.publicKey, signedBytes(transaction), transaction.signature));
  assert.equal(addressOf(transaction.publicKey).length, 20);
  assert.deepEqual(hash, transactionHash(bytes));
  assert.deepEqual(replayKey(transaction), replayKey(SAMPLE), 'the key does not depend on the signature');
});

test('a decoded transaction shares no memory with its input', () => {
  const frame = Buffer.from(encodeTransaction(SAMPLE));
  const transaction = decodeTransaction(frame);
  frame.fill(0);
  assert.deepEqual(transaction, SAMPLE);
});

test('a transaction of wrong form is refused with its own code', () => {
  const cases: [string, Parameters<typeof wire>[0]][] = [
    ['TX_UNKNOWN_MESSAGE', { typeUrl: 'type.googleapis.com/utility.MessageChangeParameter' }],
    ['TX_UNKNOWN_MESSAGE', { typeUrl: 'utility.MessageSend' }],
    ['TX_NONCE_EMPTY', { nonce: '' }],
    ['TX_NONCE_INVALID', { nonce: 'n'.repeat(65) }],
    ['TX_NONCE_INVALID', { nonce: 'a\n' }],
    ['TX_NONCE_INVALID', { nonce: 'é' }],
    ['TX_PUBLIC_KEY_EMPTY', { signature: { publicKey: new Uint8Array() } }],
    ['TX_PUBLIC_KEY_LENGTH', { signature: { publicKey: new Uint8Array(33) } }],
    ['TX_SIGNATURE_EMPTY', { signature: { signature: new Uint8Array() } }],
    ['TX_SIGNATURE_LENGTH', { signature: { signature: new Uint8Array(63) } }],
    ['TX_ADDRESS_EMPTY', { send: { fromAddress: new Uint8Array() } }],
    ['TX_ADDRESS_LENGTH', { send: { toAddress: new Uint8Array(21) } }],
    ['TX_BINDING_INVALID', { networkId: '' }],
    ['TX_BINDING_INVALID', { networkId: 'a b' }],
    ['TX_BINDING_INVALID', { networkId: 'n'.repeat(65) }],
    ['TX_BINDING_INVALID', { validUntilHeight: 0n }],
    ['TX_TOO_LARGE', { nonce: 'n'.repeat(MAX_TRANSACTION_BYTES) }],
  ];
  for (const [code, change] of cases) {
    assert.throws(() => decodeTransaction(wire(change)), { code }, JSON.stringify(Object.keys(change)));
  }
});

test('an amount that cannot be sent says why', () => {
  const cases = {
    '0': 'zero',
    '-5': 'negative',
    [`${MAX_AMOUNT + 1n}`]: 'too large',
    '007': 'not a plain',
    '': 'not a plain',
  };
  for (const [amount, problem] of Object.entries(cases)) {
    const expected = { code: 'TX_AMOUNT_INVALID', message: new RegExp(`the amount is ${problem}`) };
    assert.throws(() => decodeTransaction(wire({ send: { amount } })), expected, amount);
  }
  const zero = { ...SAMPLE, message: { ...SEND, amount: 0n } };
  assert.throws(() => signTransaction(zero, new Uint8Array(32)), { code: 'TX_AMOUNT_INVALID' });
});

test('the message inside must be canonical too', () => {
  const { from, to } = SEND;
  const value = Buffer.concat([Buffer.from([0x12, 20]), to, Buffer.from([0x0a, 20]), from, fromHex('1a0431303030')]);
  const signature = { publicKey: SAMPLE.publicKey, signature: SAMPLE.signature };
  const msg = { typeUrl: 'type.googleapis.com/utility.MessageSend', value: new Uint8Array(value) };
  const transaction = create(TransactionSchema, {
    msg,
    nonce: 'n',
    signature,
    networkId: 'testnet',
    validUntilHeight: 1n,
  });
  assert.throws(() => decodeTransaction(toBinary(TransactionSchema, transaction)), { code: 'TX_NOT_CANONICAL' });
});
