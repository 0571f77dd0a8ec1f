import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { pino } from 'pino';
import postgres from 'postgres';
import { blockHash, bodyRoot, encodeHeader, type Header } from '../chain/block.ts';
import { encodeQc, STEP_COMMIT } from '../chain/consensus.ts';
import { fromHex, toHex } from '../chain/hex.ts';
import { replayKey, signTransaction } from '../chain/transaction.ts';
import { type EmbeddedDatabase, startEmbedded } from '../persistence/io/embedded.ts';
import { MIGRATIONS } from '../persistence/io/migrations/index.ts';
import type { RpcConfig } from './config.ts';
import * as answers from './core/answers.ts';
import { startNode, type TestNode, wellPeers } from './test-node.ts';

const SILENT = pino({ level: 'silent' });
const SEED = new Uint8Array(32).fill(7);
const ALICE = fromHex('da034209758b78eaea06dd99c07909ab54c99b45');
const BOB = fromHex('bb034209758b78eaea06dd99c07909ab54c99b45');
/** Beyond what a double holds exactly. */
const RICH = 90_071_992_547_409_931_234n;
const BLOCKS = 5;
const TXS = 7;

let home = '';
let server: EmbeddedDatabase;
let writer: postgres.Sql;
const hashes: string[][] = [];
const running: TestNode[] = [];

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'rpc-queries-'));
  chmodSync(home, 0o755);
  server = await startEmbedded({ home, log: SILENT });
  writer = connect();
  await writer.unsafe('create schema potoroo');
  for (const { sql } of MIGRATIONS) await writer.unsafe(`set search_path to potoroo; ${sql}`);
  await fill();
});
after(async () => {
  await writer.end();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});
afterEach(async () => {
  for (const node of running.splice(0)) await node.behaviour.stop();
});

function connect(): postgres.Sql {
  return postgres(server.url, {
    host: server.socketDirectory,
    max: 1,
    onnotice: () => {},
    connection: { search_path: 'potoroo' },
  });
}

async function start(config: Partial<RpcConfig> = {}, database = server.url): Promise<TestNode> {
  const node = await startNode(wellPeers(), config, database);
  running.push(node);
  return node;
}

/** Genesis and five blocks of seven transactions, as persistence writes them. */
async function fill(): Promise<void> {
  const none = new Uint8Array();
  let parentHash = new Uint8Array(32);
  for (let height = 0; height <= BLOCKS; height++) {
    const transactions = height === 0 ? [] : Array.from({ length: TXS }, (_, index) => transfer(height, index));
    hashes.push(transactions.map((one) => toHex(one.hash)));
    const header: Header = {
      height: BigInt(height),
      networkId: 'testnet',
      stateHash: new Uint8Array(32).fill(height + 1),
      prevStateHash: new Uint8Array(32).fill(height),
      proposerAddress: ALICE,
      quorumCertificate: height < 2 ? none : certificate(height - 1, parentHash),
      timestamp_ms: 1_700_000_000_000n + BigInt(height) * 500n,
      stateTreeHashes: [{ name: 'account', root: new Uint8Array(32).fill(9) }],
      valSetHash: new Uint8Array(32).fill(3),
      nextValSetHash: new Uint8Array(32).fill(3),
      version: 1,
      parentHash,
      bodyRoot: bodyRoot(transactions.map((one) => one.bytes)),
    };
    const hash = blockHash(header);
    const qc = height === 0 ? null : certificate(height, hash);
    await writer`insert into block (height, hash, header, state_hash, parent_hash, proposer, timestamp_ms,
      commit_qc, transactions, size_bytes) values (${height}, ${hash}, ${encodeHeader(header)}, ${header.stateHash},
      ${parentHash}, ${ALICE}, ${String(header.timestamp_ms)}, ${qc}, ${transactions.length}, 1000)`;
    for (const [index, one] of transactions.entries()) {
      await writer`insert into tx (height, index, hash, replay_key, valid_until_height, code, error, signer,
        recipient, message_type, bytes) values (${height}, ${index}, ${one.hash}, ${one.replayKey}, 100,
        ${index === 3 ? 41 : 0}, ${index === 3 ? 'insufficient amount' : ''}, ${ALICE}, ${BOB},
        'utility.MessageSend', ${one.bytes})`;
    }
    parentHash = new Uint8Array(hash);
  }
  await writer`insert into account (address, height, amount) values (${ALICE}, 0, ${String(RICH)}), (${ALICE}, 3, 5), (${BOB}, 2, 70)`;
  const pool = (name: string) => Buffer.concat([Buffer.from(name), Buffer.alloc(20 - name.length)]);
  await writer`insert into pool (address, height, amount) values (${pool('DAO')}, 0, 10), (${pool('DAO')}, 4, 30), (${pool('FeeCollector')}, 0, 0)`;
  for (const [height, staked, paused, removed] of [
    [0, 50, -1, false],
    [2, 60, 2, false],
    [4, 0, 2, true],
  ] as const) {
    await writer`insert into actor (actor_type, address, height, public_key, chains, service_url, staked_amount,
      paused_height, unstaking_height, output_address, missed_blocks, punished_height, removed) values (4, ${ALICE},
      ${height}, ${new Uint8Array(32).fill(8)}, '{}', 'a:1', ${staked}, ${paused}, -1, ${BOB}, 1, 0, ${removed})`;
  }
  await writer`insert into actor (actor_type, address, height, public_key, chains, service_url, staked_amount,
    paused_height, unstaking_height, output_address) values (4, ${BOB}, 1, ${new Uint8Array(32).fill(9)}, '{}', 'b:1',
    ${String(RICH)}, -1, -1, ${BOB}), (2, ${BOB}, 1, ${new Uint8Array(32).fill(9)}, '{"0001"}', 'b:1', 5, -1, -1, ${BOB})`;
  await writer`insert into param (name, height, value) values ('message_send_fee', 0, '10000'), ('message_send_fee', 3, '20000')`;
}

