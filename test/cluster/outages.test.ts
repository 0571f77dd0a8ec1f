import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadDriver } from '../../cli/load/driver.ts';
import { giveOrder, type NodeOrder } from '../../cli/localnet/control.ts';
import { localnetLayout } from '../../cli/localnet/files.ts';
import { sumOf } from '../../cli/localnet/observe.ts';
import { NodeClient } from '../../cli/node-client.ts';
import { assertNothingLost, loadOn } from '../support/load.ts';
import { LocalNetwork } from '../support/local-network.ts';

/**
 * Nodes that are away, databases that die or hang, processes that stand still, a home that was lost: one network of four
 * real nodes goes through all of it under load. It goes on by itself, replaces no actor for it, and loses nothing.
 */

const LOAD_TPS = 30;
const LIMIT_ms = 600_000;
/** A block that was decided before a node went may still be written after. */
const SETTLE_ms = 2_000;
/** Several timeouts of a view. */
const WATCH_ms = 6_000;
/** Longer than the log needs to notice, shorter than asks wait. */
const HANG_ms = 8_000;
const SUSPENSION_ms = 5_000;
/** What stays of a home that begins from scratch: who it is, and what it signed. */
const KEPT = new Set(['config.json', 'genesis.json', 'keys', 'signer']);

let network: LocalNetwork;
let driver: LoadDriver;
const clients: NodeClient[] = [];

before(async () => {
  network = new LocalNetwork(mkdtempSync(join(tmpdir(), 'potoroo-outages-')));
  await network.allRunning();
  clients.push(...network.nodes.map(({ rpc_url }) => new NodeClient(rpc_url)));
  // Not node 4: what only the journal of a deleted database holds is lost with it.
  const urls = network.nodes.slice(0, 3).map(({ rpc_url }) => rpc_url);
  driver = loadOn(localnetLayout(network.directory), urls, LOAD_TPS);
  await driver.start();
  await network.reaches(3);
});

after(async () => {
  driver?.close();
  for (const client of clients) client.close();
  await network?.end();
  rmSync(network.directory, { recursive: true, force: true });
});

function order(action: NodeOrder['action'], node: number): Promise<void> {
  return giveOrder(localnetLayout(network.directory), { action, node });
}

async function metric(number: number, name: string): Promise<number> {
  return sumOf(await (await fetch(`${network.node(number).metrics_url}/metrics`)).text(), name);
}

interface Health {
  ready: boolean;
  reasons: string[];
}

async function health(number: number): Promise<Health> {
  return (await (await fetch(`${network.node(number).rpc_url}/v1/health/ready`)).json()) as Health;
}

/** Process ids of the database server of a node: the server first, then its backends. */
function serverOf(number: number): number[] {
  const record = join(network.node(number).home, 'database', 'place.json');
  const { data } = JSON.parse(readFileSync(record, 'utf8')) as { data: string };
  const server = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const backends = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && workingDirectory(pid) === data);
  return [server, ...backends.map(Number).filter((pid) => pid !== server)];
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, name);
}

/** Reads what a node writes to its log from now on. */
function logFrom(number: number): () => string {
  const { log } = network.node(number);
  const begin = readFileSync(log).length;
  return () => readFileSync(log).subarray(begin).toString('utf8');
}

/** Every node is well, commits, and has all the actors that it began with. */
async function recovers(): Promise<void> {
  const numbers = network.nodes.map(({ number }) => number);
  await network.until('all nodes are ready', async () =>
    (await Promise.all(numbers.map(health))).every(({ ready }) => ready) ? true : undefined,
  );
  const top = Math.max(...(await Promise.all(numbers.map((number) => network.height(number)))));
  await network.reaches(top + 3);
  const restarts = await Promise.all(numbers.map((number) => metric(number, 'potoroo_actor_restarts_total')));
  assert.deepEqual(restarts, [0, 0, 0, 0]);
}

describe('outages', { timeout: LIMIT_ms }, () => {
  it('the network goes on without one node, commits nothing without two, and goes on with them', async () => {
    await order('stop', 4);
    await network.reaches((await network.height(1)) + 3, [1, 2, 3]);
    await order('kill', 3);
    await sleep(SETTLE_ms);
    const living = [1, 2];
    const heights = (): Promise<number[]> => Promise.all(living.map((number) => network.height(number)));
    const said = (): Promise<number[]> =>
      Promise.all(living.map((number) => metric(number, 'potoroo_consensus_messages_sent_total')));
    const [stand, before] = [await heights(), await said()];
    await sleep(WATCH_ms);
    assert.deepEqual(await heights(), stand);
    (await said()).forEach((count, index) => {
      assert.ok(count > before[index]!, 'who is left goes on speaking');
    });
    assert.deepEqual((await health(1)).reasons, ['validators: NO_QUORUM']);
    await Promise.all([order('start', 3), order('start', 4)]);
    await recovers();
  });

  it('a database that is killed is started again, and its node goes on', async () => {
    const log = logFrom(1);
    signal(serverOf(1).slice(0, 1), 'SIGKILL');
    await network.until('a new server', () => (/PostgreSQL is up again/.test(log()) ? true : undefined));
    assert.match(log(), /"level":"warn".*PostgreSQL died: starting it again/);
    await recovers();
  });

  it('a database that hangs is waited for, and the log and /v1/health say so', async () => {
    const log = logFrom(2);
    const before = await network.height(1);
    const server = serverOf(2);
    signal(server, 'SIGSTOP');
    try {
      const began = performance.now();
      // An answer of just before may be served once more.
      const reasons = await network.until('the node says so', async () => {
        const { ready, reasons } = await health(2);
        return ready ? undefined : reasons;
      });
      assert.ok(reasons.includes('database: DATABASE_UNAVAILABLE'), reasons.join());
      await network.reaches(before + 3, [1, 3, 4]);
      await sleep(HANG_ms - (performance.now() - began));
    } finally {
      signal(server, 'SIGCONT');
    }
    await recovers();
    assert.match(log(), /"level":"warn".*the database does not answer: waiting for it/);
    assert.match(log(), /the database answers again/);
  });

  it('all databases at once may be killed', async () => {
    const servers = network.nodes.map(({ number }) => serverOf(number)[0]!);
    signal(servers, 'SIGKILL');
    await recovers();
  });

  it('a process that stood still goes on, with the same actors', async () => {
    const before = await network.height(1);
    const pids = [network.node(3).pid!];
    signal(pids, 'SIGSTOP');
    try {
      await sleep(SUSPENSION_ms);
    } finally {
      signal(pids, 'SIGCONT');
    }
    assert.ok((await network.height(1)) > before, 'the others went on');
    await recovers();
    assert.equal(network.node(3).pid, pids[0]);
  });

  it('a node of whose home only keys and safety record are left catches up from its peers', async () => {
    await order('stop', 4);
    const { home } = network.node(4);
    for (const name of readdirSync(home)) {
      if (!KEPT.has(name)) rmSync(join(home, name), { recursive: true });
    }
    await order('start', 4);
    assert.match(readFileSync(network.node(4).log, 'utf8'), /writing the genesis state/);
    await recovers();
  });

  it('nothing that was accepted is lost, and all hashes agree', () => assertNothingLost(driver, clients));
});
