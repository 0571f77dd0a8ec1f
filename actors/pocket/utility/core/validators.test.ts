import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../../runtime/errors.ts';
import { NO_HEIGHT } from '../../chain/actor.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { POOL_VALIDATOR_STAKE } from '../../chain/pools.ts';
import { doubleSign, editOf, orderOf, stakeOf, TestChain } from '../test-support/chain.ts';
import { genesisText, type TestKey, testKey } from '../test-support/fixtures.ts';
import { prepare } from './prepared.ts';
import { ledgerRules } from './rules.ts';
import { touchedKeys } from './view.ts';

const FEE = 10_000n;
const STAKE = 15_000_000_000n;
const MAX_AGE = 4n;
const POOL = toHex(POOL_VALIDATOR_STAKE);
const [alice, bob, carol, dave, owner] = [1, 2, 3, 4, 5].map(testKey) as [TestKey, TestKey, TestKey, TestKey, TestKey];
const PARAMS = {
  validator_unstaking_blocks: '4',
  validator_minimum_pause_blocks: '2',
  validator_max_pause_blocks: '5',
  validator_maximum_missed_blocks: '3',
  validator_max_evidence_age_in_blocks: String(MAX_AGE),
};

/** Three validators with the smallest stake, and money for two more. */
function chain(validators: readonly TestKey[] = [alice, bob, carol], params: Record<string, string> = {}): TestChain {
  const rich: [TestKey, bigint][] = [alice, bob, carol, dave, owner].map((key) => [key, 3n * STAKE]);
  return new TestChain(genesisText(validators, rich, { params: { ...PARAMS, ...params } }));
}
const codes = (rows: readonly { code: number }[]) => rows.map(({ code }) => code);
const refused = (code: string) => (error: unknown) => hasCode(error, code);
const params = (values: Record<string, string>) => () =>
  ledgerRules(parseGenesis(genesisText([alice], [], { params: { ...PARAMS, ...values } })));

test('a stake goes from the payer to the pool, and makes a validator for the next height', () => {
  const c = chain();
  assert.deepEqual(codes(c.next({ transactions: [c.sign(stakeOf(dave, STAKE + 1n, { output: owner }), dave)] })), [0]);
  assert.equal(c.balance(dave), 2n * STAKE - 1n - FEE);
  assert.equal(c.view.pools.get(POOL), 4n * STAKE + 1n);
  assert.deepEqual(c.validator(dave), {
    type: 4,
    address: dave.address,
    publicKey: dave.publicKey,
    chains: [],
    serviceUrl: 'localhost:2',
    stakedAmount: STAKE + 1n,
    pausedHeight: NO_HEIGHT,
    unstakingHeight: NO_HEIGHT,
    output: owner.address,
    missedBlocks: 0n,
    punishedHeight: 0n,
  });
  assert.ok(c.active.includes(dave.hex));
  assert.ok(!c.view.voters.includes(dave.hex), 'it did not decide the block that made it');
});

test('the owner of the money may stake for an operator, a stranger may not', () => {
  const c = chain();
  c.next({ transactions: [c.sign(stakeOf(dave, STAKE, { output: owner, signer: owner }), owner)] });
  assert.equal(c.balance(owner), 2n * STAKE - FEE);
  assert.equal(c.validator(dave).stakedAmount, STAKE);
  const stranger = c.sign(stakeOf(owner, STAKE, { output: owner, signer: alice }), alice);
  assert.throws(() => c.execute({ transactions: [stranger] }), refused('TX_SIGNER_INVALID'));
  const forged = c.sign(stakeOf(owner, STAKE), alice);
  assert.throws(() => c.execute({ transactions: [forged] }), refused('TX_SIGNER_INVALID'));
});