function transfer(height: number, index: number) {
  const unsigned = {
    message: { type: 'utility.MessageSend' as const, from: ALICE, to: BOB, amount: RICH + BigInt(index) },
    nonce: `${height}-${index}`,
    networkId: 'testnet',
    validUntilHeight: 100n,
  };
  return { ...signTransaction(unsigned, SEED), replayKey: replayKey(unsigned) };
}

function certificate(height: number, hash: Uint8Array): Uint8Array {
  const signatures = [{ address: ALICE, signature: new Uint8Array(64).fill(1) }];
  return encodeQc({ height: BigInt(height), round: 2, step: STEP_COMMIT, blockHash: hash, signatures });
}

test('a block shows header, certificates and transactions; height 0 is the latest', async () => {
  const node = await start();
  const { status, body } = await node.post('/v1/query/block', { height: 2 });
  assert.equal(status, 200);
  answers.blockAnswer.parse(body);
  const header = body.block.block_header;
  assert.equal(header.height, 2);
  assert.equal(header.state_hash, '03'.repeat(32));
  assert.equal(header.timestamp, '2023-11-14T22:13:21.000Z');
  assert.deepEqual(header.state_tree_hashes, { account: '09'.repeat(32) });
  assert.equal(header.quorum_cert.height, 1);
  assert.equal(header.quorum_cert.step, 'HOTSTUFF_STEP_COMMIT');
  assert.equal(header.quorum_cert.block, header.parent_hash);
  assert.equal(body.commit_cert.height, 2);
  assert.equal(body.commit_cert.block, header.block_hash);
  assert.deepEqual(body.commit_cert.threshold_sig.signatures, [{ signature: '01'.repeat(64), address: toHex(ALICE) }]);
  assert.equal(body.block.transactions.length, TXS);
  const latest = await node.post('/v1/query/block', {});
  assert.equal(latest.body.block.block_header.height, BLOCKS);
  assert.deepEqual((await node.get('/v1/query/height')).body, { height: BLOCKS });
});

test('what is not there is a 404 with a code, whatever the height', async () => {
  const node = await start();
  for (const height of [BLOCKS + 1, Number.MAX_SAFE_INTEGER]) {
    for (const route of ['block', 'block_txs', 'supply']) {
      const answer = await node.post(`/v1/query/${route}`, { height });
      assert.deepEqual([answer.status, answer.body.code], [404, 'BLOCK_NOT_FOUND']);
    }
    const answer = await node.post('/v1/query/balance', { height, address: toHex(ALICE) });
    assert.deepEqual([answer.status, answer.body.code], [404, 'BLOCK_NOT_FOUND']);
  }
  const tx = await node.post('/v1/query/tx', { hash: '00'.repeat(32) });
  assert.deepEqual([tx.status, tx.body.code], [404, 'TX_NOT_FOUND']);
});

