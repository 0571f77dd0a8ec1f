import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CodedError, hasCode } from '../../../runtime/errors.ts';
import type { RpcConfig } from './config.ts';
import { call, type Peers, startNode, type TestNode, wellPeers } from './test-node.ts';

const ADDRESS = 'da034209758b78eaea06dd99c07909ab54c99b45';
const BATCH = '/v1/client/broadcast_txs_sync';
const SINGLE = '/v1/client/broadcast_tx_sync';

const running: TestNode[] = [];
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rpc-'));
});
afterEach(async () => {
  for (const node of running.splice(0)) await node.behaviour.stop();
  rmSync(folder, { recursive: true });
});

async function start(peers: Peers = wellPeers(), config: Partial<RpcConfig> = {}): Promise<TestNode> {
  const node = await startNode(peers, config);
  running.push(node);
  return node;
}

function refused(answer: { status: number; body: { code?: string; message?: string } }, status: number, code: string) {
  assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
  assert.ok((answer.body.message ?? '').length > 0);
  assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'message']);
}

/** Sends bytes on a bare connection and collects what comes back until it closes. */
function raw(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

test('bad bodies get a status and a code, and the node goes on', async () => {
  const node = await start();
  refused(await node.post(SINGLE, '{"raw_hex_bytes":'), 400, 'BODY_NOT_JSON');
  refused(await node.post(SINGLE, ''), 400, 'BODY_NOT_JSON');
  refused(await node.post(SINGLE, '{"__proto__": {"a": 1}}'), 400, 'BODY_NOT_JSON');
  refused(await node.post(SINGLE, '[]'), 400, 'INVALID_REQUEST');
  refused(await node.post(SINGLE, 'null'), 400, 'INVALID_REQUEST');
  refused(await node.post(SINGLE, '7'), 400, 'INVALID_REQUEST');
  refused(await node.post(SINGLE, { raw_hex_bytes: 'zz' }), 400, 'HEX_INVALID');
  refused(await node.post(SINGLE, { raw_hex_bytes: 'abc' }), 400, 'HEX_INVALID');
  refused(await node.post(SINGLE, { raw_hex_bytes: '' }), 400, 'HEX_INVALID');
  refused(await node.post(SINGLE, { raw_hex_bytes: 5 }), 400, 'INVALID_REQUEST');
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab', address: 'ab' }), 400, 'HEX_INVALID');
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab', surprise: 1 }), 400, 'INVALID_REQUEST');
  refused(await node.post(BATCH, { raw_hex_bytes: [] }), 400, 'INVALID_REQUEST');
  refused(await node.post(BATCH, { raw_hex_bytes: Array(1001).fill('ab') }), 400, 'INVALID_REQUEST');
  refused(await node.post(BATCH, { raw_hex_bytes: ['ab', 'x'] }), 400, 'HEX_INVALID');
  refused(await node.post(BATCH, { raw_hex_bytes: ['ab', {}] }), 400, 'HEX_INVALID');
  refused(await node.post(BATCH, { raw_hex_bytes: { length: 2 } }), 400, 'INVALID_REQUEST');
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab'.repeat(40_000) }), 413, 'BODY_TOO_LARGE');
  // Each time: a connection cut while the client still writes would sometimes lose the answer.
  for (let times = 0; times < 5; times++) {
    refused(await node.post(BATCH, { raw_hex_bytes: ['ab'.repeat(5 << 20)] }), 413, 'BODY_TOO_LARGE');
  }
  const xml = { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<a/>' };
  refused(await call(node.url + SINGLE, xml), 415, 'UNSUPPORTED_MEDIA_TYPE');
  const plain = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' };
  refused(await call(node.url + SINGLE, plain), 415, 'UNSUPPORTED_MEDIA_TYPE');
  refused(await call(node.url + SINGLE, { method: 'POST' }), 400, 'INVALID_REQUEST');
  refused(await node.get('/v1/nothing'), 404, 'ROUTE_NOT_FOUND');
  refused(await node.get(SINGLE), 404, 'ROUTE_NOT_FOUND');
  refused(await node.get('/%zz'), 400, 'BAD_HTTP');
  assert.equal((await node.get('/v1/version')).text, '1.2.3');
});

test('query parameters are checked before the database is asked', async () => {
  const node = await start();
  const page = (part: object) => node.post('/v1/query/block_txs', part);
  refused(await page({ page: 0 }), 400, 'INVALID_REQUEST');
  refused(await page({ page: 1.5 }), 400, 'INVALID_REQUEST');
  refused(await page({ per_page: 1001 }), 400, 'INVALID_REQUEST');
  refused(await page({ per_page: 0 }), 400, 'INVALID_REQUEST');
  refused(await page({ sort: 'up' }), 400, 'INVALID_REQUEST');
  refused(await page({ height: -1 }), 400, 'INVALID_REQUEST');
  refused(await page({ height: '1' }), 400, 'INVALID_REQUEST');
  refused(await node.post('/v1/query/block', '{"height": 9007199254740993}'), 400, 'INVALID_REQUEST');
  refused(await node.post('/v1/query/block', '{"height": 1e400}'), 400, 'INVALID_REQUEST');
  refused(await node.post('/v1/query/tx', { hash: 'ab' }), 400, 'HEX_INVALID');
  refused(await node.post('/v1/query/tx', {}), 400, 'INVALID_REQUEST');
  refused(await node.post('/v1/query/balance', { address: "'; drop table block; --" }), 400, 'HEX_INVALID');
  for (const range of ['', '?from=1', '?from=2&to=1', '?from=1&to=201', '?from=a&to=b', '?from=1&to=2&x=1']) {
    refused(await node.get(`/v1/query/tx_hashes${range}`), 400, 'INVALID_REQUEST');
  }
});

test('bytes that are no HTTP are answered by hand', async () => {
  const node = await start();
  const garbage = await raw(node.url, Buffer.from('\x16\x03\x01 garbage\r\n\r\n'));
  assert.match(garbage, /^HTTP\/1\.1 400 .*"code":"BAD_HTTP"/s);
  const long = await raw(node.url, `GET / HTTP/1.1\r\nhost: x\r\nbig: ${'a'.repeat(20_000)}\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 431 .*"code":"BAD_HTTP"/s);
  assert.equal((await node.get('/v1/version')).status, 200);
});

test('a request that trickles in is cut off', async () => {
  const node = await start(wellPeers(), { request_timeout_ms: 300, headers_timeout_ms: 200 });
  const answer = await raw(node.url, 'POST / HTTP/1.1\r\nhost: x\r\n');
  assert.match(answer, /^HTTP\/1\.1 408 .*"code":"REQUEST_TIMEOUT"/s);
});

test('transactions reach the mempool in order and the results come back', async () => {
  const peers = wellPeers();
  const seen: string[] = [];
  peers.utility.submit = async (body) => {
    const { transactions } = body as { transactions: Uint8Array[] };
    seen.push(...transactions.map((one) => Buffer.from(one).toString('hex')));
    return {
      results: transactions.map((one, index) => ({ code: index === 1 ? 35 : 0, hash: `${one[0]}`, message: '' })),
    };
  };
  const node = await start(peers);
  const single = await node.post(SINGLE, { address: ADDRESS, raw_hex_bytes: 'ABcd' });
  assert.deepEqual([single.status, single.body], [200, { code: 0, hash: '171', message: '' }]);
  const batch = await node.post(BATCH, { raw_hex_bytes: ['01', '02'] });
  assert.deepEqual(
    batch.body.results.map((one: { code: number; hash: string }) => [one.code, one.hash]),
    [
      [0, '1'],
      [35, '2'],
    ],
  );
  assert.deepEqual(seen, ['abcd', '01', '02']);
  assert.match(await node.metrics.metrics(), /potoroo_rpc_transactions_total\{code="35"\} 1/);
});

test('a large batch passes', async () => {
  const node = await start();
  const answer = await node.post(BATCH, { raw_hex_bytes: Array(1000).fill('ab'.repeat(3_500)) });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.results.length, 1000);
});

test('the death of another actor is a 503 that says when to come back', async () => {
  const peers = wellPeers();
  const node = await start(peers);
  peers.utility.submit = async () => {
    throw new CodedError('ACTOR_RESTARTED', 'utility is restarting');
  };
  const answer = await node.post(SINGLE, { raw_hex_bytes: 'ab' });
  refused(answer, 503, 'ACTOR_RESTARTED');
  assert.equal(answer.headers.get('retry-after'), '1');
  peers.utility.submit = async () => {
    throw new CodedError('DEADLINE_EXCEEDED', 'late');
  };
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab' }), 504, 'DEADLINE_EXCEEDED');
  peers.utility.ready = false;
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab' }), 503, 'BACKPRESSURE');
});

test('a defect is a 500 without its details', async () => {
  const peers = wellPeers();
  peers.utility.submit = async () => {
    throw new TypeError('secret detail');
  };
  const node = await start(peers);
  const answer = await node.post(SINGLE, { raw_hex_bytes: 'ab' });
  refused(answer, 500, 'INTERNAL_ERROR');
  assert.doesNotMatch(answer.text, /secret/);
  peers.utility.submit = async () => {
    throw new CodedError('DEAD_LETTER', 'it killed utility twice');
  };
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab' }), 422, 'DEAD_LETTER');
});

test('more submissions than allowed are refused at once', async () => {
  const peers = wellPeers();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const submit = peers.utility.submit;
  peers.utility.submit = async (body) => {
    await held;
    return submit(body);
  };
  const node = await start(peers, { max_concurrent_submits: 2 });
  const first = [1, 2].map(() => node.post(SINGLE, { raw_hex_bytes: 'ab' }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  refused(await node.post(SINGLE, { raw_hex_bytes: 'ab' }), 503, 'RPC_BUSY');
  release();
  for (const answer of await Promise.all(first)) assert.equal(answer.status, 200);
  assert.equal((await node.post(SINGLE, { raw_hex_bytes: 'ab' })).status, 200);
});

test('the limit of requests holds, and aborted requests give their place back', async () => {
  const peers = wellPeers();
  let release = () => {};
  peers.consensus.state = () =>
    new Promise((resolve) => {
      release = () => resolve({ height: 1n, round: 0, step: 1 });
    });
  const node = await start(peers, { max_concurrent_requests: 1 });
  const controller = new AbortController();
  const aborted = fetch(`${node.url}/v1/consensus/state`, { signal: controller.signal }).catch(() => 'aborted');
  await new Promise((resolve) => setTimeout(resolve, 100));
  refused(await node.get('/v1/version'), 503, 'RPC_BUSY');
  controller.abort();
  assert.equal(await aborted, 'aborted');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await node.get('/v1/version')).status, 200);
  release();
});

test('bodies beyond the memory limit are refused before they are read', async () => {
  const peers = wellPeers();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const submit = peers.utility.submit;
  peers.utility.submit = async (body) => {
    await held;
    return submit(body);
  };
  const node = await start(peers, { max_buffered_bytes: 50_000 });
  const first = node.post(BATCH, { raw_hex_bytes: ['ab'.repeat(20_000)] });
  await new Promise((resolve) => setTimeout(resolve, 100));
  refused(await node.post(BATCH, { raw_hex_bytes: ['ab'.repeat(20_000)] }), 503, 'RPC_BUSY');
  release();
  assert.equal((await first).status, 200);
});

test('without a database queries say so and everything else works', async () => {
  const node = await start();
  refused(await node.get('/v1/query/height'), 503, 'DATABASE_UNAVAILABLE');
  refused(await node.post('/v1/query/block', { height: 1 }), 503, 'DATABASE_UNAVAILABLE');
  const health = await node.get('/v1/health');
  assert.deepEqual(
    [health.status, health.body],
    [
      200,
      {
        live: true,
        ready: false,
        degraded: true,
        reasons: ['database: DATABASE_UNAVAILABLE'],
        height: -1,
        peers: 1,
        syncing: false,
        sync_state: 'pacemaker',
      },
    ],
  );
  assert.equal((await node.get('/v1/health/ready')).status, 503);
  assert.deepEqual((await node.get('/v1/consensus/state')).body, {
    height: 8,
    round: 1,
    step: 2,
    sync: { state: 'pacemaker', target: 7, rate_blocks_per_s: 0.5, eta_s: 0, peers: 1, snapshot: null },
  });
  assert.equal((await node.get('/v1/p2p/peers')).body.peers[0].peer_id, 'you');
});

test('the OpenAPI document describes every route', async () => {
  const node = await start();
  const { body } = await node.get('/v1/openapi.json');
  assert.equal(body.openapi, '3.1.0');
  assert.equal(Object.keys(body.paths).length, 22);
  const { schema } = body.paths['/v1/query/block_txs'].post.requestBody.content['application/json'];
  assert.deepEqual(schema.properties.per_page.maximum, 1000);
  assert.equal(schema.additionalProperties, false);
  const hashes = body.paths['/v1/query/tx_hashes'].get.parameters;
  assert.deepEqual(
    hashes.map((one: { name: string; required: boolean }) => [one.name, one.required]),
    [
      ['from', true],
      ['to', true],
    ],
  );
  const balance = body.paths['/v1/query/balance'].post.responses['200'].content['application/json'].schema;
  assert.equal(balance.properties.balance.type, 'integer');
});

test('a busy port names the port and the configuration key', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(start(wellPeers(), { port }), (error: CodedError) => {
    assert.equal(error.code, 'PORT_BUSY');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*rpc\\.port`));
    return true;
  });
  await new Promise((resolve) => other.close(resolve));
  await assert.rejects(start(wellPeers(), { host: '192.0.2.1' }), (error) => hasCode(error, 'HOST_UNKNOWN'));
});

