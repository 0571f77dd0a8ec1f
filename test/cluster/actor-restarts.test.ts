import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NodeClient } from '../../cli/node-client.ts';
import type { Fault } from '../../runtime/child-spec.ts';
import { ChainAudit } from '../support/chain-audit.ts';
import { FourNodes } from '../support/four-nodes.ts';
import { PatientClients } from '../support/patient-clients.ts';
import { SafetyWatch } from '../support/safety-watch.ts';
import { Scraper } from '../support/scraper.ts';

/**
 * Four real nodes in this process, under load. On one of them, every actor dies in every way: the node goes on
 * committing, nothing that any node accepted is lost, and what each actor's README promises of its death is kept.
 */

/** Blocks that the node must commit after deaths: it has led one of them. */
const BLOCKS_AFTER = 4;
const LOAD_TPS = 20;

interface Health {
  readonly ready: boolean;
  readonly degraded: boolean;
  readonly peers: number;
}

let network: FourNodes;
let audit: ChainAudit;
let safety: SafetyWatch;
let scraper: Scraper;

before(async () => {
  network = await FourNodes.start(LOAD_TPS, (config) => ({
    ...config,
    // Memory need not grow so far, and many deaths are no reason to give up.
    supervision: { ...config.supervision, max_external_mb: 384, max_restarts: 100 },
    telemetry: { ...config.telemetry, cache_ms: 0 },
  }));
  const [{ home, metrics_url }] = network.entries as [(typeof network.entries)[0]];
  audit = new ChainAudit(network.victim.databaseUrl);
  // A view takes some tens of ms at least, and the record shows all of it until the next one.
  safety = new SafetyWatch(join(home, 'signer', 'record'), 15);
  scraper = new Scraper(metrics_url);
  scraper.start(250);
});

after(async () => {
  safety?.stop();
  await scraper?.stop();
  await audit?.close();
  await network?.stop();
});

/** Kills one actor of the victim in these ways, one after the other; after each the node commits a block. */
async function dies(actor: string, ways: readonly Fault[]): Promise<void> {
  for (const way of ways) {
    await network.kill([actor], way);
    await network.goesOn(1);
  }
}

test('rpc: its clients get errors that may be repeated, and what they were promised is kept', async () => {
  const clients = new PatientClients(network.entries[0]!.rpc_url, network.transactions(), 2);
  await dies('rpc', ['exit', 'loop', 'terminate']);
  await clients.stop();
  assert.deepEqual(clients.unexpected, []);
  assert.ok((clients.refusals.get('NODE_UNREACHABLE') ?? 0) > 0, 'they noticed');
  const { accepted } = clients;
  await network.until('all of it is committed', async () => (await audit.committed(accepted)) === accepted.length);
});

test('p2p: the node has all its peers again, and what it gossips reaches each of them', async () => {
  await dies('p2p', ['throw', 'memory']);
  await network.until('everybody has three peers, and nothing is missing', async () => {
    const answers = (await Promise.all(network.clients.map((client) => client.getJson('/v1/health')))) as Health[];
    return answers.every(({ ready, degraded, peers }) => ready && !degraded && peers === 3);
  });
  // Who proposes what only the victim was given has it from the victim's gossip.
  const source = network.transactions();
  const missing = new Set(network.entries.slice(1).map(({ address }) => address));
  const given: string[] = [];
  await network.until('each of the others has proposed what only the victim was given', async () => {
    const { bytes, hash } = source.next(0n);
    given.push(hash);
    await network.clients[0]!.postJson('/v1/client/broadcast_tx_sync', { raw_hex_bytes: bytes });
    for (const sent of given.splice(0)) {
      const proposer = await audit.proposerOf(sent);
      if (proposer === '') given.push(sent);
      else missing.delete(proposer);
    }
    return missing.size === 0;
  });
});

test('persistence: killed again and again in the middle of a commit, it shows whole blocks only', async () => {
  let reached = 0;
  for (let time = 0; time < 8; time++) {
    await audit.commitBegins();
    const killed = network.kill(['persistence']);
    for (let look = 0; look < 3; look++) {
      const { height, faults } = await audit.faults();
      assert.deepEqual(faults, []);
      assert.ok(height >= reached, `height ${height} after ${reached}`);
      reached = height;
    }
    await killed;
  }
  await dies('persistence', ['throw']);
  await network.goesOn(BLOCKS_AFTER);
  assert.deepEqual((await audit.faults()).faults, []);
});