test('a node that began with a snapshot says from where on it has blocks and states', async () => {
  // What restoring a snapshot of height 3 leaves: the header of that block, and nothing from before.
  await writer`insert into beginning (height, voters) values (3, ${Buffer.of(1)})`;
  await writer`update block set transactions = null, size_bytes = null where height = 3`;
  try {
    const node = await start();
    const asked = async (route: string, height: number) => {
      const key = route === 'balance' ? { address: toHex(ALICE) } : {};
      const { status, body } = await node.post(`/v1/query/${route}`, { height, ...key });
      return status === 200 ? 200 : `${status} ${body.code} ${/from height (\d+) on/.exec(body.message)?.[1]}`;
    };
    for (const height of [1, 2]) assert.equal(await asked('balance', height), '404 BLOCK_NOT_FOUND 3');
    for (const height of [0, 3, 4]) assert.equal(await asked('balance', height), 200);
    for (const route of ['block', 'block_txs']) {
      assert.equal(await asked(route, 1), '404 BLOCK_NOT_FOUND 4');
      assert.equal(await asked(route, 3), '404 BLOCK_NOT_FOUND 4');
      assert.equal(await asked(route, 4), 200);
    }
    const { body } = await node.get('/v1/query/tx_hashes?from=3&to=5');
    assert.deepEqual(
      body.map(({ height }: { height: number }) => height),
      [4, 5],
    );
  } finally {
    await writer`delete from beginning`;
    await writer`update block set transactions = ${TXS}, size_bytes = 1000 where height = 3`;
  }
});

test('the transactions of a block come in pages of either order', async () => {
  const node = await start();
  const page = (part: object) => node.post('/v1/query/block_txs', { height: 4, ...part });
  const all = await page({});
  answers.blockTxsAnswer.parse(all.body);
  assert.deepEqual([all.body.total_txs, all.body.page, all.body.total_pages], [TXS, 1, 1]);
  const found = (answer: { body: { transactions: { tx: { hash: string } }[] } }) =>
    answer.body.transactions.map((one) => one.tx.hash);
  assert.deepEqual(found(all), [...hashes[4]!].reverse());
  const second = await page({ page: 2, per_page: 3, sort: 'asc' });
  assert.deepEqual(found(second), hashes[4]!.slice(3, 6));
  assert.equal(second.body.total_pages, 3);
  assert.deepEqual(found(await page({ page: 3, per_page: 3, sort: 'asc' })), hashes[4]!.slice(6));
  const beyond = await page({ page: 4, per_page: 3 });
  assert.deepEqual([beyond.status, beyond.body.code], [404, 'PAGE_NOT_FOUND']);
  const huge = await page({ page: Number.MAX_SAFE_INTEGER, per_page: 1000 });
  assert.deepEqual([huge.status, huge.body.code], [404, 'PAGE_NOT_FOUND']);
});

test('validators are shown as they were at a height, by page', async () => {
  const node = await start();
  const at = async (height: number, rest = {}) => (await node.post('/v1/query/validators', { height, ...rest })).body;
  const early = await at(2, { sort: 'asc' });
  answers.validatorsAnswer.parse(early);
  const shown = ({ validators }: { validators: { address: string; staked_amount: string; paused_height: number }[] }) =>
    validators.map((one) => [one.address, one.staked_amount, one.paused_height]);
  assert.deepEqual(shown(early), [
    [toHex(BOB), String(RICH), -1],
    [toHex(ALICE), '60', 2],
  ]);
  assert.deepEqual([early.total_validators, early.page, early.total_pages], [2, 1, 1]);
  const second = await at(2, { per_page: 1, page: 2 });
  assert.deepEqual([shown(second), second.total_pages], [[[toHex(BOB), String(RICH), -1]], 2], 'descending by default');
  assert.deepEqual(shown(await at(0)), [[toHex(BOB), String(RICH), -1]], 'who left is gone');

  const one = await node.post('/v1/query/validator', { address: toHex(ALICE).toUpperCase(), height: 3 });
  answers.validatorAnswer.parse(one.body);
  assert.deepEqual(one.body, {
    address: toHex(ALICE),
    actor_type: 'validator',
    public_key: '08'.repeat(32),
    chains: [],
    service_url: 'a:1',
    staked_amount: '60',
    paused_height: 2,
    unstaking_height: -1,
    output_addr: toHex(BOB),
    missed_blocks: 1,
    punished_height: 0,
  });
  const gone = await node.post('/v1/query/validator', { address: toHex(ALICE) });
  assert.deepEqual([gone.status, gone.body.code], [404, 'ACTOR_NOT_FOUND']);
});

