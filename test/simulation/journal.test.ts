import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { type Counter, type Gauge, Registry } from 'prom-client';
import { UNSIGNED_STATE } from '../../actors/host/signer/core/rules.ts';
import type { Taken } from '../../actors/pocket/consensus/core/recovery.ts';
import type { State } from '../../actors/pocket/consensus/core/state.ts';
import { step } from '../../actors/pocket/consensus/core/step.ts';
import { encodeTaken, scan } from '../../actors/pocket/consensus/io/journal-format.ts';
import { Journal } from '../../actors/pocket/consensus/journal.ts';
import { consensusMetrics } from '../../actors/pocket/consensus/metrics.ts';
import { seededRandom } from '../../runtime/random.ts';
import { modelKeys, rulesWith } from './keys.ts';
import type { SimulatedNode } from './node.ts';
import { World } from './world.ts';

/** Networks of the real core whose nodes keep the real journal, in real files. */

const folder = mkdtempSync(join(tmpdir(), 'potoroo-journals-'));
after(() => rmSync(folder, { recursive: true }));

interface Journaled {
  readonly node: SimulatedNode;
  readonly path: string;
  readonly metrics: ReturnType<typeof consensusMetrics>['journal'];
}

interface Options {
  seed: number;
  maxBytes?: number;
  /** What happens to a file before a life opens it. */
  tear?: (world: World, path: string) => void;
  circumstances?: () => string;
}

function network({ seed, maxBytes = 1 << 20, tear, circumstances = () => '' }: Options) {
  const keys = modelKeys(4);
  const world = new World(keys, seededRandom(BigInt(seed)));
  const nodes = keys.validators.list.map(({ address }, index): Journaled => {
    const path = join(folder, `${seed}-${index}`);
    rmSync(path, { force: true });
    const { journal: metrics } = consensusMetrics(new Registry());
    const journal = (): Journal => {
      tear?.(world, path);
      return Journal.open({ path, maxBytes, circumstances: circumstances(), metrics, log: pino({ level: 'silent' }) });
    };
    const node = world.add({
      address,
      rules: rulesWith(keys),
      signer: 'safe',
      liar: false,
      skew_ms: world.chance.between(-200, 200),
      manual: false,
      journal,
    });
    return { node, path, metrics };
  });
  for (const { node } of nodes) node.start();
  return { world, nodes };
}

async function count(metric: Pick<Counter<string> | Gauge<string>, 'get'>, label = ''): Promise<number> {
  const { values } = await metric.get();
  const wanted = values.filter(({ labels }) => label === '' || Object.values(labels).includes(label));
  return wanted.reduce((sum, { value }) => sum + value, 0);
}

/** All but a cache, and what the last input led to. Sets are their lists: each has a function of its own. */
function comparable({ verified, out, voters, validators, ...own }: State) {
  const sync = { ...own.sync, set: null, setHash: null };
  return { ...own, sync, voters: voters.list, validators: validators.list };
}

function trouble(world: World) {
  world.network.weather = { loss: 0.15, duplication: 0.1, lateness: 0.2, reordering: 0, trouble: 0.02 };
}

test('a life that replays its journal is in the state in which the one before it died', async () => {
  let recovered = 0;
  for (let seed = 1; seed <= 8; seed++) {
    // Small journals are renewed in the middle of a height.
    const { world, nodes } = network({ seed, maxBytes: seed % 2 ? 64_000 : 1 << 20 });
    trouble(world);
    for (let death = 0; death < 60; death++) {
      world.run(world.chance.between(1, 400));
      const { node, metrics } = nodes[world.chance.between(0, nodes.length)]!;
      const before = node.state!;
      const replayed = await count(metrics.replayed);
      node.crash();
      node.start();
      if ((await count(metrics.replayed)) === replayed) continue;
      recovered += 1;
      // What the new life begins with, the old one would have gone on with.
      step(before, { kind: 'recovered' }, world.now_ms + node.options.skew_ms);
      assert.deepEqual(comparable(node.state!), comparable(before), `seed ${seed}, death ${death}`);
    }
    for (const { metrics } of nodes) assert.equal(await count(metrics.discarded, 'diverged'), 0);
  }
  assert.ok(recovered > 200, `${recovered} recoveries`);
});

/** As a power failure leaves it: the end is missing, wherever it was written last. */
function lose(world: World, path: string) {
  if (!existsSync(path) || world.chance.happens(0.5)) return;
  const { length } = readFileSync(path);
  truncateSync(
    path,
    length - Math.min(length, world.chance.between(0, world.chance.happens(0.3) ? length + 1 : 1_500)),
  );
}

