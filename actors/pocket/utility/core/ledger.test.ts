import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../../runtime/errors.ts';
import { parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { POOL_DAO, POOL_FEE_COLLECTOR } from '../../chain/pools.ts';
import { genesisText, NETWORK, send, testKey } from '../test-support/fixtures.ts';
import { applyBlock, type LedgerBlock, selectTransactions } from './ledger.ts';
import { type Prepared, prepare } from './prepared.ts';
import { ledgerRules } from './rules.ts';
import { type StateView, touchedKeys, validatorsByAddress } from './view.ts';

const FEE = 10_000n;
const keys = [1, 2, 3, 4].map(testKey);
const [alice, bob, carol, leader] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const genesis = parseGenesis(genesisText([leader], []));
const rules = ledgerRules(genesis);
const fees = toHex(POOL_FEE_COLLECTOR);
const dao = toHex(POOL_DAO);

function view(
  balances: Record<string, bigint>,
  pools: Record<string, bigint> = {},
  replayed: string[] = [],
): StateView {
  return {
    accounts: new Map(Object.entries(balances)),
    pools: new Map(Object.entries(pools)),
    replayed: new Set(replayed),
    validators: validatorsByAddress(genesis.validators),
    voters: [leader.hex],
  };
}
const block = (transactions: Prepared[], height = 5n): LedgerBlock => ({
  height,
  proposer: leader.address,
  parentSigners: new Set([leader.hex]),
  transactions,
});
const rows = (list: readonly { address: Uint8Array; amount: bigint }[]) =>
  Object.fromEntries(list.map(({ address, amount }) => [toHex(address), amount]));
const refused = (code: string) => (error: unknown) => hasCode(error, code);

test('a send moves the amount, and its fee goes to proposer and DAO', () => {
  const tx = prepare(send(alice, bob.address, 5n, 'a'));
  const { changes, receipts } = applyBlock(view({ [alice.hex]: 100_000n }), block([tx]), rules);
  assert.deepEqual(rows(changes.accounts), { [alice.hex]: 89_995n, [bob.hex]: 5n, [leader.hex]: 1_000n });
  assert.deepEqual(rows(changes.pools), { [dao]: 9_000n });
  assert.equal(receipts[0]?.code, 0);
  assert.deepEqual(receipts[0]?.recipient, bob.address);
});

test('who can pay the fee and not the amount loses the fee; who cannot pay the fee makes the block invalid', () => {
  const tx = prepare(send(alice, bob.address, 90_001n, 'a'));
  const { changes, receipts } = applyBlock(view({ [alice.hex]: 100_000n }), block([tx]), rules);
  assert.equal(receipts[0]?.code, 41);
  assert.deepEqual(rows(changes.accounts), { [alice.hex]: 90_000n, [leader.hex]: 1_000n });
  const poor = view({ [alice.hex]: FEE - 1n });
  assert.throws(() => applyBlock(poor, block([tx]), rules), refused('INSUFFICIENT_FUNDS'));
});

test('what was received earlier in the block can be spent in it', () => {
  const first = prepare(send(alice, bob.address, 50_000n, 'a'));
  const second = prepare(send(bob, carol.address, 40_000n, 'b'));
  const start = view({ [alice.hex]: 60_000n });
  const { changes } = applyBlock(start, block([first, second]), rules);
  assert.deepEqual(rows(changes.accounts), { [alice.hex]: 0n, [carol.hex]: 40_000n, [leader.hex]: 2_000n });
  assert.throws(() => applyBlock(start, block([second, first]), rules), refused('INSUFFICIENT_FUNDS'));
});

test('sends to oneself and to the proposer', () => {
  const self = prepare(send(alice, alice.address, 80_000n, 'a'));
  const own = applyBlock(view({ [alice.hex]: 100_000n }), block([self]), rules);
  assert.equal(rows(own.changes.accounts)[alice.hex], 90_000n);
  const toLeader = prepare(send(alice, leader.address, 1n, 'a'));
  const paid = applyBlock(view({ [alice.hex]: 100_000n, [leader.hex]: 7n }), block([toLeader]), rules);
  assert.equal(rows(paid.changes.accounts)[leader.hex], 1_008n);
  const byLeader = prepare(send(leader, leader.address, 1n, 'a'));
  const back = applyBlock(view({ [leader.hex]: FEE + 1n }), block([byLeader]), rules);
  assert.equal(rows(back.changes.accounts)[leader.hex], 1_001n);
});

test('an empty block changes nothing, unless fees had been collected', () => {
  const none = applyBlock(view({ [leader.hex]: 3n }), block([]), rules);
  assert.deepEqual(none.changes, { accounts: [], pools: [], actors: [], removedActors: [] });
  const some = applyBlock(view({}, { [fees]: 15n }), block([]), rules);
  assert.deepEqual(rows(some.changes.accounts), { [leader.hex]: 1n });
  assert.deepEqual(rows(some.changes.pools), { [fees]: 0n, [dao]: 14n });
});

test('a transaction out of its terms makes the block invalid', () => {
  const rich = { [alice.hex]: 10n ** 12n };
  const cases: [string, Uint8Array][] = [
    ['TX_EXPIRED', send(alice, bob.address, 1n, 'a', { validUntilHeight: 4n })],
    ['TX_TOO_FAR', send(alice, bob.address, 1n, 'a', { validUntilHeight: 26n })],
    ['TX_WRONG_NETWORK', send(alice, bob.address, 1n, 'a', { networkId: 'other' })],
    ['TX_UNBOUND', send(alice, bob.address, 1n, 'a', { networkId: '', validUntilHeight: 0n })],
    ['TX_RECIPIENT_POOL', send(alice, POOL_DAO, 1n, 'a')],
    ['TX_SIGNER_INVALID', send({ ...alice, seed: bob.seed }, carol.address, 1n, 'a')],
  ];
  for (const [code, bytes] of cases) {
    assert.throws(() => applyBlock(view(rich), block([prepare(bytes)]), rules), refused(code), code);
  }
  for (const last of [5n, 25n]) {
    applyBlock(view(rich), block([prepare(send(alice, bob.address, 1n, 'a', { validUntilHeight: last }))]), rules);
  }
  const unbound = prepare(send(alice, bob.address, 1n, 'a', { networkId: '', validUntilHeight: 0n }));
  applyBlock(view(rich), block([unbound]), { ...rules, allowV1Transactions: true });
});

test('a replay makes the block invalid, from the window or from the block itself', () => {
  const tx = prepare(send(alice, bob.address, 1n, 'a'));
  const rich = { [alice.hex]: 10n ** 12n };
  assert.throws(() => applyBlock(view(rich, {}, [tx.replayHex]), block([tx]), rules), refused('TX_COMMITTED'));
  assert.throws(() => applyBlock(view(rich), block([tx, tx]), rules), refused('TX_COMMITTED'));
});

const anySend = fc.record({
  from: fc.nat(3),
  to: fc.nat(3),
  amount: fc.bigInt({ min: 1n, max: 60_000n }),
  nonce: fc.constantFrom('a', 'b', 'c'),
});
const anyState = fc.record({
  balances: fc.array(fc.bigInt({ min: 0n, max: 90_000n }), { minLength: 4, maxLength: 4 }),
  pot: fc.bigInt({ min: 0n, max: 99n }),
  sends: fc.array(anySend, { maxLength: 12 }),
});
type Plan = typeof anyState extends fc.Arbitrary<infer T> ? T : never;

const cache = new Map<string, Prepared>();
function prepared({ from, to, amount, nonce }: Plan['sends'][number]): Prepared {
  const id = `${from}/${to}/${amount}/${nonce}`;
  const known = cache.get(id) ?? prepare(send(keys[from]!, keys[to]!.address, amount, nonce));
  cache.set(id, known);
  return known;
}
const planned = ({ balances, pot }: Plan): StateView =>
  view(Object.fromEntries(keys.map(({ hex }, i) => [hex, balances[i]!])), { [fees]: pot });

/** The same ledger, written as a story: plain numbers in one object, no overlay. Null: the block is invalid. */
function oracle(plan: Plan): { state: Record<string, bigint>; codes: number[] } | null {
  const state: Record<string, bigint> = { fees: plan.pot, dao: 0n };
  keys.forEach(({ hex }, i) => {
    state[hex] = plan.balances[i]!;
  });
  const seen: string[] = [];
  const codes: number[] = [];
  for (const s of plan.sends) {
    const id = `${s.from}/${s.to}/${s.amount}/${s.nonce}`;
    const payer = keys[s.from]!.hex;
    if (seen.includes(id) || state[payer]! < FEE) return null;
    seen.push(id);
    state[payer] = state[payer]! - FEE;
    state.fees = state.fees! + FEE;
    if (state[payer]! < s.amount) codes.push(41);
    else {
      state[payer] = state[payer]! - s.amount;
      state[keys[s.to]!.hex] = state[keys[s.to]!.hex]! + s.amount;
      codes.push(0);
    }
  }
  const reward = state.fees! / 10n;
  state[leader.hex] = state[leader.hex]! + reward;
  state.dao = state.fees! - reward;
  state.fees = 0n;
  return { state, codes };
}

test('the ledger agrees with a naive one, and neither makes nor loses money', () => {
  let valid = 0;
  fc.assert(
    fc.property(anyState, (plan) => {
      const expected = oracle(plan);
      const run = () => applyBlock(planned(plan), block(plan.sends.map(prepared)), rules);
      if (expected === null) {
        assert.throws(run);
        return;
      }
      valid++;
      const { changes, receipts } = run();
      assert.deepEqual(
        receipts.map(({ code }) => code),
        expected.codes,
      );
      const accounts = rows(changes.accounts);
      const pools = rows(changes.pools);
      keys.forEach(({ hex }, i) => {
        const before = plan.balances[i]!;
        assert.equal(accounts[hex] ?? before, expected.state[hex]);
        assert.notEqual(accounts[hex], before, 'an unchanged row is no change');
      });
      assert.equal(pools[fees] ?? plan.pot, 0n);
      assert.equal(pools[dao] ?? 0n, expected.state.dao);
      const before = plan.balances.reduce((sum, n) => sum + n, plan.pot);
      assert.equal(
        Object.values(expected.state).reduce((sum, n) => sum + n, 0n),
        before,
      );
    }),
    { numRuns: 500 },
  );
  assert.ok(valid > 50);
});

test('what a proposer selects always makes a valid block in which everybody pays everything', () => {
  fc.assert(
    fc.property(anyState, (plan) => {
      const chosen = selectTransactions(planned(plan), plan.sends.map(prepared), rules, block([]));
      const { receipts } = applyBlock(planned(plan), block(chosen), rules);
      assert.ok(receipts.every(({ code }) => code === 0));
    }),
    { numRuns: 300 },
  );
});

test('touched keys name each account once', () => {
  const tx = prepare(send(alice, leader.address, 1n, 'a'));
  const touched = touchedKeys([tx, tx], leader.address);
  assert.deepEqual(touched.accounts.map(toHex).sort(), [alice.hex, leader.hex].sort());
  assert.equal(genesis.networkId, NETWORK);
});
