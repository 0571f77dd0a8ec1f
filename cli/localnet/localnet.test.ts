import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { loadConfig } from '../../config/load.ts';
import { hasCode } from '../../runtime/errors.ts';
import { chaosPlan } from './chaos-plan.ts';
import { giveOrder } from './control.ts';
import { type LocalnetStatus, localnetLayout, readStatus } from './files.ts';
import { prepareNetwork } from './network.ts';

const RUNNER = fileURLToPath(new URL('../../test/support/run-localnet.js', import.meta.url));

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-net-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function isAlive(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Polls for up to ten seconds. */
async function until<T>(look: () => T | false | null | undefined): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      const found = look();
      if (found) return found;
    } catch {
      // The file is not there yet.
    }
    await sleep(50);
  }
  throw new Error('did not come true');
}

/** Runs a network of stand-in nodes in a process of its own. */
async function run(dir: string, ...options: string[]) {
  const layout = localnetLayout(dir);
  // Two nodes show everything that four do.
  if (!existsSync(layout.status)) await prepareNetwork(layout, { validators: 2, databaseUrl: undefined });
  const child = spawn(process.execPath, [RUNNER, dir, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const exit = once(child, 'close').then(([code]) => code as number);
  const running = (): Promise<LocalnetStatus> =>
    until(() => {
      const status = readStatus(layout);
      return status.nodes.every((node) => node.state === 'running') ? status : null;
    });
  return { child, output, exit, layout, running };
}

describe('the directory of a local network', () => {
  it('is made on first use and kept afterwards', async () => {
    const layout = localnetLayout(join(directory, 'kept'));
    const made = await prepareNetwork(layout, { validators: 3, databaseUrl: undefined });
    assert.equal(made.nodes.length, 3);
    const genesis = parseGenesis(readFileSync(join(layout.home(1), 'genesis.json'), 'utf8'));
    assert.equal(genesis.validators.length, 3);
    assert.ok(genesis.accounts.length > 100);
    const config = loadConfig(layout.home(2));
    assert.equal(config.rpc.port, made.nodes[1]!.ports.rpc);
    assert.deepEqual(
      config.p2p.peers,
      [0, 2].map((index) => made.nodes[index]!.p2p_address),
    );
    assert.equal(statSync(layout.status).mode & 0o777, 0o600);
    const again = await prepareNetwork(layout, { validators: undefined, databaseUrl: undefined });
    assert.deepEqual(again, made);
  });

  it('takes genesis entries for a new network, and says what is wrong with them', async () => {
    const genesis = join(directory, 'entries.json');
    const make = (entries: string, name = 'refused') => {
      writeFileSync(genesis, entries);
      return prepareNetwork(localnetLayout(join(directory, name)), { validators: 1, databaseUrl: undefined, genesis });
    };
    for (const entries of ['{', '[]', '{"chain_id": "mine"}']) {
      await assert.rejects(make(entries), (error) => hasCode(error, 'LOCALNET_GENESIS'), entries);
    }
    await assert.rejects(make('{"leader_election": "dice"}'), (error) => hasCode(error, 'GENESIS_INVALID'));
    const drawn = await make('{"leader_election": "sortition", "vote_weight": "stake"}', 'drawn');
    const made = parseGenesis(readFileSync(join(drawn.nodes[0]!.home, 'genesis.json'), 'utf8'));
    assert.deepEqual([made.leaderElection, made.voteWeight], ['sortition', 'stake']);
    await assert.rejects(make('{}', 'drawn'), (error) => hasCode(error, 'LOCALNET_MISMATCH'));
  });

  it('gets another port where one became busy, in every configuration', async () => {
    const layout = localnetLayout(join(directory, 'busy'));
    const made = await prepareNetwork(layout, { validators: 2, databaseUrl: undefined });
    const taken = createServer().listen(made.nodes[0]!.ports.p2p, '127.0.0.1');
    await once(taken, 'listening');
    const again = await prepareNetwork(layout, { validators: undefined, databaseUrl: undefined });
    taken.close();
    assert.notEqual(again.nodes[0]!.ports.p2p, made.nodes[0]!.ports.p2p);
    assert.deepEqual(loadConfig(layout.home(2)).p2p.peers, [again.nodes[0]!.p2p_address]);
  });

  it('is refused with options that it was not made with', async () => {
    const layout = localnetLayout(join(directory, 'kept'));
    await assert.rejects(prepareNetwork(layout, { validators: 4, databaseUrl: undefined }), (error) =>
      hasCode(error, 'LOCALNET_MISMATCH'),
    );
    assert.throws(
      () => readStatus(localnetLayout(join(directory, 'absent'))),
      (error) => hasCode(error, 'LOCALNET_MISSING'),
    );
  });

  it('gives every node its own schema on one server', async () => {
    const layout = localnetLayout(join(directory, 'server'));
    await prepareNetwork(layout, { validators: 2, databaseUrl: 'postgresql://u:p@127.0.0.1/d' });
    const schemas = [1, 2].map((number) => loadConfig(layout.home(number)).database.schema);
    assert.equal(new Set(schemas).size, 2);
  });
});

describe('a running local network', () => {
  it('ends after the blocks, with one line of JSON', async () => {
    const { output, exit } = await run(join(directory, 'blocks'), '--blocks', '5', '--json');
    assert.equal(await exit, 0, output.stderr);
    const lines = output.stdout.trim().split('\n');
    assert.equal(lines.length, 1);
    const report = JSON.parse(lines[0]!);
    assert.equal(report.state_hashes_equal, true);
    assert.deepEqual(report.block_interval_ms, { p50: 100, p99: 100 });
    assert.equal(report.actor_restarts, 2);
    assert.equal(report.rss_mb, 50);
  });

  it('fails when the chains differ', async () => {
    const layout = localnetLayout(join(directory, 'fork'));
    await prepareNetwork(layout, { validators: 2, databaseUrl: undefined });
    writeFileSync(join(layout.home(2), 'fork'), '');
    const { output, exit } = await run(layout.directory, '--blocks', '2', '--json');
    assert.equal(await exit, 1);
    assert.equal(JSON.parse(output.stdout).state_hashes_equal, false);
    assert.match(output.stderr, /GUARANTEE_BROKEN: the chains differ: .* has another block 0/);
  });

  it('starts a node again that died, and leaves one down that the user stopped', async () => {
    const { child, output, exit, layout, running } = await run(join(directory, 'steered'));
    const first = (await running()).nodes[0]!;
    process.kill(first.pid!, 'SIGKILL');
    const second = await until(() => {
      const node = readStatus(layout).nodes[0]!;
      return node.state === 'running' && node.pid !== first.pid ? node : null;
    });
    assert.match(output.stdout, /node 1 ended \(SIGKILL\)/);
    await giveOrder(layout, { action: 'kill', node: 1 });
    assert.equal(readStatus(layout).nodes[0]!.state, 'stopped');
    assert.equal(isAlive(second.pid), false);
    await assert.rejects(giveOrder(layout, { action: 'stop', node: 7 }), (error) => hasCode(error, 'NODE_NUMBER'));
    await giveOrder(layout, { action: 'start', node: 1 });
    assert.equal(readStatus(layout).nodes[0]!.state, 'running');
    assert.equal(statSync(readStatus(layout).control!).mode & 0o777, 0o600);
    const pids = readStatus(layout).nodes.map((node) => node.pid);
    child.kill('SIGINT');
    // A second one, as npm sends it.
    child.kill('SIGINT');
    assert.equal(await exit, 0, output.stderr);
    assert.deepEqual(pids.map(isAlive), [false, false]);
    assert.equal(readStatus(layout).pid, null);
    await assert.rejects(giveOrder(layout, { action: 'stop', node: 1 }), (error) =>
      hasCode(error, 'LOCALNET_NOT_RUNNING'),
    );
  });

  it('takes its nodes with it when it is killed, and can be started again', async () => {
    const { child, exit, running, layout } = await run(join(directory, 'killed'));
    const { nodes } = await running();
    child.kill('SIGKILL');
    await exit;
    await until(() => nodes.every((node) => !isAlive(node.pid)));
    const again = await run(layout.directory, '--blocks', '1');
    assert.equal(await again.exit, 0, again.output.stderr);
  });

  it('ends what chaos has suspended, and says how to have the same chaos again', async () => {
    let seed = 0;
    while (chaosPlan('nodes', 2, seed).acts.next().value.by !== 'SIGSTOP') seed++;
    const options = ['--chaos', 'nodes', '--seed', String(seed), '--blocks', '1000'];
    const { child, output, exit, running } = await run(join(directory, 'suspended'), ...options);
    const { nodes } = await running();
    const states = (): string[] =>
      nodes.map(({ pid }) => spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
    await until(() => states().some((state) => state.startsWith('T')));
    child.kill('SIGINT');
    assert.equal(await exit, 1);
    assert.deepEqual(states(), ['', '']);
    assert.match(output.stdout, new RegExp(`the same chaos again: --chaos nodes --seed ${seed} on 2 validators`));
  });

  it('is refused a second time in one directory', async () => {
    const first = await run(join(directory, 'twice'));
    await first.running();
    const second = await run(join(directory, 'twice'));
    assert.equal(await second.exit, 1);
    assert.match(second.output.stderr, /HOME_IN_USE/);
    first.child.kill('SIGTERM');
    assert.equal(await first.exit, 0);
  });

  it('says why a node does not start, and ends', async () => {
    const layout = localnetLayout(join(directory, 'failing'));
    await prepareNetwork(layout, { validators: 2, databaseUrl: undefined });
    writeFileSync(join(layout.home(2), 'fail'), 'port 1 is in use');
    const { output, exit } = await run(layout.directory);
    assert.equal(await exit, 1);
    assert.match(output.stderr, /NODE_START_FAILED: node 2: PORT_BUSY: port 1 is in use/);
  });
});
