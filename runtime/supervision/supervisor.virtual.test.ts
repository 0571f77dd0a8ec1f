import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChildSpec, RestartPolicy } from '../child-spec.ts';
import { type Conduct, type Script, VirtualNode, virtualChild, virtualGroup } from './testing.ts';

/** The supervisor in virtual time: real decisions, simulated threads. */

const NAMES = ['a', 'b', 'c', 'd'];
const four = (options: Record<string, Partial<ChildSpec>> = {}): ChildSpec[] =>
  NAMES.map((name) => virtualChild(name, options[name]));

async function started(node: VirtualNode): Promise<VirtualNode> {
  await node.settled(node.supervisor.start());
  return node;
}

/** Scripts by name and life, e.g. `{ 'b 2': … }`. */
const scripts =
  (given: Record<string, Script>) =>
  (name: string, incarnation: number): Script =>
    given[`${name} ${incarnation}`] ?? {};

test('actors start and get ready in order, and stop in reverse', async () => {
  const node = new VirtualNode([virtualGroup(four())]);
  // The slowest to load comes first all the same.
  node.script = scripts({ 'a 1': { load: { ends: 'well', after_ms: 500 }, start: { ends: 'well', after_ms: 100 } } });
  await started(node);
  assert.deepEqual(node.order('start'), NAMES);
  assert.deepEqual(node.order('ready'), NAMES);
  await node.settled(node.supervisor.stop());
  assert.deepEqual(node.order('stop'), [...NAMES].reverse());
});

const policies: [RestartPolicy, string, boolean][] = [
  ['permanent', 'crash', true],
  ['permanent', 'orderly', true],
  ['permanent', 'kill', true],
  ['transient', 'crash', true],
  ['transient', 'orderly', false],
  ['transient', 'kill', true],
  ['temporary', 'crash', false],
  ['temporary', 'orderly', false],
  ['temporary', 'kill', false],
];
for (const [restart, how, again] of policies) {
  test(`${restart}: after ${how} it is ${again ? '' : 'not '}started again`, async () => {
    const node = await started(new VirtualNode([virtualGroup([virtualChild('a', { restart }), virtualChild('b')])]));
    if (how === 'kill') await node.supervisor.kill('a');
    else node.thread('a')!.fall('TEST', how === 'orderly');
    await node.advance(10_000);
    assert.equal(node.phase('a'), again ? 'running' : 'ended');
    assert.equal(node.incarnation('a'), again ? 2 : 1);
    assert.equal(node.incarnation('b'), 1, 'nobody else is touched');
  });
}

test('one that has ended does not come back with others, but by order', async () => {
  const children = [virtualChild('a'), virtualChild('b', { restart: 'temporary' })];
  const node = await started(new VirtualNode([virtualGroup([{ ...children[0]!, dependents: ['b'] }, children[1]!])]));
  node.thread('b')!.fall('TEST');
  await node.advance(1_000);
  await node.supervisor.kill('a');
  await node.advance(1_000);
  assert.equal(node.phase('b'), 'ended');
  await node.settled(node.supervisor.restart('b'));
  assert.equal(node.phase('b'), 'running');
});

test('dependents, and theirs, are replaced in order; the others go on', async () => {
  const node = await started(
    new VirtualNode([virtualGroup(four({ a: { dependents: ['c'] }, c: { dependents: ['d'] } }))]),
  );
  const since = node.happenings.length;
  node.thread('a')!.fall('TEST');
  await node.advance(1_000);
  assert.deepEqual(node.order('stop', since), ['d', 'c'], 'in reverse');
  assert.deepEqual(node.order('start', since), ['a', 'c', 'd']);
  assert.equal(node.incarnation('b'), 1);
});