test('the address is published, and a next life takes the same port', async () => {
  const address_file = join(folder, 'rpc.url');
  const first = await startNode(wellPeers(), { address_file });
  const { url } = first;
  assert.equal(readFileSync(address_file, 'utf8'), `${url}\n`);
  await first.behaviour.stop();
  const second = await start(wellPeers(), { address_file });
  assert.equal(second.url, url);
});

test('a published port that somebody else took is replaced by a free one', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const taken = `http://127.0.0.1:${(other.address() as { port: number }).port}`;
  const address_file = join(folder, 'rpc.url');
  writeFileSync(address_file, `${taken}\n`);
  const node = await start(wellPeers(), { address_file });
  assert.notEqual(node.url, taken);
  assert.equal((await node.get('/v1/version')).status, 200);
  assert.equal(readFileSync(address_file, 'utf8'), `${node.url}\n`);
  await new Promise((resolve) => other.close(resolve));
});

test('connections beyond the limit are closed, counted, and the others go on', async () => {
  const node = await start(wellPeers(), { max_connections: 2 });
  const { hostname, port } = new URL(node.url);
  const held = [1, 2].map(() => connect(Number(port), hostname).on('error', () => {}));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await raw(node.url, 'GET /v1/version HTTP/1.1\r\nhost: x\r\n\r\n'), '');
  assert.match(await node.metrics.metrics(), /potoroo_rpc_connections_dropped_total 1/);
  for (const socket of held) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await node.get('/v1/version')).status, 200);
});

test('stop waits for requests in work, but not for ever', async () => {
  const peers = wellPeers();
  peers.consensus.state = () =>
    new Promise((resolve) => setTimeout(() => resolve({ height: 1n, round: 0, step: 1 }), 200));
  const node = await startNode(peers);
  const asked = node.get('/v1/consensus/state');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begun = Date.now();
  await node.behaviour.stop();
  assert.equal((await asked).status, 200);
  assert.ok(Date.now() - begun < 1_500, 'a kept connection must not hold up the stop');

  peers.consensus.state = () => new Promise(() => {});
  const stuck = await startNode(peers, { drain_timeout_ms: 100 });
  const cut = stuck.get('/v1/consensus/state').catch(() => 'cut');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = Date.now();
  await stuck.behaviour.stop();
  assert.ok(Date.now() - before < 1_500);
  assert.equal(await cut, 'cut');
});

test('hundreds of clients at once are all answered', async () => {
  const node = await start(wellPeers(), { max_concurrent_requests: 50 });
  const answers = await Promise.all(Array.from({ length: 400 }, () => node.post(BATCH, { raw_hex_bytes: ['ab'] })));
  for (const answer of answers) assert.ok(answer.status === 200 || answer.body.code === 'RPC_BUSY');
});