test('what fails costs its fee, says why and changes nothing else', () => {
  const cases: [number, (c: TestChain) => ReturnType<TestChain['sign']>][] = [
    [41, (c) => c.sign(stakeOf(dave, 3n * STAKE), dave)],
    [45, (c) => c.sign(stakeOf(dave, STAKE - 1n), dave)],
    [60, (c) => c.sign(stakeOf(alice, STAKE), alice)],
    [71, (c) => c.sign(editOf(dave, STAKE), dave)],
    [71, (c) => c.sign(orderOf('Unstake', dave), dave)],
    [71, (c) => c.sign(orderOf('Pause', dave), dave)],
    [71, (c) => c.sign(orderOf('Unpause', dave), dave)],
    [3, (c) => c.sign(orderOf('Unstake', alice, bob), bob)],
    [3, (c) => c.sign(editOf(alice, STAKE, bob), bob)],
    [128, (c) => c.sign(editOf(alice, STAKE - 1n), alice)],
    [41, (c) => c.sign(editOf(alice, 4n * STAKE), alice)],
    [67, (c) => c.sign(orderOf('Unpause', alice), alice)],
  ];
  for (const [code, make] of cases) {
    const c = chain();
    const before = c.view;
    const tx = make(c);
    const reward = toHex(c.execute({}).block.proposer) === tx.sender ? FEE / 10n : 0n;
    const [receipt] = c.next({ transactions: [tx] });
    assert.equal(receipt?.code, code);
    assert.match(receipt!.error, /^[A-Z_]+: /);
    assert.deepEqual(c.view.validators, before.validators);
    assert.equal(c.view.pools.get(POOL), before.pools.get(POOL));
    assert.equal(c.view.accounts.get(tx.sender), before.accounts.get(tx.sender)! - FEE + reward);
  }
});

test('an actor type or chains that cannot be staked make the transaction none', () => {
  const c = chain();
  const message = stakeOf(dave, STAKE);
  for (const actorType of [1, 2, 3]) {
    const tx = c.sign({ ...message, actorType } as typeof message, dave);
    assert.throws(() => c.execute({ transactions: [tx] }), refused('TX_ACTOR_TYPE'));
  }
  const withChain = c.sign({ ...message, chains: ['0001'] } as typeof message, dave);
  assert.throws(() => c.execute({ transactions: [withChain] }), refused('TX_CHAINS_TOO_MANY'));
  const toPool = c.sign({ ...message, output: POOL_VALIDATOR_STAKE } as typeof message, dave);
  assert.throws(() => c.execute({ transactions: [toPool] }), refused('TX_RECIPIENT_POOL'));
});

test('an edit pays the difference and replaces the URL', () => {
  const c = chain();
  c.next({ transactions: [c.sign(editOf(alice, STAKE + 7n), alice)] });
  assert.equal(c.validator(alice).stakedAmount, STAKE + 7n);
  assert.equal(c.validator(alice).serviceUrl, 'localhost:3');
  assert.equal(c.view.pools.get(POOL), 3n * STAKE + 7n);
  const before = c.validator(alice);
  c.next({ transactions: [c.sign(editOf(alice, STAKE + 7n), alice)] });
  assert.deepEqual(c.validator(alice), before);
});

test('who unstakes waits for the stated height, takes no orders, and is paid out at its end', () => {
  const c = chain();
  c.next({ transactions: [c.sign(stakeOf(dave, STAKE, { output: owner }), dave)] });
  c.next({ transactions: [c.sign(orderOf('Unstake', dave, owner), owner)] });
  assert.equal(c.validator(dave).unstakingHeight, 6n);
  assert.ok(!c.active.includes(dave.hex));
  const orders = [orderOf('Unstake', dave), orderOf('Pause', dave), orderOf('Unpause', dave), editOf(dave, 2n * STAKE)];
  assert.deepEqual(codes(c.next({ transactions: orders.map((message) => c.sign(message, dave)) })), [54, 54, 54, 54]);
  const before = c.balance(owner);
  while (c.height < 5n) c.next();
  assert.equal(c.balance(owner), before, 'not before the height');
  const { result } = c.execute({});
  assert.deepEqual(
    result.changes.removedActors.map(({ address }) => toHex(address)),
    [dave.hex],
  );
  c.next();
  assert.equal(c.balance(owner), before + STAKE);
  assert.equal(c.view.validators.has(dave.hex), false);
  assert.equal(c.view.pools.get(POOL), 3n * STAKE);
  assert.deepEqual(codes(c.next({ transactions: [c.sign(stakeOf(dave, STAKE), dave)] })), [0], 'it may come back');
});

test('who is paid out and pays in one block has both in the balance', () => {
  const c = chain();
  c.next({ transactions: [c.sign(orderOf('Unstake', alice), alice)] });
  while (c.height < 4n) c.next();
  const before = c.balance(bob) + c.balance(alice);
  const { supply } = c;
  c.next({
    transactions: [c.sign({ type: 'utility.MessageSend', from: alice.address, to: bob.address, amount: 5n }, alice)],
  });
  assert.equal(c.balance(alice) + c.balance(bob) + FEE, before + STAKE + 1_000n, 'bob proposed');
  assert.equal(c.supply, supply);
});