test('a transaction is found by its hash, in any case of letters, with its result and its fee', async () => {
  const node = await start();
  const { body } = await node.post('/v1/query/tx', { hash: hashes[4]![3]!.toUpperCase() });
  answers.txAnswer.parse(body);
  assert.deepEqual([body.height, body.index, body.result_code, body.error], [4, 3, 41, 'insufficient amount']);
  assert.deepEqual(body.tx.txMsg.fee, { amount: '20000', denom: 'upokt' });
  assert.equal(body.tx.txMsg.message.amount, String(RICH + 3n));
  assert.equal(body.tx.txMsg.message.to_addr, toHex(BOB));
  assert.equal(body.tx.txMsg.nonce, '4-3');
  const early = await node.post('/v1/query/tx', { hash: hashes[2]![0]! });
  assert.equal(early.body.tx.txMsg.fee.amount, '10000');
});

test('balances are exact integers, at any height', async () => {
  const node = await start();
  const balance = (address: Uint8Array, height: number) =>
    node.post('/v1/query/balance', { address: toHex(address), height });
  assert.equal((await balance(ALICE, 2)).text, `{"balance":${RICH}}`);
  assert.deepEqual((await balance(ALICE, 3)).body, { balance: 5 });
  assert.deepEqual((await balance(ALICE, 0)).body, { balance: 5 });
  assert.deepEqual((await balance(BOB, 1)).body, { balance: 0 });
  const account = await node.post('/v1/query/account', { address: toHex(ALICE).toUpperCase(), height: 1 });
  assert.deepEqual(account.body, { address: toHex(ALICE), coins: [{ amount: String(RICH), denom: 'upokt' }] });
});

test('supply and parameters', async () => {
  const node = await start();
  const now = await node.post('/v1/query/supply', {});
  answers.supplyAnswer.parse(now.body);
  assert.deepEqual(
    now.body.pools.map((pool: { name: string; amount: string }) => [pool.name, pool.amount]),
    [
      ['DAO', '30'],
      ['FeeCollector', '0'],
    ],
  );
  assert.deepEqual([now.body.total.amount, now.body.accounts.amount], ['30', '75']);
  const early = await node.post('/v1/query/supply', { height: 1 });
  assert.deepEqual([early.body.total.amount, early.body.accounts.amount], ['10', String(RICH)]);
  const params = await node.get('/v1/query/all_chain_params');
  assert.deepEqual(params.body, [{ parameter_name: 'message_send_fee', parameter_value: '20000' }]);
});

test('hashes of a range of heights, for load drivers', async () => {
  const node = await start();
  const { body } = await node.get('/v1/query/tx_hashes?from=0&to=100');
  answers.hashesAnswer.parse(body);
  assert.deepEqual(
    body.map((one: { height: number; hashes: string[] }) => [one.height, one.hashes]),
    hashes.map((list, height) => [height, list]),
  );
  assert.equal(body[2].timestamp_ms, 1_700_000_001_000);
  assert.deepEqual((await node.get('/v1/query/tx_hashes?from=50&to=60')).body, []);
});

test('the mempool is shown decoded, by page', async () => {
  const peers = wellPeers();
  const one = transfer(9, 1);
  peers.utility.pending = async () => ({ transactions: [{ hash: toHex(one.hash), bytes: one.bytes }], total: 41 });
  const node = await startNode(peers, {}, server.url);
  running.push(node);
  const { body } = await node.post('/v1/query/unconfirmed_txs', { page: 2, per_page: 40 });
  answers.unconfirmedTxsAnswer.parse(body);
  assert.deepEqual([body.total_txs, body.page, body.total_pages], [41, 2, 2]);
  assert.equal(body.transactions[0].hash, toHex(one.hash));
  assert.equal(body.transactions[0].txMsg.fee.amount, '20000');
});

