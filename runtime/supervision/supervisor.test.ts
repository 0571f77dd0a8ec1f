import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { unpack } from 'msgpackr';
import { pino } from 'pino';
import type { Context, Peer } from '../actor.ts';
import { type ChildSpec, FAULTS } from '../child-spec.ts';
import { systemClock } from '../clock.ts';
import type { PortBinding } from '../control.ts';
import type { CrashReport } from '../crash-report.ts';
import type { MainProtocol } from '../main-protocol.ts';
import { systemRandom } from '../random.ts';
import { callerProtocol } from '../test-actors/protocols.ts';
import type { DeadLetter } from './dead-letters.ts';
import { Supervisor, type SupervisorOptions } from './supervisor.ts';
import { type ThreadFactory, WorkerThread } from './thread.ts';
import { WATCH_ms } from './watchdog.ts';

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

function child(name: string, options: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name,
    module: new URL(`../test-actors/${name}${EXTENSION}`, import.meta.url).href,
    config: {},
    restart: 'permanent',
    dependents: [],
    start_timeout_ms: 10_000,
    shutdown_ms: 1_000,
    limits: { maxHeap_mb: 64, maxExternal_mb: 256, stall_ms: 60_000 },
    ...options,
  };
}

let running: Supervisor | undefined;
afterEach(() => running?.stop());

interface Started {
  supervisor: Supervisor;
  caller: Peer<typeof callerProtocol>;
  context: Context<MainProtocol, unknown>;
}

/** Starts `echo` and `caller` on threads, with the test itself as the main thread's actor. */
async function start(
  children: ChildSpec[] = [child('echo'), child('caller')],
  options: Partial<SupervisorOptions> = {},
): Promise<Started> {
  let context: Context<MainProtocol, unknown> | undefined;
  const supervisor = new Supervisor({
    groups: [
      { name: 'all', children, intensity: { restarts: 3, period_ms: 10_000 }, exceeded: { action: 'escalate' } },
    ],
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    logOptions: { level: 'silent' },
    software: 'test',
    crashes: null,
    deadLetters: null,
    main: {
      uses: [callerProtocol],
      observes: true,
      started(given) {
        context = given;
      },
    },
    ...options,
  });
  running = supervisor;
  await supervisor.start();
  return { supervisor, caller: context!.peer(callerProtocol), context: context! };
}

/** Asks until the answer is as wanted; a restart takes a moment. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    try {
      const answer = await ask();
      if (wanted(answer)) return answer;
    } catch {
      // the actor is being replaced
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the wanted answer did not come');
}

/** A thread that is told to hang, or to wait for the system, has begun with it once it does not beat. */
async function blocked(supervisor: Supervisor, beats = 3): Promise<void> {
  await until(
    async () => supervisor.status()[0]!.silent_ms ?? 0,
    (silent_ms) => silent_ms > beats * WATCH_ms,
  );
}

const say = (caller: Peer<typeof callerProtocol>) => () => caller.ask('call', { text: 'hi', amount: 2n ** 100n });

test('asks cross two threads and come back with their types', async () => {
  const { caller } = await start();
  const reply = await say(caller)();
  assert.deepEqual(reply, { text: 'hi', amount: 2n ** 100n, incarnation: 1, code: '' });
});

test('a coded error of a handler survives two hops and ends nobody', async () => {
  const { caller, supervisor } = await start();
  assert.deepEqual(await caller.ask('provoke', { how: 'throw' }), { code: 'ECHO_REFUSED' });
  assert.deepEqual(
    supervisor.status().map(({ restarts }) => restarts),
    [0, 0],
  );
});

test('an ask without an answer ends at its deadline', async () => {
  const { caller } = await start();
  assert.deepEqual(await caller.ask('provoke', { how: 'silent' }), { code: 'DEADLINE_EXCEEDED' });
});

for (const how of ['die', 'exit']) {
  test(`an actor that ends itself (${how}) is replaced, its asker told, its peer bound anew`, async () => {
    const { caller, supervisor } = await start();
    assert.deepEqual(await caller.ask('provoke', { how }), { code: 'ACTOR_RESTARTED' });
    const reply = await until(say(caller), ({ code }) => code === '');
    assert.equal(reply.incarnation, 2);
    const state = await caller.ask('state', {});
    assert.deepEqual(state.rebound, ['echo']);
    assert.equal(state.incarnation, 1, 'the caller lives on');
    assert.equal(supervisor.status()[0]?.restarts, 1);
  });
}

