import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { fromHex } from '../../actors/pocket/chain/hex.ts';
import { sumOf } from '../../cli/localnet/observe.ts';
import { homeLayout } from '../../config/home.ts';
import { loadKey } from '../../config/keystore.ts';
import { FourNodes } from '../support/four-nodes.ts';
import { LyingPeer } from '../support/lying-peer.ts';

/** A node that has lost all its blocks catches up with a network that goes on under load; among liars, too. */

const LIMIT_ms = 600_000;
const LOAD_TPS = 20;
/** Blocks as quickly as they are decided: hundreds of them in seconds. */
const GENESIS = { block_interval_ms: 20, empty_block_interval_ms: 20 };
/** How far the node is behind: little here, more by hand. */
const BLOCKS = Number(process.env.POTOROO_SYNC_BLOCKS ?? 25);
/** Waited for at a time: a busy machine needs long for all of them. */
const STRIDE = 20;
const LATE = 4;
const LIAR = 3;

let network: FourNodes;
before(async () => {
  network = await FourNodes.start(LOAD_TPS, undefined, { genesis: GENESIS, loaded: 2 });
});
after(() => network?.stop());

interface SyncState {
  height: number;
  sync: { state: string; target: number; rate_blocks_per_s: number; eta_s: number | null };
}

async function stateOf(number: number): Promise<SyncState> {
  return (await network.clients[number - 1]!.getJson('/v1/consensus/state')) as unknown as SyncState;
}

async function metrics(number: number): Promise<string> {
  return (await fetch(`${network.entries[number - 1]!.metrics_url}/metrics`)).text();
}

/** Values of a counter that are above zero, by one of its labels. */
function counts(text: string, name: string, label: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const value = Number(line.split(' ').at(-1));
    const is = new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1];
    if (line.startsWith(`${name}{`) && is !== undefined && value > 0) found.set(is, value);
  }
  return found;
}

/** Resolves when the late node takes part again, at the height of the others. */
function inSync(others: readonly number[]): Promise<void> {
  return network.until('the late node is in sync', async () => {
    const { sync, height } = await stateOf(LATE);
    const heights = await Promise.all(others.map(async (number) => (await stateOf(number)).height));
    return sync.state === 'pacemaker' && height >= Math.max(...heights) - 3;
  });
}

/** Of the present life of the late node. */
function log(): string {
  return readFileSync(network.entries[LATE - 1]!.log, 'utf8');
}

describe('catching up', { timeout: LIMIT_ms }, () => {
  it('from genesis with a network that goes on: blocks of several peers, and then a vote again', async () => {
    // With all four: a leader that is away would cost a timeout every fourth block.
    for (let height = STRIDE; height <= BLOCKS; height += STRIDE) await network.reaches(height);
    await network.stopNode(LATE);
    network.wipe(LATE);
    const before = await network.top();
    await network.startNode(LATE);
    await inSync([1, 2, 3]);
    assert.ok((await network.top()) > before, 'the others went on');
    const text = await metrics(LATE);
    const blocks = counts(text, 'potoroo_consensus_sync_blocks_fetched_total', 'peer');
    assert.ok(blocks.size >= 2, 'of more than one peer');
    assert.ok([...blocks.values()].reduce((sum, count) => sum + count, 0) >= BLOCKS);
    assert.deepEqual([...counts(text, 'potoroo_consensus_sync_state', 'state').keys()], ['pacemaker']);
    assert.equal(sumOf(text, 'potoroo_consensus_bad_peers_total'), 0);
    assert.match(log(), /"to":"sync_mode".*behind the network: syncing/);
    assert.match(log(), /"to":"pacemaker".*in sync with the network/);
    await network.agrees([]);
  });

  it('a validator that serves forged blocks and certificates is found out, and the others suffice', async () => {
    await network.stopNode(LATE);
    await network.stopNode(LIAR);
    network.wipe(LATE);
    const { home, p2p_address: listen } = network.entries[LIAR - 1]!;
    const { seed } = await loadKey(homeLayout(home).validatorKey);
    const liar = await LyingPeer.start({
      genesis: parseGenesis(readFileSync(homeLayout(home).genesis, 'utf8')),
      seed,
      listen,
      peers: network.entries.map(({ p2p_address }) => p2p_address),
      source: fromHex(network.entries[0]!.address),
    });
    try {
      await network.until('the liar is connected', () => liar.connections >= 2);
      await network.startNode(LATE);
      await inSync([1, 2]);
      const text = await metrics(LATE);
      assert.ok(liar.lies > 0, 'it was asked');
      const reasons = [...counts(text, 'potoroo_consensus_bad_peers_total', 'reason').keys()];
      assert.ok(reasons.includes('qc_invalid') || reasons.includes('wrong_block'), reasons.join());
      assert.ok((counts(text, 'potoroo_p2p_violations_total', 'reason').get('sync_lie') ?? 0) > 0, 'it is accused');
      const outcomes = text.split('\n').filter((line) => line.includes('outcome="lie"'));
      assert.ok(outcomes.every((line) => line.includes(network.entries[LIAR - 1]!.address)));
      // Three of four are a quorum: the late one votes again.
      await network.reaches((await network.top()) + 3, [network.clients[0]!, network.clients[LATE - 1]!]);
    } finally {
      await liar.stop();
    }
  });
});