test('no fork and recovery when nodes die, together too, and journals survive whole or torn', async () => {
  const reasons = new Set<string>();
  for (let seed = 101; seed <= 125; seed++) {
    const { world, nodes } = network({ seed, tear: lose });
    trouble(world);
    for (let at_ms = 200; at_ms < 15_000; at_ms += world.chance.between(100, 1_500)) {
      const all = world.chance.happens(0.2);
      const one = world.chance.between(0, nodes.length);
      world.after(at_ms, () => {
        for (const [index, { node }] of nodes.entries()) {
          if (!all && index !== one) continue;
          node.crash();
          world.after(world.chance.between(1, 800), () => node.start());
        }
      });
    }
    world.run(16_000);
    world.network.weather = { loss: 0, duplication: 0, lateness: 0, reordering: 0, trouble: 0 };
    const goal = 3 + Math.max(...nodes.map(({ node }) => node.disk.committed.length));
    assert.ok(
      world.run(300_000, () => nodes.every(({ node }) => node.disk.committed.length >= goal)),
      `seed ${seed} is stuck`,
    );
    for (const { metrics } of nodes) {
      for (const { labels, value } of (await metrics.discarded.get()).values) {
        if (value > 0) reasons.add(String(labels.reason));
      }
    }
  }
  assert.ok(reasons.has('record_ahead'), 'the signer knew of more than a torn journal');
  assert.ok(!reasons.has('diverged'), 'no replay took another course');
});

/** One of four dies and lives again at once; why its journal was of no use, if it was not. */
async function reborn({ node, metrics }: Journaled, meanwhile: () => void = () => undefined): Promise<string | null> {
  const sum = async () => ({
    replayed: await count(metrics.replayed),
    discarded: (await metrics.discarded.get()).values.map(({ value }) => value),
  });
  const before = await sum();
  node.crash();
  meanwhile();
  node.start();
  const { values } = await metrics.discarded.get();
  const reason = values.find(({ value }, index) => value > (before.discarded[index] ?? 0))?.labels.reason;
  assert.equal((await sum()).replayed > before.replayed, reason === undefined);
  return reason === undefined ? null : String(reason);
}

/** In the middle of height 3. */
function running(options: Partial<Options> = {}) {
  const made = network({ seed: 1, ...options });
  assert.ok(made.world.run(60_000, () => made.nodes.every(({ node }) => node.disk.committed.length >= 2)));
  made.world.run(300);
  return { ...made, first: made.nodes[0]! };
}

function reach(world: World, nodes: readonly Journaled[], more: number) {
  const goal = more + Math.max(...nodes.map(({ node }) => node.disk.committed.length));
  assert.ok(world.run(60_000, () => nodes.every(({ node }) => node.disk.committed.length >= goal)));
}

test('an input that ends the core ends it once: the journal that has it is not replayed again', async () => {
  const { world, nodes, first } = running();
  const sequence = lengthOf(first.path);
  const number = first.node.state!.nextNumber;
  const poison = { now_ms: world.now_ms, number, input: { kind: 'message', message: null } } as unknown as Taken;
  assert.equal(await reborn(first, () => appendFileSync(first.path, encodeTaken(sequence, poison))), 'diverged');
  reach(world, nodes, 2);
});

test('a validator whose record was replaced by an old copy goes on with what it knows to have said, and reports it', async () => {
  const { world, nodes } = running();
  const proposed = (one: Journaled) => one.node.state!.view.said.size > 0;
  assert.ok(world.run(5_000, () => nodes.every(proposed)));
  const [first] = nodes as [Journaled];
  const { round } = first.node.state!.view;
  const said = [...first.node.state!.view.said];
  first.node.disk.record.write(UNSIGNED_STATE);
  assert.equal(await reborn(first), null);
  assert.deepEqual([round, said], [first.node.state!.view.round, [...first.node.state!.view.said]]);
  assert.equal(first.node.facts.filter(({ fact }) => fact === 'recordBehind').length, 1);
  reach(world, nodes, 1);
});

test('a replay that takes another course than the recorded one is given up', async () => {
  const { world, first } = running();
  const { nextNumber } = first.node.state!;
  const other = { now_ms: world.now_ms, number: nextNumber + 1, input: { kind: 'rebound' } } as const;
  const sequence = lengthOf(first.path);
  assert.equal(await reborn(first, () => appendFileSync(first.path, encodeTaken(sequence, other))), 'diverged');
});

function lengthOf(path: string): number {
  return scan(readFileSync(path)).payloads.length;
}

