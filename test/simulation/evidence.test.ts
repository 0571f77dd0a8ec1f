import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyEvidence } from '../../actors/pocket/chain/evidence.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { seededRandom } from '../../runtime/random.ts';
import { NETWORK_ID, realKeys, rulesWith } from './keys.ts';
import { World } from './world.ts';

test('a validator that runs twice gives evidence against itself, and nobody else is accused', () => {
  const keys = realKeys(4);
  const world = new World(keys, seededRandom(3n));
  const [twice, ...honest] = keys.validators.list;
  const rules = rulesWith(keys, { highest: () => null, mayPrepare: () => true });
  for (let twin = 0; twin < 2; twin++) {
    world.add({
      address: twice!.address,
      rules,
      signer: 'signs anything',
      liar: true,
      skew_ms: 7 * twin,
      manual: false,
    });
  }
  for (const { address } of honest) {
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms: 0, manual: false });
  }
  for (const node of world.nodes) node.start();
  const evidence = () => world.honest.flatMap((node) => node.evidence);
  assert.ok(world.run(30_000, () => evidence().length >= 3));
  for (const one of evidence()) {
    assert.equal(toHex(one.address), toHex(twice!.address));
    assert.ok(verifyEvidence(one, twice!.publicKey, NETWORK_ID));
  }
  for (const node of world.honest) {
    const heights = node.evidence.map(({ first }) => first.height);
    assert.equal(new Set(heights).size, heights.length, 'once for a height');
  }
});

test('an honest network accuses nobody, whatever is lost, repeated or restarted', () => {
  const keys = realKeys(4);
  const world = new World(keys, seededRandom(4n));
  for (const { address } of keys.validators.list) {
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms: 0, manual: false });
  }
  for (const node of world.nodes) node.start();
  world.network.weather = { loss: 0.1, duplication: 0.2, lateness: 0.2, reordering: 0, trouble: 0.02 };
  for (let turn = 0; turn < 8; turn++) {
    world.run(800);
    const node = world.nodes[turn % 4]!;
    node.crash();
    world.after(300, () => node.start());
  }
  for (const node of world.nodes) assert.deepEqual(node.evidence, []);
});
