import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MESSAGE_PROPOSE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../actors/pocket/chain/consensus.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import type { Effect, Fact } from '../../actors/pocket/consensus/core/effect.ts';
import { seededRandom } from '../../runtime/random.ts';
import { modelKeys, rulesWith } from './keys.ts';
import type { SimulatedNode } from './node.ts';
import { World } from './world.ts';

const STEPS = [STEP_NEWROUND, STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT, STEP_DECIDE];

function network(validators: number, options: { manual?: boolean; seed?: bigint } = {}): World {
  const keys = modelKeys(validators);
  const world = new World(keys, seededRandom(options.seed ?? 3n));
  for (const { address } of keys.validators.list) {
    const manual = options.manual ?? false;
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms: 0, manual });
  }
  for (const node of world.nodes) node.start();
  return world;
}

function height(node: SimulatedNode): number {
  return node.disk.committed.length;
}

function reach(world: World, goal: number, within_ms = 60_000) {
  const places = () => world.nodes.map((node) => `${height(node)}/${node.state?.view.round}`).join(' ');
  assert.ok(
    world.run(within_ms, () => world.nodes.every((node) => height(node) >= goal)),
    `stuck at ${places()}`,
  );
}

/** Does something the first time that a message of this step and height 2 is about to be proposed. */
function atProposal(world: World, step: number, happen: (leader: SimulatedNode) => void) {
  let done = false;
  world.intercept = (node, effect) => {
    if (done || !proposes(effect, step)) return true;
    done = true;
    happen(node);
    return false;
  };
}

function proposes(effect: Effect, step: number): boolean {
  if (effect.kind !== 'broadcast') return false;
  const { message } = effect;
  return message.height === 2n && message.step === step && message.type === MESSAGE_PROPOSE;
}

/** Facts of one kind that a node reported. */
function facts<F extends Fact['fact']>(node: SimulatedNode, fact: F): Extract<Fact, { fact: F }>[] {
  return node.facts.filter((one): one is Extract<Fact, { fact: F }> => one.fact === fact);
}

for (const step of STEPS) {
  test(`the leader dies as it says step ${step}: the others go on without it, and it catches up`, () => {
    const world = network(4);
    let dead: SimulatedNode | undefined;
    atProposal(world, step, (leader) => {
      dead = leader;
      leader.crash();
    });
    const others = () => world.nodes.filter((node) => node !== dead);
    assert.ok(world.run(60_000, () => dead !== undefined && others().every((node) => height(node) >= 6)));
    dead!.start();
    reach(world, 8);
  });

  test(`all four die together as a leader says step ${step}`, () => {
    const world = network(4);
    let fell = false;
    atProposal(world, step, () => {
      fell = true;
      for (const node of world.nodes) {
        node.crash();
        world.after(100, () => node.start());
      }
    });
    reach(world, 5);
    assert.ok(fell);
  });
}

test('blocks come at the interval, in round 0, and nothing is refused or rejected', () => {
  const world = network(4);
  reach(world, 10, 10 * 1_500);
  for (const node of world.nodes) {
    assert.deepEqual(facts(node, 'timeout'), []);
    assert.deepEqual(facts(node, 'refused'), []);
    assert.deepEqual(facts(node, 'rejected'), []);
    const times = node.disk.committed.map(({ block }) => Number(block.header.timestamp_ms));
    times.slice(1).forEach((time, index) => {
      assert.ok(time - times[index]! >= 1_000, 'empty blocks keep the longer interval');
    });
  }
});

test('a transaction shortens the wait for the next block', () => {
  const world = network(4);
  reach(world, 2);
  const { timestamp_ms } = world.nodes[0]!.disk.tip();
  world.run(600);
  for (const node of world.nodes) node.input({ kind: 'mempool', transactions: 1 });
  reach(world, 3);
  const interval_ms = Number(world.nodes[0]!.disk.tip().timestamp_ms - timestamp_ms);
  assert.ok(interval_ms >= 500 && interval_ms < 900, `${interval_ms} ms`);
});

