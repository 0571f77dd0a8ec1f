import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor, type Peer } from './actor.ts';
import { defineProtocol } from './protocol.ts';
import { type HostedActor, SingleThreadHost } from './single-thread.ts';
import caller from './test-actors/caller.ts';
import echo from './test-actors/echo.ts';
import { callerProtocol } from './test-actors/protocols.ts';

/** The test as an actor of the host. */
async function hosted(seed = 1n): Promise<{ host: SingleThreadHost; peer: Peer<typeof callerProtocol> }> {
  let peer: Peer<typeof callerProtocol> | undefined;
  const probe = defineActor({
    protocol: defineProtocol('probe', {}),
    uses: [callerProtocol],
    listens: [],
    start(context) {
      peer = context.peer(callerProtocol);
      return { tell: {}, ask: {}, stop: () => undefined };
    },
  });
  const actors = [echo, caller, probe].map((definition) => ({ definition, config: {} }) as unknown as HostedActor);
  const host = new SingleThreadHost(actors, { seed, start_ms: 1_000_000 });
  await host.start();
  return { host, peer: peer! };
}

test('the same actors run in one thread and in virtual time', async () => {
  const { host, peer } = await hosted();
  const call = peer.ask('call', { text: 'hi', amount: 7n });
  await host.advance(0);
  assert.deepEqual(await call, { text: 'hi', amount: 7n, incarnation: 1, code: '' });
  assert.equal(host.clock.now(), 1_000_000);

  const began = performance.now();
  const slept = peer.ask('provoke', { how: 'sleep' });
  await host.advance(60_000);
  assert.deepEqual(await slept, { code: '' });
  assert.equal(host.clock.now(), 1_060_000);
  assert.ok(performance.now() - began < 10_000, 'a virtual minute takes no minute');
  await host.stop();
});

test('deadlines are virtual too', async () => {
  const { host, peer } = await hosted();
  const silent = peer.ask('provoke', { how: 'silent' });
  await host.advance(2_000);
  assert.deepEqual(await silent, { code: 'DEADLINE_EXCEEDED' });
  await host.stop();
});

test('a killed actor fails its askers and comes back in its next life', async () => {
  const { host, peer } = await hosted();
  const pending = peer.ask('provoke', { how: 'sleep' });
  await host.advance(10);
  await host.kill('echo');
  assert.deepEqual(await pending, { code: 'ACTOR_RESTARTED' });
  await host.restart('echo');
  const call = peer.ask('call', { text: 'hi', amount: 7n });
  await host.advance(1);
  assert.equal((await call).incarnation, 2);
  await host.stop();
});

test('what an actor fails with reaches the test', async () => {
  const { host, peer } = await hosted();
  peer.ask('provoke', { how: 'die' }).catch(() => undefined);
  await assert.rejects(host.advance(10), { code: 'ECHO_DIED' });
  await host.stop();
});
