import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LocalnetReport } from '../../cli/localnet/report.ts';
import { potoroo } from '../support/command.ts';
import { LocalNetwork } from '../support/local-network.ts';

/** Whole networks of real nodes, used from outside as a person would. */

/** Rounds of killing everything: a few here, more by hand. */
const KILL_ROUNDS = Number(process.env.POTOROO_KILL_ROUNDS ?? 2);
/** A loaded machine of two cores needs tens of seconds for what takes five. */
const TIMEOUT_ms = 240_000 + 60_000 * KILL_ROUNDS;

let directory: string;
const networks: LocalNetwork[] = [];
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-cluster-'));
});
after(async () => {
  await Promise.all(networks.map((network) => network.end()));
  rmSync(directory, { recursive: true, force: true });
});

function localnet(name: string, ...options: string[]): LocalNetwork {
  const network = new LocalNetwork(join(directory, name), ...options);
  networks.push(network);
  return network;
}

function reportOf(network: LocalNetwork): LocalnetReport {
  return JSON.parse(network.stdout) as LocalnetReport;
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
    const network = localnet('load', '--blocks', '15', '--load', '100', '--json');
    assert.equal(await network.exit, 0, network.output);
    const report = reportOf(network);
    assert.equal(report.state_hashes_equal, true);
    assert.ok(report.txs_submitted > 100, network.output);
    assert.equal(report.lost_txs, 0);
  });

  it('rises, is used from the command line, ends on Ctrl-C and goes on from where it was', async () => {
    const first = localnet('used');
    const dir = first.directory;
    const nodes = await first.allRunning();
    await first.reaches(2);
    const keys = JSON.parse((await potoroo('keys', 'list', '--dir', dir, '--json')).stdout) as { address: string }[];
    const [from, to] = [keys[0]!.address, keys[1]!.address];
    const sent = await potoroo('account', 'send', from, to, '4321', '--dir', dir, '--wait', '--json');
    assert.equal(sent.code, 0, sent.stderr);
    const { hash, height: at } = JSON.parse(sent.stdout) as { hash: string; height: number };
    await first.reaches(at);
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

    const before = await first.height(1);
    const began = performance.now();
    assert.equal(await first.end('SIGINT'), 0, first.output);
    assert.ok(performance.now() - began < 5_000, 'ended in under five seconds');
    assert.deepEqual(
      nodes.map(({ pid }) => isAlive(pid)),
      nodes.map(() => false),
    );

    const second = localnet('used', '--blocks', '3', '--json');
    assert.equal(await second.exit, 0, second.output);
    assert.ok(reportOf(second).height >= before + 3);
  });

  it('keeps every accepted transaction when all nodes are killed at once under load', async () => {
    const network = localnet('killed', '--blocks', String(20 + 10 * KILL_ROUNDS), '--load', '60', '--json');
    await network.allRunning();
    await network.reaches(3);
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const nodes = await network.allRunning();
      const before = await network.height(1);
      for (const { pid } of nodes) process.kill(pid!, 'SIGKILL');
      await network.until('new processes', () =>
        network.nodes.every((node, i) => node.pid !== nodes[i]!.pid) ? true : undefined,
      );
      await network.allRunning();
      await network.reaches(before + 1);
    }
    assert.equal(await network.exit, 0, network.output);
    const report = reportOf(network);
    assert.equal(report.state_hashes_equal, true);
    assert.equal(report.lost_txs, 0);
    assert.ok(report.txs_submitted > 0);
    assert.ok(report.node_restarts >= 4 * KILL_ROUNDS);
  });
});