test('signer: however it dies, it never signs two messages in one place', async () => {
  await dies('signer', ['throw', 'terminate', 'reject', 'terminate']);
  await network.goesOn(BLOCKS_AFTER);
  assert.ok(safety.signatures > 50, `${safety.signatures} signatures seen`);
  assert.deepEqual(safety.contradictions, []);
  for (const { metrics_url } of network.entries.slice(1)) {
    const heard = await new Scraper(metrics_url).scrape();
    assert.equal(heard?.get('potoroo_consensus_equivocations_total{actor="consensus"}'), 0);
  }
});

test('consensus: it goes on at the height that it left, and never in a round that it has left', async () => {
  const client = network.clients[0]!;
  const place = async (): Promise<{ height: number; round: number }> =>
    (await client.getJson('/v1/consensus/state')) as { height: number; round: number };
  for (const way of ['loop', 'throw', 'terminate', 'exit'] as const) {
    const before = await place();
    await network.kill(['consensus'], way);
    const now = await place();
    const isBack = now.height < before.height || (now.height === before.height && now.round < before.round);
    assert.ok(!isBack, `${JSON.stringify(before)}, then ${JSON.stringify(now)}`);
  }
  await network.goesOn(BLOCKS_AFTER);
});

test('telemetry: no counter falls when it dies, or together with another actor between two scrapes', async () => {
  const handled = 'potoroo_actor_messages_total{actor="consensus",lane="consensus"}';
  const before = (await scraper.scrape())?.get(handled) ?? 0;
  assert.ok(before > 0);
  await network.kill(['telemetry'], 'throw');
  await network.kill(['telemetry', 'consensus']);
  await network.kill(['rpc', 'telemetry']);
  const now = (await scraper.scrape())?.get(handled) ?? 0;
  assert.ok(now > before, `${before}, then ${now}`);
  assert.deepEqual(scraper.falls, []);
});

for (const actors of [
  ['persistence', 'consensus'],
  ['signer', 'p2p', 'utility'],
]) {
  test(`the node goes on after the death of ${actors.join(' and ')} at once`, async () => {
    await network.kill(actors);
    await network.goesOn(BLOCKS_AFTER);
  });
}

test('what was accepted is committed once on every node, and the chains are equal', async () => {
  await network.settle();
  assert.ok(network.driver.acceptedHashes().length > LOAD_TPS);
});

test('utility: without a quorum nothing is committed, and what was accepted is there again after its death', async () => {
  await Promise.all([network.stopNode(3), network.stopNode(4)]);
  const client = new NodeClient(network.entries[0]!.rpc_url);
  const source = network.transactions();
  const sent = Array.from({ length: 30 }, () => source.next(0n));
  for (const { bytes } of sent) await client.postJson('/v1/client/broadcast_tx_sync', { raw_hex_bytes: bytes });
  const pending = async (): Promise<string[]> => {
    const answer = await client.postJson('/v1/query/unconfirmed_txs', { page: 1, per_page: 100 });
    return (answer as { transactions: { hash: string }[] }).transactions.map(({ hash }) => hash);
  };
  const hashes = sent.map(({ hash }) => hash);
  const height = await network.top();
  assert.deepEqual(await pending(), hashes);
  for (const [actors, way] of [
    [['utility'], 'throw'],
    // Utility is its dependent, and replaced with it.
    [['persistence'], 'exit'],
  ] as const) {
    await network.kill(actors, way);
    // It is taken back beside other work: a dead persistence must not hold up the start.
    await network.until('it is all there again', async () => (await pending()).length === hashes.length);
    assert.deepEqual(await pending(), hashes, `in the same order after the death of ${actors}`);
  }
  assert.equal(await network.top(), height);
  await Promise.all([network.startNode(3), network.startNode(4)]);
  await network.until('all of it is committed', async () => (await pending()).length === 0);
  client.close();
  await network.agrees(hashes);
});

test('in all of this no counter of the victim fell, and nothing was signed twice', () => {
  assert.ok(scraper.scrapes > 50, `${scraper.scrapes} scrapes`);
  assert.deepEqual(scraper.falls, []);
  assert.deepEqual(safety.contradictions, []);
});