test('a state is brought back three times at one height and not for ever', async () => {
  const { world, nodes, first } = running();
  for (let death = 0; death < 3; death++) assert.equal(await reborn(first), null);
  assert.equal(await reborn(first), 'recovered_too_often');
  reach(world, nodes, 1);
  world.run(300);
  assert.equal(await reborn(first), null, 'the next height counts anew');
});

test('another software, other settings, and what is no journal are begun without', async () => {
  let circumstances = 'these';
  const { world, nodes, first } = running({ circumstances: () => circumstances });
  circumstances = 'others';
  assert.equal(await reborn(first), 'other_circumstances');
  assert.equal(await reborn(first, () => writeFileSync(first.path, 'no journal')), 'unreadable');
  assert.equal(await count(first.metrics.torn_bytes), 'no journal'.length);
  assert.equal(await reborn(first, () => writeFileSync(first.path, new Uint8Array((1 << 20) + 1))), 'too_large');
  reach(world, nodes, 2);
});

test('a journal of a height that is over is no use, and costs nothing', async () => {
  const { world, nodes, first } = running();
  const old = readFileSync(first.path);
  reach(world, nodes, 1);
  world.run(300);
  assert.equal(await reborn(first, () => writeFileSync(first.path, old)), 'other_tip');
  reach(world, nodes, 1);
});

test('what it needs more room for than it may take is not kept, and consensus goes on', async () => {
  const { world, nodes, first } = running({ maxBytes: 2_000 });
  assert.ok((await count(first.metrics.discarded, 'too_large')) >= 1);
  assert.equal(readFileSync(first.path).length, 0);
  assert.equal(await count(first.metrics.active), 0);
  reach(world, nodes, 2);
});

test('a height that lasts does not make the journal grow beyond its limit, and it can be gone on with', async () => {
  const maxBytes = 40_000;
  const { world, nodes, first } = running({ maxBytes });
  world.isolate(first.node, nodes[1]!.node);
  for (let second = 0; second < 300; second++) {
    world.run(1_000);
    assert.ok(readFileSync(first.path).length <= maxBytes);
  }
  assert.ok((await count(first.metrics.records)) > 1_000);
  const { round } = first.node.state!.view;
  assert.equal(await reborn(first), null);
  assert.equal(first.node.state!.view.round, round);
  world.network.heal();
  reach(world, nodes, 2);
});

const FULL_DISK = '/dev/full';
const skip = !existsSync(FULL_DISK) && `this system has no ${FULL_DISK}`;

test('on a full disk a validator goes on without a journal, and has one again when there is room', {
  skip,
}, async () => {
  const { world, nodes, first } = running();
  const full = () => {
    rmSync(first.path);
    symlinkSync(FULL_DISK, first.path);
  };
  first.node.crash();
  full();
  first.node.start();
  reach(world, nodes, 3);
  assert.ok((await count(first.metrics.failures)) >= 3, 'it is tried at each height');
  assert.equal(await count(first.metrics.active), 0);
  first.node.crash();
  rmSync(first.path);
  first.node.start();
  reach(world, nodes, 1);
  assert.equal(await count(first.metrics.active), 1);
  world.run(300);
  assert.equal(await reborn(first), null);
});

test('a journal that fails in the middle of a height is kept again at the next one, by the same life', async () => {
  const { world, nodes, first } = running({ maxBytes: 40_000 });
  // What cannot be made is the file that takes the place of one that has grown too large.
  mkdirSync(`${first.path}.new`);
  world.isolate(first.node, nodes[1]!.node);
  assert.ok(world.run(300_000, () => readFileSync(first.path).length > 20_000));
  world.run(5_000);
  assert.equal(await count(first.metrics.active), 0);
  assert.equal(await count(first.metrics.failures), 1, 'it is not tried with every input');
  world.network.heal();
  reach(world, nodes, 1);
  assert.equal(await count(first.metrics.active), 1);
  world.run(300);
  assert.equal(await reborn(first), null);
});

test('a node that fetches blocks keeps nothing, and begins again when it has caught up', async () => {
  const { world, nodes, first } = running();
  first.node.crash();
  const others = nodes.slice(1);
  reach(world, others, 40);
  first.node.start();
  assert.ok(world.run(10_000, () => first.node.state!.catchup !== null));
  world.run(1);
  assert.equal(readFileSync(first.path).length, 0);
  assert.ok(world.run(30_000, () => first.node.state!.catchup === null));
  reach(world, nodes, 1);
  assert.equal(await count(first.metrics.active), 1);
});
