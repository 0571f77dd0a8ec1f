import assert from 'node:assert/strict';
import { it } from 'node:test';
import { toHex } from '../../chain/hex.ts';
import { StateTries, TREE_NAMES } from './tries.ts';

const entry = { key: Buffer.from('foo'), value: Buffer.from('bar') };

it('has the state hashes of the earlier implementation (spec 4.3)', () => {
  const empty = StateTries.empty();
  assert.equal(toHex(empty.stateHash), '302f2956c084cc3e0e760cf1b8c2da5de79c45fa542f68a660a5fc494b486972');
  const all = empty.update(Object.fromEntries(TREE_NAMES.map((name) => [name, [entry]])));
  assert.equal(toHex(all.stateHash), '7d5712ea1507915c40e295845fa58773baa405b24b87e9d99761125d826ff915');
});

it('goes on where the state before is released, whatever they shared', () => {
  const one = StateTries.empty().update({ account: [entry], pool: [entry] });
  const two = one.update({ pool: [{ key: entry.key, value: null }] });
  one.release();
  assert.throws(() => one.stateHash, { code: 'TRIE_RELEASED' });
  assert.equal(two.has('account', entry.key), true);
  const three = two.advance({ account: [{ key: entry.key, value: null }] });
  assert.equal(toHex(three.stateHash), toHex(StateTries.empty().stateHash));
});

it('leaves the state it was made from as it was', () => {
  const empty = StateTries.empty();
  const one = empty.update({ account: [entry] });
  assert.equal(toHex(one.update({ account: [{ key: entry.key, value: null }] }).stateHash), toHex(empty.stateHash));
  assert.equal(one.has('account', entry.key), true);
  assert.equal(empty.has('account', entry.key), false);
  assert.deepEqual([one.size('account'), empty.size('account')], [1, 0]);
});
