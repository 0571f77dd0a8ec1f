import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import { type Context, defineActor, type Peer } from './actor.ts';
import { systemClock } from './clock.ts';
import type { LogOptions } from './logging.ts';
import { defineProtocol, type Protocol } from './protocol.ts';
import { systemRandom } from './random.ts';
import { type ChildSpec, Supervisor } from './supervisor.ts';
import { callerProtocol } from './test-actors/protocols.ts';

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

function child(name: string, options: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name,
    module: new URL(`./test-actors/${name}${EXTENSION}`, import.meta.url).href,
    config: {},
    dependents: [],
    start_timeout_ms: 10_000,
    shutdown_ms: 1_000,
    maxHeap_mb: 64,
    ...options,
  };
}

let running: Supervisor | undefined;
afterEach(() => running?.stop());

interface Started {
  supervisor: Supervisor;
  caller: Peer<typeof callerProtocol>;
  context: Context<Protocol, unknown>;
}

/** Starts `echo` and `caller` on threads, with the test itself as the main thread's actor. */
async function start(
  children: ChildSpec[] = [child('echo'), child('caller')],
  logOptions: LogOptions = { level: 'silent' },
): Promise<Started> {
  let context: Context<Protocol, unknown> | undefined;
  const main = defineActor<Protocol, unknown>({
    protocol: defineProtocol('main', {}),
    uses: [callerProtocol],
    listens: [],
    observes: true,
    start(given) {
      context = given;
      return { tell: {}, ask: {}, stop: () => undefined };
    },
  });
  const supervisor = new Supervisor({
    children,
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    logOptions,
    intensity: { restarts: 3, period_ms: 10_000 },
    main,
  });
  running = supervisor;
  await supervisor.start();
  return { supervisor, caller: context!.peer(callerProtocol), context: context! };
}

/** Asks until the answer is as wanted; a restart takes a moment. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
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
  await new Promise((resolve) => setTimeout(resolve, 50));
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
    await caller.ask('provoke', { how: 'die' });
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
  assert.deepEqual(restarts(supervisor), [1, 2]);
});

test('an actor that dies while the others started with it get ready is replaced', async () => {
  const { caller, supervisor } = await start([
    child('echo', { dependents: ['caller'] }),
    child('caller', { config: { assassinIn: 2 } }),
  ]);
  await supervisor.kill('echo');
  assert.equal((await until(say(caller), ({ code }) => code === '')).incarnation, 3);
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
  await pause(50);
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
  await pause(50);
  await supervisor.kill('echo');
  assert.equal((await supervisor.failed).code, 'THREAD_STUCK');
  assert.deepEqual(restarts(supervisor), [0, 0]);
});

test('the last words of a dead thread are in the log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'potoroo-words-'));
  const file = join(directory, 'node.log');
  try {
    const { caller } = await start(undefined, { level: 'info', file });
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