test('health is ready while all parts answer and nothing is being fetched', async () => {
  const peers = wellPeers();
  const node = await startNode(peers, {}, server.url);
  running.push(node);
  const ready = await node.get('/v1/health/ready');
  answers.healthAnswer.parse(ready.body);
  assert.deepEqual(
    [ready.status, ready.body],
    [
      200,
      {
        live: true,
        ready: true,
        degraded: false,
        reasons: [],
        height: BLOCKS,
        peers: 1,
        syncing: false,
        sync_state: 'pacemaker',
      },
    ],
  );
});

test('a node without telemetry is degraded, and serves', async () => {
  const peers = wellPeers();
  const resting = { name: 'telemetry', phase: 'resting', reason: 'PORT_BUSY', restarts: 10 };
  peers.main.status = async () => ({ actors: [resting] });
  const node = await startNode(peers, {}, server.url);
  running.push(node);
  const { status, body } = await node.get('/v1/health/ready');
  answers.healthAnswer.parse(body);
  const expected = [200, true, true, ['telemetry: RESTING PORT_BUSY']];
  assert.deepEqual([status, body.ready, body.degraded, body.reasons], expected);
});

test('the pool cannot write', async () => {
  const { Database } = await import('./io/database.ts');
  const { rpcMetrics } = await import('./metrics.ts');
  const { Registry } = await import('prom-client');
  const { systemClock } = await import('../../../runtime/clock.ts');
  const database = new Database({
    url: server.url,
    schema: 'potoroo',
    connections: 1,
    statementTimeout_ms: 1_000,
    maxQueries: 1,
    clock: systemClock,
    metrics: rpcMetrics(new Registry()),
  });
  await assert.rejects(
    database.query('write', (sql) => sql`delete from tx`),
    /read-only transaction/,
  );
  await database.stop();
});

test('a slow query is ended, and the next one is served', async () => {
  const node = await start({ statement_timeout_ms: 100, database_connections: 1 });
  await node.get('/v1/query/height');
  await writer`begin`;
  await writer`lock table block in access exclusive mode`;
  const slow = await node.get('/v1/query/height');
  assert.deepEqual([slow.status, slow.body.code], [504, 'QUERY_TIMEOUT']);
  assert.equal(slow.headers.get('retry-after'), '1');
  await writer`rollback`;
  assert.equal((await node.get('/v1/query/height')).status, 200);
});

test('queries beyond the limit are refused, not queued', async () => {
  const node = await start({ max_concurrent_queries: 3 });
  await writer`begin`;
  await writer`lock table block in access exclusive mode`;
  const waiting = [1, 2, 3].map(() => node.get('/v1/query/height'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const refused = await node.get('/v1/query/height');
  assert.deepEqual([refused.status, refused.body.code], [503, 'RPC_BUSY']);
  await writer`rollback`;
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200);
});

test('a database that accepts but never answers is given up', async () => {
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { port: number };
  const node = await start({ statement_timeout_ms: 100 }, `postgresql://a@127.0.0.1:${port}/b`);
  const answer = await node.get('/v1/query/height');
  assert.deepEqual([answer.status, answer.body.code], [503, 'DATABASE_UNAVAILABLE']);
  // A probe is answered before a query of the longest allowed time would be.
  const probed = await start({ statement_timeout_ms: 60_000 }, `postgresql://a@127.0.0.1:${port}/b`);
  const { body } = await probed.get('/v1/health');
  assert.deepEqual([body.ready, body.reasons], [false, ['database: DATABASE_UNAVAILABLE']]);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => mute.close(resolve));
});

test('the API recovers by itself when the database comes back', async () => {
  const node = await start();
  assert.equal((await node.get('/v1/query/height')).status, 200);
  await writer.end();
  await server.stop();
  const down = await node.get('/v1/query/height');
  assert.deepEqual([down.status, down.body.code], [503, 'DATABASE_UNAVAILABLE']);
  server = await startEmbedded({ home, log: SILENT });
  writer = connect();
  assert.equal((await node.get('/v1/query/height')).status, 200);
});
