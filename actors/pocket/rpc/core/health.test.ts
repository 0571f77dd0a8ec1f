import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActorHealth } from '../../../../runtime/main-protocol.ts';
import { type Findings, healthOf } from './health.ts';

const NAMES = ['signer', 'persistence', 'p2p', 'utility', 'consensus', 'rpc', 'telemetry'];

/** A well node, but for these actors. */
function actors(...changed: ActorHealth[]): Findings['supervisor'] {
  const well = NAMES.map((name): ActorHealth => ({ name, phase: 'running', reason: '', restarts: 0 }));
  return { answer: { actors: well.map((one) => changed.find(({ name }) => name === one.name) ?? one) } };
}

const PACEMAKER = { state: 'pacemaker' } as const;
const WELL: Findings = {
  database: { answer: 7n },
  consensus: { answer: { syncing: false, quorum: true, sync: PACEMAKER } },
  p2p: { answer: { peers: [{ connected: true }, { connected: false }] } },
  supervisor: actors(),
};

function verdict(change: Partial<Findings>) {
  const { ready, degraded, reasons } = healthOf({ ...WELL, ...change });
  return { ready, degraded, reasons };
}

test('a well node is ready and not degraded', () => {
  const health = { live: true, ready: true, degraded: false, reasons: [], height: 7n, peers: 1, syncing: false };
  assert.deepEqual(healthOf(WELL), { ...health, sync_state: 'pacemaker' });
});

test('a node that catches up is not ready, but nothing of it is broken', () => {
  const expected = { ready: false, degraded: false, reasons: ['consensus: SYNCING'] };
  assert.deepEqual(
    verdict({ consensus: { answer: { syncing: true, quorum: true, sync: { state: 'sync_mode' } } } }),
    expected,
  );
});

test('without enough validators nothing is decided, though the node serves', () => {
  assert.deepEqual(verdict({ consensus: { answer: { syncing: false, quorum: false, sync: PACEMAKER } } }), {
    ready: true,
    degraded: true,
    reasons: ['validators: NO_QUORUM'],
  });
});

test('an actor that does not run is named once, with the code of its death; only telemetry may be missing', () => {
  for (const name of NAMES.filter((one) => one !== 'rpc')) {
    const dead: ActorHealth = { name, phase: 'waiting', reason: 'ACTOR_STALLED', restarts: 2 };
    const asked = name === 'p2p' || name === 'consensus' ? { [name]: { code: 'ACTOR_RESTARTED' } } : {};
    assert.deepEqual(verdict({ ...asked, supervisor: actors(dead) }), {
      ready: name === 'telemetry',
      degraded: true,
      reasons: [`${name}: RESTARTING ACTOR_STALLED`],
    });
  }
});

test('what an actor does while it does not run', () => {
  const cause = (phase: ActorHealth['phase'], reason: string, restarts: number) =>
    verdict({ supervisor: actors({ name: 'telemetry', phase, reason, restarts }) }).reasons;
  assert.deepEqual(cause('readying', '', 0), ['telemetry: STARTING']);
  // Replaced with the actor that it depends on, it did not die itself.
  assert.deepEqual(cause('readying', '', 1), ['telemetry: RESTARTING']);
  assert.deepEqual(cause('down', 'ACTOR_EXITED', 0), ['telemetry: RESTARTING ACTOR_EXITED']);
  assert.deepEqual(cause('resting', 'ACTOR_EXITED', 9), ['telemetry: RESTING ACTOR_EXITED']);
  assert.deepEqual(cause('ended', '', 0), ['telemetry: ENDED']);
});

test('rpc answers, so it runs', () => {
  const getting: ActorHealth = { name: 'rpc', phase: 'readying', reason: 'ACTOR_EXITED', restarts: 1 };
  assert.deepEqual(verdict({ supervisor: actors(getting) }), { ready: true, degraded: false, reasons: [] });
});

test('every part that does not answer is a reason; without the supervisor the node still follows the chain', () => {
  assert.deepEqual(verdict({ supervisor: { code: 'DEADLINE_EXCEEDED' } }), {
    ready: true,
    degraded: true,
    reasons: ['supervisor: DEADLINE_EXCEEDED'],
  });
  const away = healthOf({
    database: { code: 'DATABASE_UNAVAILABLE' },
    consensus: { code: 'ACTOR_RESTARTED' },
    p2p: { code: 'MAILBOX_FULL' },
    supervisor: { code: 'ACTOR_RESTARTED' },
  });
  assert.deepEqual(away, {
    live: true,
    ready: false,
    degraded: true,
    reasons: [
      'database: DATABASE_UNAVAILABLE',
      'consensus: ACTOR_RESTARTED',
      'p2p: MAILBOX_FULL',
      'supervisor: ACTOR_RESTARTED',
    ],
    height: -1n,
    peers: -1,
    syncing: false,
    sync_state: 'unknown',
  });
});