test('a pause ends after its time, not before, and wipes what was missed', () => {
  const c = chain();
  c.next();
  c.next({ absent: [alice] });
  assert.equal(c.validator(alice).missedBlocks, 1n);
  c.next({ transactions: [c.sign(orderOf('Pause', alice), alice)] });
  assert.deepEqual([c.validator(alice).pausedHeight, c.active.length], [3n, 2]);
  assert.deepEqual(codes(c.next({ transactions: [c.sign(orderOf('Pause', alice), alice)] })), [65]);
  assert.deepEqual(codes(c.execute({ transactions: [c.sign(orderOf('Unpause', alice), alice)] }).result.receipts), [0]);
  const early = chain();
  early.next({ transactions: [early.sign(orderOf('Pause', alice), alice)] });
  assert.deepEqual(codes(early.next({ transactions: [early.sign(orderOf('Unpause', alice), alice)] })), [68]);
  c.next({ transactions: [c.sign(orderOf('Unpause', alice), alice)] });
  assert.deepEqual([c.validator(alice).pausedHeight, c.validator(alice).missedBlocks], [NO_HEIGHT, 0n]);
});

test('who is paused too long begins to leave, once', () => {
  const c = chain();
  c.next({ transactions: [c.sign(orderOf('Pause', alice), alice)] });
  while (c.height < 6n) c.next();
  assert.equal(c.validator(alice).unstakingHeight, NO_HEIGHT, 'five blocks are allowed');
  c.next();
  assert.equal(c.validator(alice).unstakingHeight, 11n);
  while (c.height < 10n) c.next();
  assert.equal(c.validator(alice).unstakingHeight, 11n, 'not put off again');
  c.next();
  assert.equal(c.view.validators.has(alice.hex), false);
});

test('the last active validator can neither leave nor pause', () => {
  const c = chain([alice]);
  const orders = [orderOf('Unstake', alice), orderOf('Pause', alice)];
  assert.deepEqual(codes(c.next({ transactions: orders.map((message) => c.sign(message, alice)) })), [214, 214]);
  const two = chain([alice, bob]);
  const both = [alice, bob].map((key) => two.sign(orderOf('Unstake', key), key));
  assert.deepEqual(codes(two.next({ transactions: both })), [0, 214], 'one of two in one block');
});

test('who misses blocks in a row is paused and loses a part of the stake; who signs begins anew', () => {
  const c = chain([alice, bob, carol], { missed_blocks_burn_percentage: '10', validator_minimum_stake: '1000' });
  const missed: bigint[] = [];
  c.next();
  for (const absent of [[alice], [alice], [], [alice], [alice]]) {
    c.next({ absent });
    missed.push(c.validator(alice).missedBlocks);
  }
  assert.deepEqual(missed, [1n, 2n, 0n, 1n, 2n]);
  const { supply } = c;
  c.next({ absent: [alice] });
  const { pausedHeight, missedBlocks, stakedAmount, unstakingHeight } = c.validator(alice);
  assert.deepEqual(
    [pausedHeight, missedBlocks, stakedAmount, unstakingHeight],
    [7n, 0n, (STAKE * 9n) / 10n, NO_HEIGHT],
  );
  assert.equal(c.supply, supply - STAKE / 10n, 'what is burned is gone');
  c.next({ absent: [alice] });
  assert.equal(c.validator(alice).missedBlocks, 0n, 'who is paused misses nothing');
});

test('an honest network writes no validator, and height 1 has no certificate to judge by', () => {
  const c = chain();
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(c.execute({}).result.changes.actors, []);
    c.next();
  }
});

test('who has less than the minimum after it was burned begins to leave, but not the last one', () => {
  const c = chain([alice, bob]);
  c.next();
  for (let i = 0; i < 3; i++) c.next({ absent: [alice] });
  assert.deepEqual([c.validator(alice).pausedHeight, c.validator(alice).unstakingHeight], [4n, 8n]);
  const alone = chain([alice], { missed_blocks_burn_percentage: '100', double_sign_burn_percentage: '100' });
  alone.next();
  for (let i = 0; i < 3; i++) alone.next({ absent: [alice] });
  const { pausedHeight, unstakingHeight, stakedAmount } = alone.validator(alice);
  assert.deepEqual([pausedHeight, unstakingHeight, stakedAmount], [NO_HEIGHT, NO_HEIGHT, 1n]);
});

