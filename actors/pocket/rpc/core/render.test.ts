import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MESSAGE_PROPOSE, STEP_PREPARE } from '../../chain/consensus.ts';
import type { Message } from '../../chain/messages.ts';
import { evidenceTransaction, signTransaction } from '../../chain/transaction.ts';
import { txAnswer } from './answers.ts';
import { renderIndexed } from './render.ts';

const bytesOf = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const hex = (length: number, byte: string) => byte.repeat(length);
const common = { actorType: 4, signer: bytesOf(20, 0x33) };
const staked = { ...common, chains: [], amount: 7n, serviceUrl: 'a:1' };
const fees = new Map([
  ['message_stake_validator_fee', 30n],
  ['message_pause_validator_fee', 20n],
]);

function rendered(bytes: Uint8Array) {
  const row = { height: 5n, index: 0, hash: bytesOf(32, 1), code: 0, error: '', messageType: '' };
  const answer = renderIndexed({ ...row, bytes, signer: bytesOf(20, 1), recipient: new Uint8Array() }, fees);
  txAnswer.parse(answer);
  return answer.tx.txMsg;
}

const signed = (message: Message) =>
  signTransaction({ message, nonce: 'n', networkId: 'testnet', validUntilHeight: 9n }, bytesOf(32, 7)).bytes;

test('messages of validators are shown with the names of the earlier node, and with their own fee', () => {
  const { message, fee } = rendered(
    signed({ type: 'utility.MessageStake', publicKey: bytesOf(32, 0x11), output: bytesOf(20, 0x22), ...staked }),
  );
  assert.deepEqual(message, {
    public_key: hex(32, '11'),
    output_address: hex(20, '22'),
    actor_type: 'validator',
    chains: [],
    service_url: 'a:1',
    signer: hex(20, '33'),
    amount: '7',
    denom: 'upokt',
  });
  assert.equal(fee.amount, '30');
  const edit = rendered(signed({ type: 'utility.MessageEditStake', address: bytesOf(20, 0x44), ...staked }));
  assert.equal((edit.message as { address: string }).address, hex(20, '44'));
  const pause = rendered(signed({ type: 'utility.MessagePause', address: bytesOf(20, 0x44), ...common }));
  assert.deepEqual(pause.message, { actor_type: 'validator', address: hex(20, '44'), signer: hex(20, '33') });
  assert.equal(pause.fee.amount, '20');
});

test('evidence shows who said what twice, and costs nothing', () => {
  const statement = (block: number) => ({
    ...{ type: MESSAGE_PROPOSE, height: 5n, round: 1, step: STEP_PREPARE },
    ...{ blockHash: bytesOf(32, block), justifyHash: new Uint8Array(), signature: bytesOf(64, block) },
  });
  const evidence = { first: statement(1), second: statement(2), address: bytesOf(20, 0x44) };
  const { message, fee, signature } = rendered(evidenceTransaction(evidence, 'testnet', 8n));
  assert.deepEqual(message, {
    address: hex(20, '44'),
    ...{ type: 'PROPOSE', height: 5n, round: 1, step: 'HOTSTUFF_STEP_PREPARE' },
    first: { block: hex(32, '01'), justify_hash: '', signature: hex(64, '01') },
    second: { block: hex(32, '02'), justify_hash: '', signature: hex(64, '02') },
  });
  assert.equal(fee.amount, '0');
  assert.deepEqual(signature, { public_key: '', signature: '' });
});
