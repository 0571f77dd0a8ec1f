import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_AMOUNT } from './amounts.ts';
import { toHex } from './hex.ts';
import {
  encodeMessage,
  feeParam,
  type Message,
  type MessageEditStake,
  type MessageStake,
  type MessageUnstake,
  signerOf,
} from './messages.ts';
import { DEFAULT_PARAMS } from './params.ts';
import { decodeTransaction, encodeTransaction, type Transaction } from './transaction.ts';

const bytesOf = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const STAKE: MessageStake = {
  type: 'utility.MessageStake',
  actorType: 4,
  publicKey: bytesOf(32, 0x11),
  chains: [],
  amount: 15_000_000_000n,
  serviceUrl: 'a.example:42069',
  output: bytesOf(20, 0x22),
  signer: bytesOf(20, 0x33),
};
const EDIT: MessageEditStake = {
  type: 'utility.MessageEditStake',
  actorType: 4,
  address: bytesOf(20, 0x44),
  chains: [],
  amount: 1n,
  serviceUrl: 'https://a.example:443',
  signer: bytesOf(20, 0x33),
};
const UNSTAKE: MessageUnstake = {
  type: 'utility.MessageUnstake',
  actorType: 4,
  address: bytesOf(20, 0x44),
  signer: bytesOf(20, 0x33),
};

function transactionOf(message: Message): Transaction {
  return {
    message,
    nonce: 'n',
    networkId: 'testnet',
    validUntilHeight: 5n,
    publicKey: bytesOf(32, 1),
    signature: bytesOf(64, 2),
  };
}

/** By the published field numbers: written by hand, field by field. */
test('the bytes of the messages are fixed', () => {
  const field = (tag: number, bytes: number, byte: number) =>
    toHex(Uint8Array.of(tag, bytes)) + toHex(bytesOf(bytes, byte));
  const text = (tag: number, value: string) => toHex(Uint8Array.of(tag, value.length, ...Buffer.from(value)));
  const stake = `0804${field(0x12, 32, 0x11)}${text(0x22, '15000000000')}${text(0x2a, 'a.example:42069')}`;
  assert.equal(toHex(encodeMessage(STAKE)), `${stake}${field(0x32, 20, 0x22)}${field(0x3a, 20, 0x33)}`);
  const edit = `0804${field(0x12, 20, 0x44)}${text(0x22, '1')}${text(0x2a, 'https://a.example:443')}`;
  assert.equal(toHex(encodeMessage(EDIT)), `${edit}${field(0x32, 20, 0x33)}`);
  const withChains = { ...EDIT, actorType: 2, chains: ['0001', '0021'] };
  assert.ok(toHex(encodeMessage(withChains)).includes(`${text(0x1a, '0001')}${text(0x1a, '0021')}`));
  assert.equal(toHex(encodeMessage(UNSTAKE)), `0804${field(0x12, 20, 0x44)}${field(0x1a, 20, 0x33)}`);
});

const address = fc.uint8Array({ minLength: 20, maxLength: 20 });
const chains = fc.uniqueArray(fc.stringMatching(/^[0-9A-Za-z]{4}$/), { maxLength: 15 });
const amount = fc.bigInt(1n, MAX_AMOUNT);
const serviceUrl = fc.constantFrom('a:1', 'localhost:65535', 'http://a.b:80', 'https://[::1]:443', '10.0.0.1:42069');
const actorType = fc.integer({ min: 1, max: 4 });
const whole = { noNullPrototype: true } as const;
const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record(
    {
      type: fc.constant('utility.MessageStake' as const),
      publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      output: address,
      ...{ actorType, chains, amount, serviceUrl, signer: address },
    },
    whole,
  ),
  fc.record(
    {
      type: fc.constant('utility.MessageEditStake' as const),
      ...{ actorType, address, chains, amount, serviceUrl, signer: address },
    },
    whole,
  ),
  ...(['utility.MessageUnstake', 'utility.MessagePause', 'utility.MessageUnpause'] as const).map((type) =>
    fc.record({ type: fc.constant(type), actorType, address, signer: address }, whole),
  ),
);

test('any message comes back from its transaction', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const transaction = transactionOf(message);
      assert.deepEqual(decodeTransaction(encodeTransaction(transaction)), transaction);
      assert.deepEqual(signerOf(message), 'signer' in message ? message.signer : null);
      assert.ok(DEFAULT_PARAMS.has(feeParam(message)!), `${feeParam(message)}`);
    }),
  );
});

test('a message of wrong form is refused with its own code', () => {
  const cases: [string, Message][] = [
    ['TX_ACTOR_TYPE', { ...STAKE, actorType: 0 }],
    ['TX_ACTOR_TYPE', { ...UNSTAKE, actorType: 5 }],
    ['TX_PUBLIC_KEY_LENGTH', { ...STAKE, publicKey: bytesOf(31, 1) }],
    ['TX_ADDRESS_EMPTY', { ...STAKE, output: bytesOf(0, 1) }],
    ['TX_ADDRESS_LENGTH', { ...STAKE, signer: bytesOf(21, 1) }],
    ['TX_ADDRESS_LENGTH', { ...UNSTAKE, address: bytesOf(32, 1) }],
    ['TX_AMOUNT_INVALID', { ...EDIT, amount: 0n }],
    ['TX_CHAINS_INVALID', { ...STAKE, chains: ['001'] }],
    ['TX_CHAINS_INVALID', { ...STAKE, chains: ['0001', '0001'] }],
    ...['', 'a', 'a:0', 'a:65536', 'ftp://a:1', 'a b:1', `${'a'.repeat(255)}:1`].map((url): [string, Message] => [
      'TX_SERVICE_URL_INVALID',
      { ...STAKE, serviceUrl: url },
    ]),
  ];
  for (const [code, message] of cases) {
    assert.throws(() => encodeTransaction(transactionOf(message)), { code }, JSON.stringify(Object.values(message)[0]));
  }
  encodeTransaction(transactionOf({ ...STAKE, actorType: 1, serviceUrl: '' }));
});
