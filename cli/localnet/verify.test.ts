import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockHashes } from '../block-hashes.ts';
import type { NodeClient } from '../node-client.ts';
import { sumOf } from './observe.ts';
import { brokenGuarantees, percentile, type ReportParts, reportOf } from './report.ts';
import { summaryLine, tableLines } from './table.ts';
import { verifyChain } from './verify.ts';

/** A client of a node with this chain that answers three heights at a time. */
function clientOf(chain: BlockHashes[]): NodeClient {
  const getJson = async (path: string): Promise<unknown> => {
    const query = new URL(path, 'http://x').searchParams;
    const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
    return chain.filter(({ height }) => height >= from && height <= to).slice(0, 3);
  };
  return { url: 'http://node', getJson } as unknown as NodeClient;
}

function chainOf(bodies: string[][]): BlockHashes[] {
  return bodies.map((hashes, height) => ({
    height,
    block_hash: `b${height}`,
    state_hash: `s${height}`,
    timestamp_ms: 1_000 * height,
    hashes,
  }));
}

describe('the final check', () => {
  const bodies = [[], ['a'], ['b', 'c'], [], ['d'], ['x']];

  it('accepts equal chains with every transaction once', async () => {
    const clients = [clientOf(chainOf(bodies)), clientOf(chainOf(bodies))];
    const verdict = await verifyChain(clients, { from: 1, to: 5 }, ['a', 'b', 'c', 'd']);
    assert.deepEqual(verdict, {
      equal: true,
      height: 5,
      difference: '',
      committed: 4,
      repeated: 0,
      intervals_ms: [1_000, 1_000, 1_000],
    });
  });

  it('sees another block, another state and a missing block', async () => {
    const good = chainOf(bodies);
    const differing = (change: Partial<BlockHashes>): BlockHashes[] =>
      good.map((row) => (row.height === 3 ? { ...row, ...change } : row));
    const against = (other: BlockHashes[]) => verifyChain([clientOf(good), clientOf(other)], { from: 0, to: 5 }, []);
    assert.match((await against(differing({ block_hash: 'z' }))).difference, /another block 3/);
    assert.match((await against(differing({ state_hash: 'z' }))).difference, /another state after block 3/);
    assert.match((await against(good.slice(0, 3))).difference, /no block 3/);
    assert.match((await against([])).difference, /no block 0/);
    assert.equal((await verifyChain([clientOf(good)], { from: 0, to: 9 }, [])).equal, false);
  });

  it('counts what is lost and what is repeated', async () => {
    const clients = [clientOf(chainOf([[], ['a', 'b'], ['a']])), clientOf(chainOf([[], ['a', 'b'], ['a']]))];
    const verdict = await verifyChain(clients, { from: 0, to: 2 }, ['a', 'b', 'c']);
    assert.equal(verdict.committed, 1);
    assert.equal(verdict.repeated, 1);
  });
});

const PARTS: ReportParts = {
  validators: 4,
  verdict: { equal: true, height: 30, difference: '', committed: 90, repeated: 0, intervals_ms: [500, 510, 900] },
  load: {
    submitted: 91,
    committed: 91,
    unanswered: 0,
    refused: {},
    firstSubmit_ms: 1_000,
    lastCommit_ms: 10_000,
    latency_ms: { p50: 412.34, p99: 999.99 },
    skipped: 0,
  },
  accepted: 91,
  actorRestarts: 1,
  nodeRestarts: 2,
  rss_mb: 201.26,
};

describe('the report', () => {
  it('has exactly the promised keys, all numbers', () => {
    assert.equal(
      JSON.stringify(reportOf(PARTS)),
      '{"validators":4,"height":30,"state_hashes_equal":true,"txs_submitted":91,"txs_committed":90,"lost_txs":1,"tps":10,' +
        '"block_interval_ms":{"p50":510,"p99":900},"commit_latency_ms":{"p50":412.3,"p99":1000},' +
        '"actor_restarts":1,"node_restarts":2,"rss_mb":201.3}',
    );
  });

  it('names every broken guarantee', () => {
    assert.equal(brokenGuarantees(PARTS).length, 1);
    assert.deepEqual(brokenGuarantees({ ...PARTS, accepted: 90 }), []);
    const verdict = { ...PARTS.verdict, equal: false, difference: 'fork', repeated: 1 };
    assert.equal(brokenGuarantees({ ...PARTS, verdict }).length, 3);
  });

  it('takes percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      [percentile([], 50), percentile([7], 99), percentile(hundred, 50), percentile(hundred, 99)],
      [0, 7, 50, 99],
    );
  });
});

describe('the table', () => {
  const view = {
    number: 1,
    state: 'running',
    height: 12,
    round: 0,
    peers: 3,
    mempool: 7,
    rss_mb: 180.4,
    actorRestarts: 2,
    nodeRestarts: 1,
  };

  it('aligns what is known and shows a dash for what is not', () => {
    const silent = {
      ...view,
      number: 2,
      state: 'down',
      height: null,
      round: null,
      peers: null,
      mempool: null,
      rss_mb: null,
    };
    const lines = tableLines([view, silent]);
    assert.equal(new Set(lines.map((line) => line.length)).size, 1);
    assert.match(lines[1]!, /1 {2}running {6}12 .* 180 MB {2}1 \(actors 2\)$/);
    assert.match(lines[2]!, /2 {2}down +- /);
    assert.match(
      summaryLine([view, silent], 12.34),
      /^height 12 down {2}round 0 down .* tx\/s 12\.3 {2}restarts 2 nodes 4 actors$/,
    );
  });

  it('sums metrics of exactly one name', () => {
    const text = '# HELP a x\na{actor="p"} 2\na 3\na_total 100\nab 7\na{x="y"} 1e3\n';
    assert.equal(sumOf(text, 'a'), 1_005);
    assert.equal(sumOf(text, 'b'), 0);
  });
});
