import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeQc } from '../../actors/pocket/chain/consensus.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { seededRandom } from '../../runtime/random.ts';
import { type Keys, modelKeys, realKeys, rulesWith } from './keys.ts';
import type { WorldSettings } from './settings.ts';
import { World } from './world.ts';

function network(keys: Keys, settings: Partial<WorldSettings>, seed = 1n): World {
  const world = new World(keys, seededRandom(seed), settings);
  for (const { address } of keys.validators.list) {
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms: 0, manual: false });
  }
  for (const node of world.nodes) node.start();
  return world;
}

function reach(world: World, height: number, within_ms: number) {
  const heights = () => world.nodes.map(({ disk }) => disk.committed.length);
  assert.ok(
    world.run(within_ms, () => heights().every((one) => one >= height)),
    `${heights()}`,
  );
}

function proposers(world: World): string[] {
  return world.nodes[0]!.disk.committed.map(({ block }) => toHex(block.header.proposerAddress));
}

test('drawn leaders: blocks come at the interval, from everyone, in no order that is known before', () => {
  const world = network(modelKeys(4), { election: 'sortition' });
  reach(world, 60, 60 * 1_300);
  const led = proposers(world).slice(0, 60);
  assert.equal(new Set(led).size, 4);
  const timeouts = world.nodes.flatMap(({ facts }) => facts.filter(({ fact }) => fact === 'timeout'));
  assert.deepEqual(timeouts, []);
  const rotation = led.slice(0, 4);
  assert.notDeepEqual(
    led,
    [...Array(15)].flatMap(() => rotation),
  );
});

test('drawn leaders: the same with real proofs', () => {
  const world = network(realKeys(4), { election: 'sortition' });
  reach(world, 4, 4 * 2_000);
});

test('drawn leaders: a dead validator that is drawn costs its rounds, nothing more', () => {
  const world = network(modelKeys(4), { election: 'sortition' });
  reach(world, 2, 10_000);
  const [dead, ...others] = world.nodes;
  dead!.crash();
  assert.ok(world.run(120_000, () => others.every(({ disk }) => disk.committed.length >= 12)));
});

test('drawn leaders: loss and delay make rounds fail, and the chain goes on', () => {
  for (let seed = 1n; seed <= 10n; seed++) {
    const world = network(modelKeys(4), { election: 'sortition' }, seed);
    world.network.weather = { loss: 0.1, duplication: 0.1, lateness: 0.2, reordering: 0, trouble: 0 };
    world.run(10_000);
    world.network.weather = { loss: 0, duplication: 0, lateness: 0, reordering: 0, trouble: 0 };
    reach(world, Math.max(...world.nodes.map(({ disk }) => disk.committed.length)) + 3, 120_000);
  }
});

test('a header shows everyone that voted, not only those whom the leader waited for', () => {
  for (const election of ['round_robin', 'sortition'] as const) {
    const world = network(modelKeys(4), { election });
    reach(world, 12, 20_000);
    const blocks = world.nodes[0]!.disk.committed.slice(2, 12);
    const signers = blocks.map(({ block }) => decodeQc(block.header.quorumCertificate).signatures.length);
    assert.deepEqual(signers, Array(10).fill(4), election);
  }
});