test('evidence burns and pauses once for a height, whoever brings it, in whatever number', () => {
  const c = chain();
  c.next();
  const tx = prepare(doubleSign(alice, 1n, MAX_AGE));
  const { supply } = c;
  const [receipt] = c.next({ transactions: [tx] });
  assert.deepEqual([receipt?.code, receipt?.signer.length, toHex(receipt!.recipient)], [0, 0, alice.hex]);
  const burned = (STAKE * 5n) / 100n;
  assert.equal(c.supply, supply - burned);
  const { stakedAmount, pausedHeight, punishedHeight, unstakingHeight } = c.validator(alice);
  assert.deepEqual([stakedAmount, pausedHeight, punishedHeight, unstakingHeight], [STAKE - burned, 2n, 1n, 6n]);
  assert.throws(() => c.execute({ transactions: [tx] }), refused('TX_COMMITTED'));
  const other = prepare(doubleSign(alice, 1n, MAX_AGE, 1));
  assert.throws(() => c.execute({ transactions: [other] }), refused('EVIDENCE_PUNISHED'));
  const later = prepare(doubleSign(alice, 2n, MAX_AGE));
  c.next({ transactions: [later] });
  assert.equal(
    c.validator(alice).stakedAmount,
    STAKE - burned - ((STAKE - burned) * 5n) / 100n,
    'leaving does not help',
  );
  assert.equal(c.validator(alice).unstakingHeight, 6n);
});

test('evidence counts for its age, not before its height, against validators only', () => {
  const c = chain();
  c.next();
  const old = prepare(doubleSign(alice, 1n, MAX_AGE));
  const cases: [string, Uint8Array][] = [
    ['EVIDENCE_TERMS', doubleSign(alice, 3n, MAX_AGE)],
    ['EVIDENCE_TERMS', doubleSign(alice, 1n, MAX_AGE + 1n)],
    ['EVIDENCE_OFFENDER_UNKNOWN', doubleSign(dave, 1n, MAX_AGE)],
  ];
  for (const [code, bytes] of cases) {
    assert.throws(() => c.execute({ transactions: [prepare(bytes)] }), refused(code), code);
  }
  c.execute({ transactions: [prepare(doubleSign(alice, 2n, MAX_AGE))] });
  while (c.height < 4n) c.next();
  c.execute({ transactions: [old] });
  c.next();
  assert.throws(() => c.execute({ transactions: [old] }), refused('TX_EXPIRED'));
});

test('who comes back was not punished for what another life did, and no evidence of it is left', () => {
  const c = chain();
  c.next();
  c.next({ transactions: [prepare(doubleSign(alice, 1n, MAX_AGE))] });
  while (c.view.validators.has(alice.hex)) c.next();
  c.next({ transactions: [c.sign(stakeOf(alice, STAKE), alice)] });
  assert.equal(c.validator(alice).punishedHeight, 0n);
  const old = prepare(doubleSign(alice, 1n, MAX_AGE, 1));
  assert.throws(() => c.execute({ transactions: [old] }), refused('TX_EXPIRED'));
});

test('parameters that would let an offender leave in time, or that stop the chain, are refused', () => {
  const wrong: Record<string, string>[] = [
    { validator_unstaking_blocks: '3' },
    { validator_max_evidence_age_in_blocks: '21', validator_unstaking_blocks: '30' },
    { validator_maximum_missed_blocks: '0' },
    { validator_minimum_stake: '0' },
    { missed_blocks_burn_percentage: '101' },
    { message_stake_validator_fee: String(2n ** 70n) },
  ];
  for (const values of wrong) {
    assert.throws(params(values), { code: 'UTILITY_PARAM_INVALID' }, Object.keys(values)[0]);
  }
  params({})();
});

test('a message touches the accounts that pay, and evidence none', () => {
  const c = chain();
  const transactions = [c.sign(orderOf('Pause', alice, owner), owner), prepare(doubleSign(bob, 1n, MAX_AGE))];
  const { accounts } = touchedKeys(transactions, carol.address);
  assert.deepEqual(accounts.map(toHex), [carol.hex, owner.hex]);
});