test('a block that one validator decided alone is proposed again and decided by the others', () => {
  const world = network(4);
  let proposed = '';
  let decider: SimulatedNode | undefined;
  world.intercept = (node, effect) => {
    if (proposes(effect, STEP_PREPARE) && effect.kind === 'broadcast') proposed ||= toHex(effect.message.blockHash!);
    if (!proposes(effect, STEP_DECIDE) || decider) return true;
    decider = node;
    world.isolate(node);
    return false;
  };
  const others = () => world.nodes.filter((node) => node !== decider);
  assert.ok(world.run(60_000, () => decider !== undefined && others().every((node) => height(node) >= 2)));
  world.run(50);
  for (const node of others()) {
    assert.equal(toHex(node.disk.committed[1]!.hash), proposed);
    const decision = facts(node, 'committed').find((fact) => fact.height === 2n);
    assert.ok(decision && decision.round > 0);
  }
  world.network.heal();
  reach(world, 5);
});

test('a node that comes late fetches what it missed', () => {
  const world = network(4);
  const late = world.nodes[3]!;
  late.crash();
  assert.ok(world.run(120_000, () => height(world.nodes[0]!) >= 40));
  late.start();
  world.run(5_000);
  assert.ok(height(late) >= 40);
  assert.equal(facts(late, 'behind').length, 1);
  assert.equal(facts(late, 'caughtUp').length, 1);
});

test('one clock that runs ahead by less than the allowance does not stop the others', () => {
  const keys = modelKeys(4);
  const world = new World(keys, seededRandom(1n));
  keys.validators.list.forEach(({ address }, index) => {
    const skew_ms = index === 0 ? 4_000 : 0;
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms, manual: false });
  });
  for (const node of world.nodes) node.start();
  reach(world, 10, 15_000);
});

test('a clock that is wrong by more makes its proposals be refused, nothing worse', () => {
  const keys = modelKeys(4);
  const world = new World(keys, seededRandom(1n));
  keys.validators.list.forEach(({ address }, index) => {
    const skew_ms = index === 0 ? 60_000 : 0;
    world.add({ address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms, manual: false });
  });
  for (const node of world.nodes) node.start();
  reach(world, 8);
  assert.notEqual(facts(world.nodes[1]!, 'rejected').length, 0);
  assert.ok(facts(world.nodes[1]!, 'rejected').every(({ reason }) => reason === 'time_ahead'));
});

test('manual mode: each trigger commits one block', () => {
  const world = network(4, { manual: true });
  world.run(60_000);
  assert.ok(world.nodes.every((node) => height(node) === 0 && node.state!.view.round === 0));
  for (const node of world.nodes) node.input({ kind: 'trigger' });
  world.run(60_000);
  for (const node of world.nodes) {
    const { state } = node;
    assert.deepEqual([height(node), state!.height, state!.view.round, state!.view.step], [1, 2n, 0, STEP_NEWROUND]);
    assert.deepEqual(
      facts(node, 'committed').map(({ round }) => round),
      [0],
    );
  }
  for (const node of world.nodes) node.input({ kind: 'trigger' });
  world.run(60_000);
  assert.ok(world.nodes.every((node) => height(node) === 2 && node.state!.height === 3n));
});

test('manual mode: the others join when more have started than may be faulty, and go on when it is left', () => {
  const world = network(4, { manual: true });
  world.nodes[0]!.input({ kind: 'trigger' });
  world.run(10_000);
  assert.ok(
    world.nodes.every((node) => height(node) === 0),
    'one validator alone may be faulty',
  );
  world.nodes[1]!.input({ kind: 'trigger' });
  world.run(10_000);
  assert.ok(world.nodes.every((node) => height(node) === 1));
  for (const node of world.nodes) node.input({ kind: 'setManual', manual: false });
  reach(world, 5);
});