test('declared dependents are replaced with the one that died', async () => {
  const { caller, supervisor } = await start([child('echo', { dependents: ['caller'] }), child('caller')]);
  await supervisor.kill('echo');
  const state = await until(
    () => caller.ask('state', {}),
    ({ incarnation }) => incarnation === 2,
  );
  assert.deepEqual(state.rebound, []);
  assert.equal((await say(caller)()).incarnation, 2);
});

test('a blocked thread can be killed and is replaced', async () => {
  const { caller, supervisor } = await start();
  const provoked = caller.ask('provoke', { how: 'hang' });
  // Before its asker gives up.
  await blocked(supervisor, 1.5);
  await supervisor.kill('echo');
  assert.deepEqual(await provoked, { code: 'ACTOR_RESTARTED' });
  assert.equal((await until(say(caller), ({ code }) => code === '')).incarnation, 2);
});

test('a flood is held by the window and the waiting room; the rest is refused and counted', async () => {
  const { caller, context } = await start();
  const { sent } = await caller.ask('flood', { messages: 5_000, bytes: 1_000 }, { timeout_ms: 20_000 });
  assert.ok(sent >= 1_280 && sent < 5_000, `${sent} accepted of 5000`);
  const { heard } = await until(
    () => caller.ask('state', {}),
    (state) => state.heard.length === sent,
  );
  assert.deepEqual(heard.slice(0, 3), ['n0', 'n1', 'n2'], 'in order');
  const observed = await context.observe();
  const dropped = observed
    .find(({ actor }) => actor === 'caller')
    ?.metrics.find(({ name }) => name === 'potoroo_actor_messages_dropped_total');
  assert.equal(dropped?.values[0]?.value, 5_000 - sent);
});

test('messages larger than a window go through one by one', async () => {
  const { caller } = await start();
  await caller.ask('flood', { messages: 3, bytes: 17 << 20 }, { timeout_ms: 20_000 });
  const { heard } = await until(
    () => caller.ask('state', {}),
    (state) => state.heard.length === 3,
  );
  assert.equal(heard.length, 3);
});

test('too many deaths in the period: the supervisor gives up and says of whom', async () => {
  const { caller, supervisor } = await start();
  for (let death = 1; death <= 4; death++) {
    await until(say(caller), ({ code }) => code === '');
    await caller.ask('provoke', { how: `die ${death}` });
  }
  const failure = await supervisor.failed;
  assert.equal(failure.code, 'INTENSITY_EXCEEDED');
  assert.equal(failure.data.actor, 'echo');
});

test('twenty ordered kills do not count as crashes', async () => {
  const { caller, supervisor } = await start();
  for (let kill = 1; kill <= 20; kill++) {
    await supervisor.kill('echo');
    await until(say(caller), ({ code, incarnation }) => code === '' && incarnation === kill + 1);
  }
  assert.equal(supervisor.status()[0]?.restarts, 20);
});

