import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { type RunningNode, startNode } from '../../actors/pocket/node.ts';
import { latestHeight } from '../../cli/block-hashes.ts';
import { LoadDriver } from '../../cli/load/driver.ts';
import { localnetLayout } from '../../cli/localnet/files.ts';
import { prepareNetwork } from '../../cli/localnet/network.ts';
import { verifyChain } from '../../cli/localnet/verify.ts';
import { NodeClient } from '../../cli/node-client.ts';
import { loadConfig } from '../../config/load.ts';
import { createLog } from '../../runtime/logging.ts';

/**
 * Four real nodes in this process, under load. On one of them, each kind of actor is killed in turn: the node
 * goes on committing, and nothing that any node accepted is lost.
 */

/** Blocks that the node must commit after each kill: it has led one of them. */
const BLOCKS_AFTER = 4;
const LOAD_TPS = 20;
/** A loaded machine of two cores needs tens of seconds for what takes five. */
const LIMIT_ms = 60_000;

let directory: string;
const nodes: RunningNode[] = [];
const clients: NodeClient[] = [];
let driver: LoadDriver;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-actors-'));
  const layout = localnetLayout(directory);
  const status = await prepareNetwork(layout, { validators: 4, databaseUrl: undefined });
  const started = status.nodes.map(async ({ home, log: file, number }) => {
    const config = { ...loadConfig(home), log: { level: 'info' as const, file } };
    nodes[number - 1] = await startNode({ config, home, version: 'test', log: createLog('main', config.log) });
  });
  await Promise.all(started);
  const genesis = parseGenesis(readFileSync(join(layout.home(1), 'genesis.json'), 'utf8'));
  const urls = status.nodes.map((node) => node.rpc_url);
  clients.push(...urls.map((url) => new NodeClient(url)));
  driver = new LoadDriver({
    urls,
    rate: LOAD_TPS,
    seed: Buffer.from(readFileSync(layout.loadSeed, 'utf8').trim(), 'hex'),
    networkId: genesis.networkId,
    txWindowBlocks: genesis.txWindowBlocks,
    remember: true,
  });
  await driver.start();
  await reaches(3);
});

after(async () => {
  driver?.close();
  for (const client of clients) client.close();
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + LIMIT_ms; performance.now() < end; await sleep(100)) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => false);
    if (found) return;
  }
  const states = await Promise.all(clients.map((client) => client.get('/v1/consensus/state').catch(String)));
  throw new Error(`not within ${LIMIT_ms} ms: ${what}\n${states.join('\n')}`);
}

/** These nodes have committed that height. */
function reaches(height: number, of: readonly NodeClient[] = clients): Promise<void> {
  return until(`height ${height}`, async () => Math.min(...(await Promise.all(of.map(latestHeight)))) >= height);
}

async function top(): Promise<number> {
  const heights = await Promise.all(clients.map((client) => latestHeight(client).catch(() => 0)));
  return Math.max(...heights);
}

const victim = (): RunningNode => nodes[0]!;
const restartsOf = (actor: string): number =>
  victim()
    .status()
    .find(({ name }) => name === actor)?.restarts ?? -1;

const together = [
  ['persistence', 'consensus'],
  ['signer', 'p2p', 'utility'],
];
const alone = ['signer', 'persistence', 'p2p', 'utility', 'consensus', 'rpc', 'telemetry'];

for (const actors of [...alone.map((actor) => [actor]), ...together]) {
  test(`the node goes on after the death of ${actors.join(' and ')}`, async () => {
    const before = actors.map(restartsOf);
    await Promise.all(actors.map((actor) => victim().kill(actor)));
    const height = await top();
    await until('the actors are back', () =>
      victim()
        .status()
        .every(({ up }) => up),
    );
    actors.forEach((actor, index) => {
      assert.ok(restartsOf(actor) > before[index]!, `${actor} was replaced`);
    });
    await reaches(height + BLOCKS_AFTER, clients.slice(0, 1));
  });
}

test('what was accepted is committed once on every node, and the chains are equal', async () => {
  driver.halt();
  await until('all is committed', () => {
    const { submitted, committed, unanswered } = driver.figures();
    return unanswered === 0 && submitted === committed;
  });
  const to = await top();
  await reaches(to);
  const accepted = driver.acceptedHashes();
  const verdict = await verifyChain(clients, { from: 1, to }, accepted);
  assert.equal(verdict.difference, '');
  assert.equal(verdict.committed, accepted.length);
  assert.equal(verdict.repeated, 0);
  assert.ok(accepted.length > LOAD_TPS, `${accepted.length} transactions`);
});
