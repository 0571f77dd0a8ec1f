import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Whole networks of real nodes, used from outside as a person would. */

const BIN = fileURLToPath(new URL('../../../bin/potoroo', import.meta.url));
/** Rounds of killing everything: a few here, more by hand. */
const KILL_ROUNDS = Number(process.env.POTOROO_KILL_ROUNDS ?? 2);
/** A loaded machine of two cores needs tens of seconds for what takes five. */
const TIMEOUT_ms = 240_000 + 60_000 * KILL_ROUNDS;

interface NodeEntry {
  number: number;
  pid: number | null;
  state: string;
  rpc_url: string;
  psql_url: string | null;
}
interface Report {
  height: number;
  state_hashes_equal: boolean;
  txs_submitted: number;
  txs_committed: number;
  lost_txs: number;
  node_restarts: number;
}

let directory: string;
const networks: Network[] = [];
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-cluster-'));
});
after(async () => {
  for (const { child } of networks) child.kill('SIGTERM');
  await Promise.all(networks.map(({ exit }) => exit));
  rmSync(directory, { recursive: true, force: true });
});

async function potoroo(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [BIN, ...parameters]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

interface Network {
  child: ChildProcess;
  output(): string;
  stdout(): string;
  exit: Promise<number>;
}

function localnet(dir: string, ...options: string[]): Network {
  const child = spawn(process.execPath, [BIN, 'localnet', '--dir', dir, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let all = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    all += chunk;
  });
  child.stderr.on('data', (chunk) => {
    all += chunk;
  });
  const exit = once(child, 'close').then(([code]) => code as number);
  const network = { child, exit, output: () => all, stdout: () => stdout };
  networks.push(network);
  return network;
}

function nodesOf(dir: string): NodeEntry[] {
  return (JSON.parse(readFileSync(join(dir, 'localnet.json'), 'utf8')) as { nodes: NodeEntry[] }).nodes;
}

async function until<T>(what: string, look: () => T | null | Promise<T | null>, limit_ms = 90_000): Promise<T> {
  const end = performance.now() + limit_ms;
  while (performance.now() < end) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => null);
    if (found !== null) return found;
    await sleep(200);
  }
  throw new Error(`not within ${limit_ms} ms: ${what}\n${networks.at(-1)?.output()}`);
}

function allRunning(dir: string): Promise<NodeEntry[]> {
  return until('all nodes run', () => {
    const nodes = nodesOf(dir);
    return nodes.every((node) => node.state === 'running') ? nodes : null;
  });
}

async function height(node: NodeEntry): Promise<number> {
  const response = await fetch(`${node.rpc_url}/v1/query/height`);
  return ((await response.json()) as { height: number }).height;
}

async function reaches(dir: string, goal: number): Promise<void> {
  await until(`height ${goal}`, async () => {
    const heights = await Promise.all(nodesOf(dir).map(height));
    return Math.min(...heights) >= goal ? true : null;
  });
}

function isAlive(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a local network of real nodes', { timeout: TIMEOUT_ms }, () => {
  it('commits a load on all nodes and reports it', async () => {
    const network = localnet(join(directory, 'load'), '--blocks', '15', '--load', '100', '--json');
    assert.equal(await network.exit, 0, network.output());
    const report = JSON.parse(network.stdout()) as Report;
    assert.equal(report.state_hashes_equal, true);
    assert.ok(report.txs_submitted > 100, network.output());
    assert.equal(report.lost_txs, 0);
  });

  it('rises, is used from the command line, ends on Ctrl-C and goes on from where it was', async () => {
    const dir = join(directory, 'used');
    const first = localnet(dir);
    const nodes = await allRunning(dir);
    await reaches(dir, 2);
    const keys = JSON.parse((await potoroo('keys', 'list', '--dir', dir, '--json')).stdout) as { address: string }[];
    const [from, to] = [keys[0]!.address, keys[1]!.address];
    const sent = await potoroo('account', 'send', from, to, '4321', '--dir', dir, '--wait', '--json');
    assert.equal(sent.code, 0, sent.stderr);
    const { hash, height: at } = JSON.parse(sent.stdout) as { hash: string; height: number };
    await reaches(dir, at);
    for (const node of nodes) {
      const found = await potoroo('query', 'tx', hash, '--node', node.rpc_url);
      assert.match(found.stdout, new RegExp(`height +${at}`));
    }
    const balance = async (height: number): Promise<bigint> => {
      const { stdout } = await potoroo('query', 'balance', to, '--height', String(height), '--dir', dir, '--json');
      return BigInt(/\d+/.exec(stdout)![0]);
    };
    assert.equal((await balance(at)) - (await balance(at - 1)), 4_321n);
    const poor = await potoroo('account', 'send', from, to, `1${'0'.repeat(30)}`, '--dir', dir);
    assert.equal(poor.code, 1);
    assert.match(poor.stderr, /TX_REFUSED.*INSUFFICIENT_FUNDS/);

    const before = await height(nodes[0]!);
    const began = performance.now();
    first.child.kill('SIGINT');
    assert.equal(await first.exit, 0, first.output());
    assert.ok(performance.now() - began < 5_000, 'ended in under five seconds');
    assert.deepEqual(
      nodes.map(({ pid }) => isAlive(pid)),
      nodes.map(() => false),
    );

    const second = localnet(dir, '--blocks', '3', '--json');
    assert.equal(await second.exit, 0, second.output());
    assert.ok((JSON.parse(second.stdout()) as Report).height >= before + 3);
  });

  it('keeps every accepted transaction when all nodes are killed at once under load', async () => {
    const dir = join(directory, 'killed');
    const network = localnet(dir, '--blocks', String(20 + 10 * KILL_ROUNDS), '--load', '60', '--json');
    await allRunning(dir);
    await reaches(dir, 3);
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const nodes = await allRunning(dir);
      const before = await height(nodes[0]!);
      for (const { pid } of nodes) process.kill(pid!, 'SIGKILL');
      await until('new processes', () => (nodesOf(dir).every((node, i) => node.pid !== nodes[i]!.pid) ? true : null));
      await allRunning(dir);
      await reaches(dir, before + 1);
    }
    assert.equal(await network.exit, 0, network.output());
    const report = JSON.parse(network.stdout()) as Report;
    assert.equal(report.state_hashes_equal, true);
    assert.equal(report.lost_txs, 0);
    assert.ok(report.txs_submitted > 0);
    assert.ok(report.node_restarts >= 4 * KILL_ROUNDS);
  });

  it('goes on with one node down, which catches up when it is back', async () => {
    const dir = join(directory, 'one-down');
    const network = localnet(dir);
    const nodes = await allRunning(dir);
    await reaches(dir, 1);
    assert.equal((await potoroo('localnet', 'node', 'stop', '4', '--dir', dir)).code, 0);
    const before = await height(nodes[0]!);
    await until('three nodes go on', async () => ((await height(nodes[0]!)) >= before + 4 ? true : null));
    assert.equal((await potoroo('localnet', 'node', 'start', '4', '--dir', dir)).code, 0);
    await reaches(dir, before + 4);
    network.child.kill('SIGTERM');
    assert.equal(await network.exit, 0, network.output());
  });
});
