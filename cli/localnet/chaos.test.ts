import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hasCode } from '../../runtime/errors.ts';
import { Chaos, type ChaosOptions } from './chaos.ts';
import { ChaosBooks } from './chaos-books.ts';
import { type ChaosMode, chaosPlan } from './chaos-plan.ts';
import { localnetLayout } from './files.ts';
import { Localnet } from './localnet.ts';
import { prepareNetwork } from './network.ts';

/** Chaos on stand-in nodes: real processes and sockets. On real nodes it is in test/cluster. */

const SCRIPT = fileURLToPath(new URL('../../test/support/stand-in-node.js', import.meta.url));
/** A loaded machine of two cores needs tens of seconds for what takes one. */
const LIMIT_ms = 60_000;

let directory: string;
const networks: Localnet[] = [];
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-chaos-'));
});
after(async () => {
  await Promise.all(networks.map((network) => network.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function started(name: string): Promise<{ network: Localnet; home: (number: number) => string }> {
  const layout = localnetLayout(join(directory, name));
  const status = await prepareNetwork(layout, { validators: 2, databaseUrl: undefined });
  const network = new Localnet(layout, status, { script: SCRIPT, note: () => undefined });
  networks.push(network);
  await network.start();
  return { network, home: (number) => layout.home(number) };
}

function wreak(network: Localnet, mode: ChaosMode, options: Partial<ChaosOptions> = {}) {
  const lines: string[] = [];
  const print = (text: string): void => void lines.push(text);
  const chaos = new Chaos(network, { mode, seed: 7, print, pause_ms: 1, limit_ms: LIMIT_ms, ...options });
  return { chaos, lines };
}

async function until(look: () => boolean): Promise<void> {
  for (const end = performance.now() + LIMIT_ms; !look(); await sleep(20)) {
    if (performance.now() > end) throw new Error(`not within ${LIMIT_ms} ms: ${look}`);
  }
}

/** The state of a process as the system tells it, `T` for a suspended one; empty when it is gone. */
function stateOf(pid: number): string {
  return spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}

describe('chaos', () => {
  it('kills every kind of actor, and counts what was restarted', async () => {
    const { network } = await started('actors');
    const { chaos, lines } = wreak(network, 'actors');
    await until(() => chaos.covered);
    await chaos.finish();
    const { seed, actor_kills, node_kills, by, recovery_ms } = chaos.figures;
    assert.equal(seed, 7);
    assert.equal(node_kills, 0);
    assert.ok(actor_kills >= 10);
    assert.equal(lines.length, actor_kills);
    assert.match(lines[0]!, /^chaos 1: node [12] \w+ by \w+, serving again after \d+ ms, 20 ms after its death$/);
    assert.equal(
      Object.values(by).reduce((sum, times) => sum + times),
      actor_kills,
    );
    assert.deepEqual(recovery_ms.p2p, { p50: 20, p99: 20, max: 20 });
    assert.equal(Object.keys(recovery_ms).length, 7);
    await network.countRestarts();
    assert.equal(network.actorRestarts, actor_kills);
    assert.equal(network.nodeRestarts, 0);
  });

  it('kills and suspends nodes, and keeps the count of those that are gone', async () => {
    const { network } = await started('nodes');
    await Promise.all([1, 2].map((number) => network.member(number).observer.admin.kill('p2p', 'throw')));
    const { chaos, lines } = wreak(network, 'nodes');
    await until(() => chaos.covered);
    await chaos.finish();
    const { node_kills, by } = chaos.figures;
    assert.ok((by.SIGSTOP ?? 0) >= 1);
    assert.equal(node_kills, (by.SIGKILL ?? 0) + (by.SIGTERM ?? 0));
    assert.equal(network.nodeRestarts, node_kills);
    assert.match(lines.join('\n'), /^chaos \d: node \d by SIGSTOP for [3-6]\.\d s, following again after [\d.]+ m?s$/m);
    // Of the four counters two or more are of processes that ended.
    await network.countRestarts();
    assert.equal(network.actorRestarts, 2);
  });

  it('fails with what was seen when something does not come back', async () => {
    const { network, home } = await started('stubborn');
    for (const number of [1, 2]) writeFileSync(join(home(number), 'stubborn'), '');
    const { chaos } = wreak(network, 'actors', { limit_ms: 1_000 });
    const error = await chaos.failed;
    assert.equal(error.code, 'CHAOS_NOT_RECOVERED');
    assert.match(error.message, /^chaos 1: node \d (\w+) by \w+: .* 1 s, last seen: \1 is waiting; seed 7/);
    await assert.rejects(chaos.finish(), (thrown) => hasCode(thrown, 'CHAOS_NOT_RECOVERED'));
  });

  it('leaves no node suspended, whichever way it ends', async () => {
    const { network } = await started('suspended');
    const pids = network.status.nodes.map(({ pid }) => pid!);
    const isSuspended = (): boolean => pids.some((pid) => stateOf(pid).startsWith('T'));
    const seed = seedOfSuspension();
    const first = wreak(network, 'nodes', { seed });
    await until(isSuspended);
    first.chaos.abort();
    await until(() => !isSuspended());
    const second = wreak(network, 'nodes', { seed });
    await until(isSuspended);
    await network.stop();
    assert.deepEqual(pids.map(stateOf), ['', '']);
    second.chaos.abort();
  });
});

/** A seed whose plan begins with a suspension. */
function seedOfSuspension(): number {
  for (let seed = 0; ; seed++) if (chaosPlan('nodes', 2, seed).acts.next().value.by === 'SIGSTOP') return seed;
}

describe('the books of chaos', () => {
  it('count by fault, and measure by actor', () => {
    const books = new ChaosBooks(9);
    for (const ms of [10, 30, 20.4]) books.actorHit('rpc', 'loop', ms);
    books.actorHit('signer', 'exit', 5);
    books.nodeHit('SIGSTOP', 100);
    books.nodeHit('SIGKILL', 900);
    assert.equal(
      JSON.stringify(books.figures()),
      '{"seed":9,"actor_kills":4,"node_kills":1,"by":{"loop":3,"exit":1,"SIGSTOP":1,"SIGKILL":1},"recovery_ms":' +
        '{"signer":{"p50":5,"p99":5,"max":5},"rpc":{"p50":20,"p99":30,"max":30},"node":{"p50":100,"p99":900,"max":900}}}',
    );
  });
});
