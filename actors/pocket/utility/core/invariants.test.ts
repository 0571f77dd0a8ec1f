import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../../../runtime/errors.ts';
import { toHex } from '../../chain/hex.ts';
import type { Message } from '../../chain/messages.ts';
import { POOL_VALIDATOR_STAKE } from '../../chain/pools.ts';
import { doubleSign, editOf, orderOf, stakeOf, TestChain } from '../test-support/chain.ts';
import { genesisText, type TestKey, testKey } from '../test-support/fixtures.ts';
import { type Prepared, prepare } from './prepared.ts';

const POOL = toHex(POOL_VALIDATOR_STAKE);
const MINIMUM = 1_000_000n;
const MAX_AGE = 3n;
const keys = [1, 2, 3, 4, 5].map(testKey);
/** Short times and large fines, so that a few blocks go through every status. */
const GENESIS = genesisText(
  keys.slice(0, 3),
  keys.map((key): [TestKey, bigint] => [key, 3n * MINIMUM]),
  {
    params: {
      validator_minimum_stake: String(MINIMUM),
      validator_unstaking_blocks: '3',
      validator_minimum_pause_blocks: '1',
      validator_max_pause_blocks: '3',
      validator_maximum_missed_blocks: '2',
      validator_max_evidence_age_in_blocks: String(MAX_AGE),
      missed_blocks_burn_percentage: '40',
      double_sign_burn_percentage: '60',
    },
  },
).replaceAll('"15000000000"', '"2000000"');

const who = fc.nat(keys.length - 1);
const amount = fc.constantFrom(MINIMUM - 1n, MINIMUM, 2n * MINIMUM, 3n * MINIMUM);
const anyAction = fc.oneof(
  fc.record({ do: fc.constant('stake' as const), who, amount, output: who }),
  fc.record({ do: fc.constant('edit' as const), who, amount, output: who }),
  fc.record({
    do: fc.constantFrom('Unstake' as const, 'Pause' as const, 'Unpause' as const),
    who,
    stranger: fc.option(who, { freq: 2 }),
  }),
  fc.record({ do: fc.constant('evidence' as const), who, age: fc.bigInt({ min: 0n, max: 2n }), variant: fc.nat(1) }),
  fc.record({ do: fc.constant('send' as const), who, to: who, amount }),
);
const anyBlock = fc.record({
  actions: fc.array(anyAction, { maxLength: 3 }),
  absent: fc.subarray([0, 1, 2, 3, 4], { maxLength: 2 }),
});
type Action = typeof anyAction extends fc.Arbitrary<infer T> ? T : never;

function messageOf(action: Exclude<Action, { do: 'evidence' }>): [Message, TestKey] {
  const key = keys[action.who]!;
  switch (action.do) {
    case 'stake':
      return [stakeOf(key, action.amount, { output: keys[action.output]! }), key];
    case 'edit':
      return [editOf(key, action.amount), key];
    case 'send':
      return [
        { type: 'utility.MessageSend', from: key.address, to: keys[action.to]!.address, amount: action.amount },
        key,
      ];
    default:
      return [orderOf(action.do, key, keys[action.stranger ?? action.who]!), keys[action.stranger ?? action.who]!];
  }
}

function transactionOf(chain: TestChain, action: Action): Prepared {
  if (action.do !== 'evidence') return chain.sign(...messageOf(action));
  const height = chain.height + 1n > action.age ? chain.height + 1n - action.age : 1n;
  return prepare(doubleSign(keys[action.who]!, height, MAX_AGE, action.variant));
}

/** Of the transactions one after the other those that a block may hold. */
function acceptable(chain: TestChain, transactions: readonly Prepared[], absent: readonly TestKey[]): Prepared[] {
  const chosen: Prepared[] = [];
  for (const one of transactions) {
    try {
      chain.execute({ transactions: [...chosen, one], absent });
      chosen.push(one);
    } catch (error) {
      assert.ok(error instanceof CodedError, String(error));
    }
  }
  return chosen;
}

const stakes = ({ view }: TestChain): bigint =>
  [...view.validators.values()].reduce((sum, { stakedAmount }) => sum + stakedAmount, 0n);

/** What the validators lost that nobody has got. */
function burned(before: TestChain['view'], after: TestChain['view']): bigint {
  const sum = (balances: ReadonlyMap<string, bigint>) => [...balances.values()].reduce((all, n) => all + n, 0n);
  return sum(before.accounts) + sum(before.pools) - sum(after.accounts) - sum(after.pools);
}

test('whatever validators do: nobody makes money, the pool holds the stakes, and somebody is left to decide', () => {
  const seen = { codes: new Set<number>(), burned: 0, removed: 0 };
  fc.assert(
    fc.property(fc.array(anyBlock, { minLength: 5, maxLength: 25 }), (blocks) => {
      const chain = new TestChain(GENESIS);
      for (const { actions, absent: numbers } of blocks) {
        const absent = numbers.map((n) => keys[n]!);
        const transactions = acceptable(
          chain,
          actions.map((action) => transactionOf(chain, action)),
          absent,
        );
        const before = chain.view;
        const once = chain.execute({ transactions, absent });
        assert.deepEqual(chain.execute({ transactions, absent }), once, 'the same block gives the same');
        const punished = once.result.receipts.some(
          ({ messageType, code }) => messageType.includes('Double') && code === 0,
        );
        for (const { code } of chain.next({ transactions, absent })) seen.codes.add(code);
        const { actors, removedActors } = once.result.changes;

        const lost = burned(before, chain.view);
        assert.ok(lost >= 0n);
        const mayBurn = punished || absent.some(({ hex }) => before.validators.get(hex)?.missedBlocks === 1n);
        if (!mayBurn) assert.equal(lost, 0n, 'only an offence burns');
        assert.equal(chain.view.pools.get(POOL), stakes(chain));
        assert.ok(chain.active.length > 0);
        assert.ok([...chain.view.accounts.values(), ...chain.view.pools.values()].every((n) => n >= 0n));
        const touched = [...actors, ...removedActors].map(({ address }) => toHex(address));
        assert.equal(new Set(touched).size, touched.length, 'no actor twice');
        for (const actor of actors) assert.notDeepEqual(actor, before.validators.get(toHex(actor.address)));
        if (lost > 0n) seen.burned++;
        seen.removed += removedActors.length;
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(seen.burned > 20 && seen.removed > 20, JSON.stringify({ ...seen, codes: [...seen.codes] }));
  for (const code of [0, 3, 41, 45, 54, 60, 67, 71, 128]) assert.ok(seen.codes.has(code), `code ${code}`);
});