test('the first death is replaced at once, further ones after waits that double and are left to chance in part', async () => {
  const intensity = { restarts: 9, period_ms: 3_600_000 };
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a')], { intensity })]));
  const waits: number[] = [];
  for (let death = 1; death <= 9; death++) {
    const died_ms = node.clock.now();
    node.thread('a')!.fall('TEST');
    await node.advance(20_000);
    waits.push(node.happenings.findLast(({ what }) => what === 'spawn')!.at_ms - died_ms);
  }
  const full = [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
  waits.forEach((wait_ms, index) => {
    assert.ok(wait_ms <= full[index]! && wait_ms >= full[index]! / 2, `death ${index + 1} waited ${wait_ms} ms`);
  });
  assert.ok(new Set(waits.slice(-2)).size === 2 || waits.at(-1)! < 5_000, 'chance had its part');
});

test('as many deaths as allowed are forgiven, one more ends the node with the reason', async () => {
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a')])]));
  for (let death = 1; death <= 4; death++) {
    assert.equal(node.failure, null);
    assert.equal(node.phase('a'), 'running');
    node.thread('a')!.fall(`TEST_${death}`);
    await node.advance(1_000);
  }
  assert.equal(node.failure?.code, 'INTENSITY_EXCEEDED');
  assert.match(node.failure!.message, /^a died 4 times within 60000 ms, last of TEST_4/);
});

test('deaths that are further apart than the period are not added up, nor are ordered ones', async () => {
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a')])]));
  for (let death = 1; death <= 12; death++) {
    node.thread('a')!.fall('TEST');
    await node.advance(21_000);
  }
  for (let kill = 1; kill <= 12; kill++) {
    await node.supervisor.kill('a');
    await node.advance(100);
  }
  assert.equal(node.failure, null);
  assert.equal(node.incarnation('a'), 25);
});

test('a group that rests comes back after its rest; the others do not notice', async () => {
  const rest = virtualGroup([virtualChild('c'), virtualChild('d')], {
    name: 'side',
    exceeded: { action: 'rest', rest_ms: 30_000 },
  });
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a', { dependents: ['d'] })]), rest]));
  for (let death = 1; death <= 4; death++) {
    node.thread('c')!.fall('TEST');
    await node.advance(1_000);
  }
  assert.deepEqual([node.phase('c'), node.phase('d')], ['resting', 'resting']);
  await node.supervisor.kill('a');
  await node.advance(10_000);
  assert.equal(node.phase('a'), 'running');
  assert.equal(node.phase('d'), 'resting', 'its rest is not cut short by what it depends on');
  await node.advance(30_000);
  assert.deepEqual([node.phase('c'), node.phase('d')], ['running', 'running']);
  assert.equal(node.failure, null);
  for (let death = 1; death <= 3; death++) {
    node.thread('c')!.fall('TEST');
    await node.advance(1_000);
  }
  assert.equal(node.phase('c'), 'running', 'the account was cleared');
});

test('a group that cannot be started does not keep another one down', async () => {
  const side = virtualGroup([virtualChild('d')], { name: 'side', exceeded: { action: 'rest', rest_ms: 30_000 } });
  const node = new VirtualNode([virtualGroup([virtualChild('a', { dependents: ['d'] })]), side]);
  node.script = (name, incarnation) => (name === 'd' && incarnation > 1 ? { start: { ends: 'error' } } : {});
  await started(node);
  await node.supervisor.kill('a');
  await node.advance(20_000);
  assert.equal(node.phase('a'), 'running');
  assert.equal(node.incarnation('a'), 2);
  assert.equal(node.phase('d'), 'resting');
});

test('one that does not stop in time is ended, and the next one is asked', async () => {
  const node = new VirtualNode([virtualGroup(four({ c: { shutdown_ms: 2_000 } }))]);
  node.script = scripts({ 'c 1': { stop: { ends: 'never' } } });
  await started(node);
  const from_ms = node.clock.now();
  await node.settled(node.supervisor.stop());
  assert.deepEqual(node.order('stop'), ['d', 'b', 'a']);
  assert.deepEqual(node.order('end'), ['d', 'c', 'b', 'a']);
  assert.equal(node.clock.now() - from_ms, 2_000);
});

for (const ends of ['error', 'death', 'never'] as const) {
  for (const step of ['load', 'start', 'ready'] as const) {
    test(`a first ${step} that ends with ${ends} fails the start and leaves nobody alive`, async () => {
      const node = new VirtualNode([virtualGroup(four())]);
      node.script = scripts({ 'c 1': { [step]: { ends } } });
      const code = { error: 'TEST_ERROR', death: 'TEST_DEATH', never: 'CONTROL_TIMEOUT' }[ends];
      await assert.rejects(node.settled(node.supervisor.start()), { code });
      assert.deepEqual(
        NAMES.flatMap((name) => node.living(name)),
        [],
      );
      await node.advance(60_000);
      assert.equal(Math.max(...NAMES.map((name) => node.incarnation(name))), 1);
    });

    test(`a replacement whose ${step} ends with ${ends} is replaced in turn, with its dependents`, async () => {
      const node = new VirtualNode([virtualGroup(four({ b: { dependents: ['c'] } }))]);
      node.script = scripts({ 'b 2': { [step]: { ends, after_ms: 200 } } });
      await started(node);
      node.thread('b')!.fall('TEST');
      await node.advance(30_000);
      assert.deepEqual(
        NAMES.map((name) => node.phase(name)),
        ['running', 'running', 'running', 'running'],
      );
      assert.equal(node.incarnation('b'), 3);
      assert.ok(node.incarnation('c') >= 2);
      assert.deepEqual([node.incarnation('a'), node.incarnation('d')], [1, 1]);
    });
  }
}

test('one that dies while it is stopped, or while others stop, is not replaced', async () => {
  const node = new VirtualNode([virtualGroup(four())]);
  node.script = scripts({
    'd 1': { stop: { ends: 'death', after_ms: 300 } },
    'c 1': { stop: { ends: 'well', after_ms: 500 } },
  });
  await started(node);
  const stopping = node.supervisor.stop();
  await node.advance(400);
  node.thread('a')!.fall('TEST');
  await node.settled(stopping);
  await node.advance(60_000);
  assert.deepEqual(
    NAMES.flatMap((name) => node.living(name)),
    [],
  );
  assert.equal(Math.max(...NAMES.map((name) => node.incarnation(name))), 1);
  assert.equal(node.failure, null);
});

test('one that dies while its dependents are restarted is replaced with them', async () => {
  const node = new VirtualNode([virtualGroup(four({ a: { dependents: ['b', 'c'] } }))]);
  node.script = scripts({ 'b 2': { start: { ends: 'well', after_ms: 1_000 } } });
  await started(node);
  node.thread('a')!.fall('TEST');
  await node.advance(500);
  assert.equal(node.phase('b'), 'starting');
  node.thread('a')!.fall('TEST');
  await node.advance(30_000);
  assert.deepEqual(
    NAMES.map((name) => [node.phase(name), node.incarnation(name)]),
    [
      ['running', 3],
      ['running', 3],
      ['running', 3],
      ['running', 1],
    ],
  );
});

test('a stalled event loop is seen', async () => {
  const node = await started(new VirtualNode([virtualGroup(four())]));
  await node.advance(60_000);
  node.thread('b')!.hang();
  await node.advance(4_000);
  assert.equal(node.incarnation('b'), 1);
  await node.advance(3_000);
  assert.equal(node.incarnation('b'), 2);
  assert.equal(node.supervisor.status()[1]?.lastDeath?.code, 'ACTOR_STALLED');
});

test('one that dies while its connections are made does not leave the others down', async () => {
  const node = new VirtualNode([virtualGroup(four({ a: { dependents: ['b'] } }))], { b: ['d'] });
  node.script = scripts({ 'b 2': { bind: { ends: 'death', after_ms: 300 } }, 'a 2': { ends_ms: 400 } });
  await started(node);
  node.thread('a')!.fall('TEST');
  await node.advance(20_000);
  assert.deepEqual(
    NAMES.map((name) => node.phase(name)),
    ['running', 'running', 'running', 'running'],
  );
  assert.deepEqual(node.doubles, []);
});

test('a rest that was ended by order does not end the next one', async () => {
  const group = virtualGroup([virtualChild('a')], { exceeded: { action: 'rest', rest_ms: 30_000 } });
  const node = await started(new VirtualNode([group]));
  const exhaust = async (): Promise<void> => {
    for (let death = 1; death <= 4; death++) {
      node.thread('a')!.fall('TEST');
      await node.advance(500);
    }
  };
  await exhaust();
  await node.settled(node.supervisor.restart('a'));
  await node.advance(10_000);
  await exhaust();
  assert.equal(node.phase('a'), 'resting');
  await node.advance(20_000);
  assert.equal(node.phase('a'), 'resting', 'the first rest would be over by now');
  await node.advance(15_000);
  assert.equal(node.phase('a'), 'running');
});

test('a restart of one that does not come back says so', async () => {
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a', { restart: 'temporary' })])]));
  node.script = () => ({ start: { ends: 'error' } });
  await assert.rejects(node.settled(node.supervisor.restart('a')), { code: 'ACTOR_DOWN' });
});

test('the time away is counted from the death, however many lives fail in between', async () => {
  const node = await started(new VirtualNode([virtualGroup([virtualChild('a')])]));
  node.script = scripts({ 'a 2': { ready: { ends: 'error', after_ms: 2_000 } } });
  node.thread('a')!.fall('TEST');
  await node.advance(10_000);
  const { recovery_ms } = node.supervisor.status()[0]!;
  assert.ok(recovery_ms! >= 2_000 && recovery_ms! <= 2_200, `${recovery_ms} ms`);
});

test('an ordered restart takes the dependents along and resolves when all serve', async () => {
  const node = new VirtualNode([virtualGroup(four({ b: { dependents: ['d'] } }))]);
  node.script = scripts({ 'b 2': { ready: { ends: 'well', after_ms: 700 } } });
  await started(node);
  const from_ms = node.clock.now();
  await node.settled(node.supervisor.restart('b'));
  assert.ok(node.clock.now() - from_ms >= 700);
  assert.deepEqual([node.phase('b'), node.phase('d')], ['running', 'running']);
  assert.deepEqual([node.incarnation('b'), node.incarnation('d')], [2, 2]);
});

type Act =
  | { readonly act: 'fall' | 'leave' | 'hang' | 'kill' | 'restart'; readonly name: string }
  | { readonly act: 'wait'; readonly duration_ms: number };

const name = fc.constantFrom(...NAMES);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constantFrom('fall', 'leave', 'hang', 'kill', 'restart') as fc.Arbitrary<'fall'>, name }),
  fc.record({ act: fc.constant('wait' as const), duration_ms: fc.nat(3_000) }),
);
const conduct: fc.Arbitrary<Conduct> = fc.record({
  ends: fc.constantFrom('well', 'well', 'well', 'well', 'error', 'death', 'never'),
  after_ms: fc.nat(800),
});
const script: fc.Arbitrary<Script> = fc.record({
  load: conduct,
  start: conduct,
  bind: conduct,
  ready: conduct,
  stop: conduct,
  ends_ms: fc.constantFrom(0, 0, 0, 300, 2_000),
});