test('an actor whose module is missing fails the start and leaves no thread behind', async () => {
  await assert.rejects(start([child('echo'), child('caller', { module: 'file:///nowhere.js' })]), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
});

const restarts = (supervisor: Supervisor) => supervisor.status().map((status) => status.restarts);
const pause = (delay_ms: number) => new Promise((resolve) => setTimeout(resolve, delay_ms));

test('an actor that waits in `ready` for a peer that dies meanwhile does not hold up its replacement', async () => {
  const { caller, supervisor } = await start([
    child('echo'),
    child('caller', { config: { assassinIn: 2, patient: true } }),
  ]);
  await supervisor.kill('caller');
  assert.equal((await until(say(caller), ({ code }) => code === '')).incarnation, 2);
  assert.deepEqual(restarts(supervisor), [1, 1]);
  assert.deepEqual((await caller.ask('state', {})).rebound, ['echo'], 'it hears of it once it is ready');
});

test('an actor that dies while the others started with it get ready is replaced', async () => {
  const { caller, supervisor } = await start([
    child('echo', { dependents: ['caller'] }),
    child('caller', { config: { assassinIn: 2 } }),
  ]);
  await supervisor.kill('echo');
  assert.equal((await until(say(caller), ({ code, incarnation }) => code === '' && incarnation > 2)).incarnation, 3);
});

test('an actor replaced with another one while its back-off is pending is not replaced again', async () => {
  const { caller, supervisor } = await start([child('echo'), child('caller', { dependents: ['echo'] })]);
  for (const _ of [1, 2]) {
    await until(say(caller), ({ code }) => code === '');
    await caller.ask('provoke', { how: 'die' });
  }
  await until(
    async () => supervisor.status()[0]?.up,
    (up) => up === false,
  );
  await supervisor.kill('caller');
  await until(say(caller), ({ code }) => code === '');
  const before = restarts(supervisor);
  await pause(400);
  assert.deepEqual(restarts(supervisor), before);
});

test('a peer that does not answer a new connection is replaced, not the one that waits for it', async () => {
  const { caller, supervisor } = await start();
  caller.ask('provoke', { how: 'hang' }).catch(() => undefined);
  await blocked(supervisor);
  await supervisor.kill('caller');
  await pause(5_000);
  await until(say(caller), ({ code, incarnation }) => code === '' && incarnation === 2);
});

test('a stop does not wait for a start that goes nowhere', async () => {
  const starting = start([child('echo'), child('caller', { config: { late: true } })]);
  const failed = assert.rejects(starting, { code: 'SUPERVISOR_STOPPED' });
  await pause(700);
  const since_ms = Date.now();
  await running?.stop();
  await failed;
  assert.ok(Date.now() - since_ms < 3_000);
});

test('a thread that cannot be ended is not replaced: two lives of an actor never run at once', async () => {
  const { caller, supervisor } = await start([child('echo', { shutdown_ms: 250 }), child('caller')]);
  caller.ask('provoke', { how: 'syscall' }).catch(() => undefined);
  await blocked(supervisor);
  await supervisor.kill('echo');
  assert.equal((await supervisor.failed).code, 'THREAD_STUCK');
  assert.deepEqual(restarts(supervisor), [0, 0]);
});

test('the last words of a dead thread are in the log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'potoroo-words-'));
  const file = join(directory, 'node.log');
  try {
    const { caller } = await start(undefined, { logOptions: { level: 'info', file } });
    await caller.ask('provoke', { how: 'die' });
    const words = readFileSync(file, 'utf8').trim().split('\n');
    const last = words.map((line) => JSON.parse(line)).find(({ level }) => level === 'fatal');
    assert.equal(last?.actor, 'echo');
    assert.equal(last?.err.code, 'ECHO_DIED');
    assert.match(last?.err.stack, /echo\.[jt]s/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** The counter of this node's replacements of `echo`, by reason. */
async function reasons(context: Started['context']): Promise<Record<string, number>> {
  const [main] = await context.observe();
  const values = main?.metrics.find(({ name }) => name === 'potoroo_actor_restarts_total')?.values ?? [];
  return Object.fromEntries(
    values.filter(({ labels }) => labels.actor === 'echo').map(({ labels, value }) => [labels.reason, value]),
  );
}

/** With limits that a test reaches soon. On a busy machine only a test of stalls may be impatient. */
const limited = (how: string): ChildSpec[] => [
  child('echo', {
    limits: { maxHeap_mb: 64, maxExternal_mb: 128, stall_ms: how === 'hang' || how === 'loop' ? 3_000 : 60_000 },
  }),
  child('caller'),
];

const detected: [string, string][] = [
  ['hang', 'ACTOR_STALLED'],
  ['heap', 'ERR_WORKER_OUT_OF_MEMORY'],
  ['buffers', 'ACTOR_OUT_OF_MEMORY'],
  ['trap', 'KERNEL_TRAP'],
  ['die', 'ECHO_DIED'],
  ['exit', 'ACTOR_EXITED'],
];
for (const [how, code] of detected) {
  test(`what an actor dies of is seen, counted and reported: ${how}`, async () => {
    const crashes = mkdtempSync(join(tmpdir(), 'potoroo-crashes-'));
    try {
      const { caller, context, supervisor } = await start(limited(how), { crashes });
      await caller.ask('provoke', { how });
      await until(say(caller), (answer) => answer.code === '' && answer.incarnation === 2);
      assert.deepEqual(await reasons(context), { [code]: 1 });
      const [file, ...others] = readdirSync(crashes);
      assert.deepEqual(others, []);
      const report = JSON.parse(readFileSync(join(crashes, file!), 'utf8')) as CrashReport;
      assert.equal(report.actor, 'echo');
      assert.equal(report.incarnation, 1);
      assert.equal(report.reason.code, code);
      // That of the buffers was done with its handler, and only waits.
      assert.equal(report.blamed, how === 'buffers' ? null : 'ask misbehave from caller');
      assert.equal(report.messages.at(-1)?.message, 'ask misbehave');
      assert.ok(report.memory.heap_bytes > 0);
      assert.equal(supervisor.status()[0]?.lastDeath?.report, file);
    } finally {
      rmSync(crashes, { recursive: true });
    }
  });
}

for (const fault of FAULTS.filter((one) => one !== 'terminate')) {
  test(`an operator can have an actor die by itself: ${fault}`, async () => {
    const { caller, supervisor } = await start(limited(fault));
    await supervisor.kill('echo', fault);
    assert.equal((await until(say(caller), ({ incarnation }) => incarnation === 2)).code, '');
    assert.equal(supervisor.status()[0]?.lastDeath?.selfInflicted, true);
  });
}

test('an ordered restart is done when the actor and its dependents serve, and nobody is blamed', async () => {
  const { caller, supervisor, context } = await start([child('echo', { dependents: ['caller'] }), child('caller')]);
  await supervisor.restart('echo');
  assert.equal((await say(caller)()).incarnation, 2);
  assert.equal((await caller.ask('state', {})).incarnation, 2);
  assert.deepEqual(await reasons(context), { ORDERED: 1 });
  assert.equal(supervisor.status()[0]?.lastDeath, null);
  await assert.rejects(supervisor.restart('nobody'), { code: 'ACTOR_UNKNOWN' });
});

test('a request that kills its actor twice is put aside, whole, and refused from then on', async () => {
  const deadLetters = mkdtempSync(join(tmpdir(), 'potoroo-letters-'));
  try {
    const { caller } = await start(undefined, { deadLetters });
    for (const incarnation of [1, 2]) {
      await until(say(caller), (answer) => answer.incarnation === incarnation);
      assert.equal((await caller.ask('provoke', { how: 'die of this' })).code, 'ACTOR_RESTARTED');
    }
    await until(say(caller), ({ incarnation }) => incarnation === 3);
    assert.deepEqual(await caller.ask('provoke', { how: 'die of this' }), { code: 'DEAD_LETTER' });
    assert.deepEqual(await caller.ask('provoke', { how: 'throw' }), { code: 'ECHO_REFUSED' }, 'others pass');
    const [file] = readdirSync(deadLetters);
    const letter = await until(
      async () => JSON.parse(readFileSync(join(deadLetters, file!), 'utf8')) as DeadLetter,
      ({ text }) => text !== null,
    );
    assert.deepEqual([letter.actor, letter.from, letter.message], ['echo', 'caller', 'ask misbehave']);
    assert.deepEqual(
      letter.deaths.map(({ code }) => code),
      ['ECHO_DIED', 'ECHO_DIED'],
    );
    assert.deepEqual(JSON.parse(letter.text!), { how: 'die of this' });
    assert.deepEqual(unpack(Buffer.from(letter.body!, 'base64')), { how: 'die of this' });
  } finally {
    rmSync(deadLetters, { recursive: true });
  }
});

test('a connection that breaks between two that live is made again', async () => {
  const relays: MessagePort[] = [];
  /** Puts a port of the test between the two ends. */
  class RelayedThread extends WorkerThread {
    override bind(binding: PortBinding, timeout_ms: number): Promise<void> {
      if (binding.peer === 'main') return super.bind(binding, timeout_ms);
      const { port1, port2 } = new MessageChannel();
      port1.on('message', (frame) => binding.port.postMessage(frame));
      binding.port.on('message', (frame) => port1.postMessage(frame));
      binding.port.on('close', () => port1.close());
      // An open port would keep this process alive.
      port1.on('close', () => binding.port.close());
      relays.push(port1);
      return super.bind({ ...binding, port: port2 }, timeout_ms);
    }
  }
  const threads: ThreadFactory = (given, options) => new RelayedThread(given, options);
  const { caller, supervisor } = await start(undefined, { threads });
  await say(caller)();
  for (const relay of relays.splice(0)) relay.close();
  await until(say(caller), ({ code }) => code === '');
  assert.deepEqual(restarts(supervisor), [0, 0], 'nobody had to die for it');
  assert.deepEqual((await caller.ask('state', {})).rebound, ['echo']);
});

test('the main thread keeps a note for the next life, and tells who is up', async () => {
  const { caller, supervisor } = await start();
  assert.equal(await caller.ask('remember', { note: 'blue' }).then(({ note }) => note), '');
  await supervisor.kill('caller');
  await until(say(caller), ({ code }) => code === '');
  assert.deepEqual(await caller.ask('remember', { note: 'red' }), {
    note: 'blue',
    peers: 'echo running, caller running',
  });
});
