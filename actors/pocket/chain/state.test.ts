import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../../wasm/hash.ts';
import { decodeAccount, encodeAccount } from './account.ts';
import { ACTOR_VALIDATOR, decodeActor, encodeActor, NO_HEIGHT } from './actor.ts';
import { toHex } from './hex.ts';
import { DEFAULT_PARAMS, decodeParam, encodeParam, isOwnerParam } from './params.ts';
import { POOL_DAO, POOLS } from './pools.ts';

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const ascii = (text: string) => Buffer.from(text).toString('hex');

test('the bytes of accounts, actors and parameters are fixed', () => {
  // From another encoder of protobuf, given the same fields.
  assert.equal(
    toHex(encodeAccount({ address: filled(20, 0x11), amount: 1000n })),
    `0a28${'31'.repeat(40)}120431303030`,
  );
  const actor = {
    type: ACTOR_VALIDATOR,
    address: filled(20, 0x11),
    publicKey: filled(32, 0x22),
    chains: ['0001'],
    serviceUrl: 'v1:42069',
    stakedAmount: 15_000_000_000n,
    pausedHeight: NO_HEIGHT,
    unstakingHeight: NO_HEIGHT,
    output: filled(20, 0x33),
    missedBlocks: 0n,
    punishedHeight: 0n,
  };
  const expected =
    `08041228${'31'.repeat(40)}1a40${'32'.repeat(64)}2204303030312a08${ascii('v1:42069')}320b${ascii('15000000000')}` +
    `38ffffffffffffffffff0140ffffffffffffffffff014a28${'33'.repeat(40)}`;
  assert.equal(toHex(encodeActor(actor)), expected);
  const param = { name: 'message_send_fee', value: '10000', height: 3n };
  assert.equal(toHex(encodeParam(param)), `0a10${ascii('message_send_fee')}120531303030301803`);
  assert.throws(() => encodeAccount({ address: filled(19, 1), amount: 1n }), { code: 'STATE_MALFORMED' });
  assert.throws(() => encodeActor({ ...actor, type: 5 }), { code: 'STATE_MALFORMED' });
  assert.throws(() => encodeParam({ ...param, name: '' }), { code: 'STATE_MALFORMED' });
});

test('a pool has the address of its name', () => {
  assert.equal(toHex(POOL_DAO), `${ascii('DAO')}${'00'.repeat(17)}`);
  for (const { name, address } of POOLS) {
    assert.equal(address.length, 20);
    assert.equal(Buffer.from(address).toString().replace(/\0+$/, ''), name);
  }
  assert.equal(new Set(POOLS.map(({ address }) => toHex(address))).size, 6);
});

test('the parameters are the 109 of the specification, each with an owner', () => {
  assert.equal(DEFAULT_PARAMS.size, 109);
  assert.equal([...DEFAULT_PARAMS.keys()].filter(isOwnerParam).length, 55);
  const some = {
    blocks_per_session: '1',
    app_max_chains: '15',
    validator_minimum_stake: '15000000000',
    fisherman_max_pause_blocks: '672',
    message_edit_stake_servicer_fee: '10000',
    message_fisherman_pause_servicer_fee: '10000',
    servicer_max_paused_blocks_owner: 'da034209758b78eaea06dd99c07909ab54c99b45',
    acl_owner: 'da034209758b78eaea06dd99c07909ab54c99b45',
  };
  for (const [name, value] of Object.entries(some)) assert.equal(DEFAULT_PARAMS.get(name), value, name);
  assert.equal(DEFAULT_PARAMS.has('validator_max_chains'), false);
  assert.deepEqual([...DEFAULT_PARAMS.keys()], [...DEFAULT_PARAMS.keys()].sort());
});

test('the hash roles give the published root of a trie with one entry', () => {
  const [key, value] = [sha256(Buffer.from('foo')), sha256(Buffer.from('bar'))];
  const root = sha256(Buffer.concat([Uint8Array.of(0), key, value]));
  assert.equal(toHex(root), 'ace64ee83ecf596655deac72c646a30ae7bd71635992cd4c1a5a10350fcc1c52');
});

test('what a trie holds can be read back', () => {
  const account = { address: filled(20, 1), amount: 7n };
  assert.deepEqual(decodeAccount(encodeAccount(account)), account);
  const actor = {
    type: ACTOR_VALIDATOR,
    address: filled(20, 1),
    publicKey: filled(32, 2),
    chains: ['0001', '0002'],
    serviceUrl: 'host:1',
    stakedAmount: 2n ** 128n - 1n,
    pausedHeight: NO_HEIGHT,
    unstakingHeight: 9n,
    output: filled(20, 3),
    missedBlocks: 4n,
    punishedHeight: 5n,
  };
  assert.deepEqual(decodeActor(encodeActor(actor)), actor);
  const param = { name: 'message_send_fee', value: '', height: 0n };
  assert.deepEqual(decodeParam(encodeParam(param)), param);
  for (const decode of [decodeAccount, decodeActor, decodeParam]) {
    assert.throws(() => decode(Uint8Array.of(0xff)), { code: 'STATE_MALFORMED' });
  }
  assert.throws(() => decodeAccount(new Uint8Array(1_000)), { code: 'STATE_TOO_LARGE' });
});