/** Who asks whom: connections are made between these. */
const USES = { b: ['a'], c: ['a', 'b'], d: ['b', 'c'] };

/** Later actors hang on earlier ones, in any way. */
const dependents = fc.record(
  Object.fromEntries(NAMES.map((one, index) => [one, fc.subarray(NAMES.slice(index + 1))])) as Record<
    string,
    fc.Arbitrary<string[]>
  >,
);

test('whatever happens: one life at a time, dependents never older, and in the end all serve', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 25 }),
      fc.array(script, { maxLength: 12 }),
      dependents,
      fc.bigInt(),
      async (acts, misfortunes, hangOn, seed) => {
        const children = NAMES.map((one) => virtualChild(one, { dependents: hangOn[one]! }));
        const intensity = { restarts: 1_000, period_ms: 60_000 };
        const node = new VirtualNode([virtualGroup(children, { intensity })], USES, seed & 0xffffn);
        await started(node);
        const pending = [...misfortunes];
        node.script = () => pending.pop() ?? {};
        for (const one of acts) await perform(node, one);
        await node.advance(120_000);
        assert.equal(node.failure, null);
        assert.deepEqual(node.doubles, []);
        const status = new Map(node.supervisor.status().map((one) => [one.name, one]));
        for (const { name: parent, dependents: theirs } of children) {
          assert.equal(status.get(parent)!.phase, 'running', parent);
          assert.equal(node.living(parent).length, 1);
          for (const dependent of theirs) {
            assert.ok(
              status.get(dependent)!.uptime_ms! <= status.get(parent)!.uptime_ms!,
              `${dependent} outlived ${parent}`,
            );
          }
        }
        await node.settled(node.supervisor.stop());
        assert.deepEqual(
          NAMES.flatMap((one) => node.living(one)),
          [],
        );
      },
    ),
    { numRuns: 150 },
  );
});

async function perform(node: VirtualNode, one: Act): Promise<void> {
  if (one.act === 'wait') return node.advance(one.duration_ms);
  const thread = node.thread(one.name);
  if (one.act === 'fall') thread?.fall('TEST');
  else if (one.act === 'leave') thread?.fall('TEST', true);
  else if (one.act === 'hang') thread?.hang();
  // These take time, which later acts may use; one that is down cannot be killed.
  else if (one.act === 'kill') node.supervisor.kill(one.name).catch(() => undefined);
  else node.supervisor.restart(one.name).catch(() => undefined);
}
