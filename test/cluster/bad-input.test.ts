import '../../net/promise-with-resolvers.ts';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import postgres from 'postgres';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { POOL_DAO } from '../../actors/pocket/chain/pools.ts';
import { publicKeyOf } from '../../wasm/ed25519.ts';
import { BrokenHome } from '../support/broken-home.ts';
import { type Outcome, potoroo, until } from '../support/command.ts';
import { exchange, OneNode } from '../support/one-node.ts';
import { encodeRaw, otherSignature, type RawTransaction, rawTransaction } from '../support/raw-transaction.ts';

/**
 * Everything that can be given to a node and must be refused: with a code, at the border, and without a change.
 * One running node takes all of it.
 */

const SUBMIT = '/v1/client/broadcast_tx_sync';
const SUBMIT_BATCH = '/v1/client/broadcast_txs_sync';
const TX_WINDOW_BLOCKS = 1_000n;
const SEND_FEE_uPOKT = 10_000;

let directory: string;
let node: OneNode;
let seeds: Uint8Array[];
let slowClient: Promise<string>;
/** Peers of which some must be waited for: what they sent could be the beginning of something. */
let cutOff: Promise<string>[] = [];
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-bad-'));
  node = await OneNode.start(join(directory, 'net'));
  seeds = node.accountSeeds;
  // Never finishes its headers; what it gets is looked at when the other tests are over.
  slowClient = exchange(node.entry.ports.rpc, 'POST /v1/query/height HTTP/1.1\r\nhost: x\r\n');
});
after(async () => {
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs a test and asserts that the state and the mempool are what they were, and that blocks go on. */
function unchanging(name: string, test: () => Promise<void>): void {
  it(name, async () => {
    const state = await node.stateHash();
    await test();
    assert.equal((await node.post('/v1/query/unconfirmed_txs', {})).body.total_txs, 0);
    await node.commits();
    assert.equal(await node.stateHash(), state);
  });
}

/** Valid for longer than the tests take: the end of a replay key's time changes the state. */
async function payment(change: Partial<RawTransaction> = {}, from = seeds[0]!): Promise<RawTransaction> {
  const validUntilHeight = BigInt(await node.height()) + TX_WINDOW_BLOCKS - 100n;
  return rawTransaction(from, { networkId: node.networkId, validUntilHeight }, change);
}

async function submit(bytes: Uint8Array): Promise<{ code: number; message: string }> {
  const { status, body } = await node.post(SUBMIT, { raw_hex_bytes: toHex(bytes) });
  assert.equal(status, 200, JSON.stringify(body));
  return body as { code: number; message: string };
}

async function refused(bytes: Uint8Array, code: number, name: string): Promise<void> {
  const answer = await submit(bytes);
  assert.equal(answer.code, code, `${name}: ${JSON.stringify(answer)}`);
  assert.ok(answer.message.startsWith(`${name}: `), `${name}: ${answer.message}`);
  assert.ok(answer.message.length > name.length + 10, answer.message);
}

describe('a transaction that cannot be', { timeout: 120_000 }, () => {
  const empty = new Uint8Array(0);
  const forms: [string, Partial<RawTransaction>, number, string][] = [
    ['signed by another key', { signature: new Uint8Array(64).fill(1) }, 10, 'TX_SIGNATURE_INVALID'],
    ['without signature', { signature: empty }, 32, 'TX_SIGNATURE_EMPTY'],
    ['with a short signature', { signature: new Uint8Array(63) }, 208, 'TX_SIGNATURE_LENGTH'],
    ['without key', { publicKey: empty }, 31, 'TX_PUBLIC_KEY_EMPTY'],
    ['with a long key', { publicKey: new Uint8Array(33) }, 50, 'TX_PUBLIC_KEY_LENGTH'],
    ["from somebody else's account", { from: new Uint8Array(20).fill(1) }, 3, 'TX_SIGNER_INVALID'],
    ['for another network', { networkId: 'elsewhere' }, 201, 'TX_WRONG_NETWORK'],
    ['for no network', { networkId: '' }, 209, 'TX_BINDING_INVALID'],
    ['in the old form, unbound', { networkId: '', validUntilHeight: 0n }, 210, 'TX_UNBOUND'],
    ['with a network id of spaces', { networkId: ' ' }, 209, 'TX_BINDING_INVALID'],
    ['valid until 0', { validUntilHeight: 0n }, 209, 'TX_BINDING_INVALID'],
    ['expired', { validUntilHeight: 1n }, 202, 'TX_EXPIRED'],
    ['valid for ever', { validUntilHeight: 2n ** 64n - 1n }, 203, 'TX_TOO_FAR'],
    ['without nonce', { nonce: '' }, 30, 'TX_NONCE_EMPTY'],
    ['with a nonce of 65 characters', { nonce: 'n'.repeat(65) }, 207, 'TX_NONCE_INVALID'],
    ['with a line feed as nonce', { nonce: 'a\nb' }, 207, 'TX_NONCE_INVALID'],
    ['with a nonce beyond ASCII', { nonce: 'é' }, 207, 'TX_NONCE_INVALID'],
    ['of nothing', { amount: '0' }, 23, 'TX_AMOUNT_INVALID'],
    ['of no amount', { amount: '' }, 23, 'TX_AMOUNT_INVALID'],
    ['of a negative amount', { amount: '-1' }, 23, 'TX_AMOUNT_INVALID'],
    ['of a fraction', { amount: '1.5' }, 23, 'TX_AMOUNT_INVALID'],
    ['of an amount in hex', { amount: '0x10' }, 23, 'TX_AMOUNT_INVALID'],
    ['of an amount with a leading zero', { amount: '01' }, 23, 'TX_AMOUNT_INVALID'],
    ['of 2^128', { amount: String(2n ** 128n) }, 23, 'TX_AMOUNT_INVALID'],
    ['of 10,000 digits', { amount: '9'.repeat(10_000) }, 23, 'TX_AMOUNT_INVALID'],
    ['of all there could be', { amount: String(2n ** 128n - 1n) }, 41, 'INSUFFICIENT_FUNDS'],
    ['to a short address', { to: new Uint8Array(19) }, 21, 'TX_ADDRESS_LENGTH'],
    ['to nobody', { to: empty }, 20, 'TX_ADDRESS_EMPTY'],
    ['to a pool', { to: POOL_DAO }, 211, 'TX_RECIPIENT_POOL'],
    [
      'of another message',
      { typeUrl: 'type.googleapis.com/utility.MessageChangeParameter' },
      131,
      'TX_UNKNOWN_MESSAGE',
    ],
    ['of no message', { typeUrl: '' }, 131, 'TX_UNKNOWN_MESSAGE'],
    ['of another prefix', { typeUrl: 'example.com/utility.MessageSend' }, 131, 'TX_UNKNOWN_MESSAGE'],
    ['too large', { nonce: 'n'.repeat(16_500) }, 204, 'TX_TOO_LARGE'],
  ];
  unchanging('in its fields is refused', async () => {
    const answers = forms.map(async ([, change, code, name]) => refused(encodeRaw(await payment(change)), code, name));
    await Promise.all(answers);
  });

  unchanging('in its bytes is refused', async () => {
    const valid = encodeRaw(await payment());
    const other = Uint8Array.of(0x32, 0x01, 0x41);
    const nonce = (text: string): Uint8Array => Buffer.concat([Uint8Array.of(0x12, text.length), Buffer.from(text)]);
    const cut = valid.subarray(0, valid.length - 1);
    await refused(cut, 205, 'TX_MALFORMED');
    await refused(randomBytes(300), 205, 'TX_MALFORMED');
    await refused(Uint8Array.of(0x0b), 205, 'TX_MALFORMED');
    await refused(Buffer.concat([valid, other]), 206, 'TX_NOT_CANONICAL');
    await refused(Buffer.concat([valid, nonce('again')]), 206, 'TX_NOT_CANONICAL');
    await refused(Buffer.concat([nonce('first'), valid]), 206, 'TX_NOT_CANONICAL');
    // Fields 4 and 5 of what is well signed, in the other order.
    const network = Buffer.concat([Uint8Array.of(0x22, node.networkId.length), Buffer.from(node.networkId)]);
    const at = Buffer.from(valid).indexOf(network);
    const swapped = [valid.subarray(0, at), valid.subarray(at + network.length), network];
    await refused(Buffer.concat(swapped), 206, 'TX_NOT_CANONICAL');
  });

  unchanging('beyond the window is refused to the block', async () => {
    const next = BigInt(await node.height()) + 1n;
    // Blocks go on meanwhile, so the limit is approached from the far side.
    const far = await payment({ validUntilHeight: next + TX_WINDOW_BLOCKS + 20n });
    await refused(encodeRaw(far), 203, 'TX_TOO_FAR');
    await refused(encodeRaw(await payment({ validUntilHeight: next - 1n })), 202, 'TX_EXPIRED');
  });

  it('again is recognised: pending as 35, committed as 95, also with another signature', async () => {
    const first = await payment({ amount: '25000', to: addressOf(publicKeyOf(new Uint8Array(32).fill(9))) });
    const bytes = encodeRaw(first);
    const twin = encodeRaw({ ...first, signature: otherSignature(first) });
    const both = await node.post(SUBMIT_BATCH, { raw_hex_bytes: [bytes, twin, bytes].map(toHex) });
    const codes = (both.body.results as { code: number }[]).map(({ code }) => code);
    assert.deepEqual(codes, [0, 35, 35]);
    await node.commits(2);
    await refused(bytes, 95, 'TX_COMMITTED');
    await refused(twin, 95, 'TX_COMMITTED');
    // Only the first of the two is in the chain.
    assert.equal((await node.post('/v1/query/balance', { address: toHex(first.to) })).body.balance, 25_000);
  });

  it('all together be paid is refused, counting what is pending', async () => {
    const poor = new Uint8Array(32).fill(9);
    const each = async (): Promise<Uint8Array> => encodeRaw(await payment({ amount: '1' }, poor));
    const batch = await Promise.all([each(), each(), each(), each()]);
    const { body } = await node.post(SUBMIT_BATCH, { raw_hex_bytes: batch.map(toHex) });
    const results = body.results as { code: number; message: string }[];
    // 25,000 pay for two of 10,001.
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0, 41, 41],
    );
    assert.match(results[2]!.message, /^INSUFFICIENT_FUNDS: The account has 25000 uPOKT; .* cost 30003\.$/);
    await node.commits(2);
    const { balance } = (await node.post('/v1/query/balance', { address: toHex(addressOf(publicKeyOf(poor))) })).body;
    assert.equal(balance, 25_000 - 2 * (SEND_FEE_uPOKT + 1));
    await refused(batch[3]!, 41, 'INSUFFICIENT_FUNDS');
  });
});

describe('an HTTP request that is none', { timeout: 120_000 }, () => {
  const bodies: [path: string, body: unknown, status: number, code: string][] = [
    [SUBMIT, '{', 400, 'BODY_NOT_JSON'],
    [SUBMIT, '', 400, 'BODY_NOT_JSON'],
    [SUBMIT, '['.repeat(60_000), 400, 'BODY_NOT_JSON'],
    [SUBMIT, '{"__proto__":{"raw_hex_bytes":"ab"}}', 400, 'BODY_NOT_JSON'],
    [SUBMIT, 'null', 400, 'INVALID_REQUEST'],
    [SUBMIT, [], 400, 'INVALID_REQUEST'],
    [SUBMIT, '"text"', 400, 'INVALID_REQUEST'],
    [SUBMIT, {}, 400, 'INVALID_REQUEST'],
    [SUBMIT, { raw_hex_bytes: 5 }, 400, 'INVALID_REQUEST'],
    [SUBMIT, { raw_hex_bytes: 'ab', more: 1 }, 400, 'INVALID_REQUEST'],
    [SUBMIT, { raw_hex_bytes: '' }, 400, 'HEX_INVALID'],
    [SUBMIT, { raw_hex_bytes: 'abc' }, 400, 'HEX_INVALID'],
    [SUBMIT, { raw_hex_bytes: '0xab' }, 400, 'HEX_INVALID'],
    [SUBMIT, { raw_hex_bytes: 'a'.repeat(70_000) }, 413, 'BODY_TOO_LARGE'],
    [SUBMIT_BATCH, { raw_hex_bytes: [] }, 400, 'INVALID_REQUEST'],
    [SUBMIT_BATCH, { raw_hex_bytes: Array(1_001).fill('ab') }, 400, 'INVALID_REQUEST'],
    [SUBMIT_BATCH, { raw_hex_bytes: ['ab', 1] }, 400, 'HEX_INVALID'],
    [SUBMIT_BATCH, { raw_hex_bytes: 'a'.repeat(9_000_000) }, 413, 'BODY_TOO_LARGE'],
    ['/v1/query/block', { height: -1 }, 400, 'INVALID_REQUEST'],
    ['/v1/query/block', { height: 1.5 }, 400, 'INVALID_REQUEST'],
    ['/v1/query/block', { height: '1' }, 400, 'INVALID_REQUEST'],
    ['/v1/query/block', '{"height":1e400}', 400, 'INVALID_REQUEST'],
    ['/v1/query/block', { height: 2 ** 53 }, 400, 'INVALID_REQUEST'],
    ['/v1/query/block', { height: 2 ** 53 - 1 }, 404, 'BLOCK_NOT_FOUND'],
    ['/v1/query/balance', { address: '00' }, 400, 'HEX_INVALID'],
    ['/v1/query/tx', { hash: "' or 1=1 --" }, 400, 'HEX_INVALID'],
    ['/v1/query/tx', { hash: '00'.repeat(32) }, 404, 'TX_NOT_FOUND'],
    ['/v1/query/unconfirmed_txs', { page: 0 }, 400, 'INVALID_REQUEST'],
    ['/v1/query/unconfirmed_txs', { per_page: 1_001 }, 400, 'INVALID_REQUEST'],
    ['/v1/query/unconfirmed_txs', { page: 2 }, 404, 'PAGE_NOT_FOUND'],
    ['/v1/query/nothing', {}, 404, 'ROUTE_NOT_FOUND'],
  ];
  unchanging('in its body is refused', async () => {
    for (const [path, body, status, code] of bodies) {
      const answer = await node.post(path, body);
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify([path, body]).slice(0, 200));
      assert.ok(String(answer.body.message).length >= 20, JSON.stringify(answer.body));
      assert.doesNotMatch(JSON.stringify(answer.body), /node_modules|at .*:\d+:\d+/);
    }
  });

  unchanging('in its type, path or query is refused', async () => {
    for (const type of ['text/plain', '', 'application/xml']) {
      const answer = await node.post(SUBMIT, '{}', type);
      assert.deepEqual([answer.status, answer.body.code], [415, 'UNSUPPORTED_MEDIA_TYPE'], type);
      assert.match(String(answer.body.message), /application\/json/);
    }
    const gets = {
      [SUBMIT]: [404, 'ROUTE_NOT_FOUND'],
      '/v1/query/%zz': [400, 'BAD_HTTP'],
      '/v1/query/tx_hashes?from=5&to=1': [400, 'INVALID_REQUEST'],
      '/v1/query/tx_hashes?from=0&to=200': [400, 'INVALID_REQUEST'],
      '/v1/query/tx_hashes?from=x&to=1': [400, 'INVALID_REQUEST'],
      '/v1/query/tx_hashes': [400, 'INVALID_REQUEST'],
    };
    for (const [path, expected] of Object.entries(gets)) {
      const answer = await node.get(path);
      assert.deepEqual([answer.status, answer.body.code], expected, path);
    }
  });

  unchanging('in its bytes is refused', async () => {
    const { rpc, metrics } = node.entry.ports;
    assert.match(await exchange(rpc, 'garbage\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"BAD_HTTP"/s);
    assert.match(await exchange(rpc, randomBytes(2_000)), /^HTTP\/1\.1 400 .*"code":"BAD_HTTP"/s);
    const long = `GET /v1/health HTTP/1.1\r\nx: ${'x'.repeat(10_000)}\r\n\r\n`;
    assert.match(await exchange(rpc, long), /^HTTP\/1\.1 431 .*"code":"BAD_HTTP"/s);
    const two = 'POST /v1/query/height HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n';
    assert.match(await exchange(rpc, two), /^HTTP\/1\.1 400 .*"code":"BAD_HTTP"/s);
    assert.match(await exchange(metrics, 'garbage\r\n\r\n'), /^HTTP\/1\.1 400 /);
    const post = await fetch(`${node.entry.metrics_url}/metrics`, { method: 'POST', body: 'x' });
    assert.deepEqual([post.status, ((await post.json()) as { code: string }).code], [405, 'METHOD_NOT_ALLOWED']);
  });
});

const VIOLATIONS = 'potoroo_p2p_violations_total';

async function counted(reason: string, work: () => Promise<unknown>): Promise<void> {
  const before = await node.metric(VIOLATIONS, `reason="${reason}"`);
  await work();
  await until(reason, async () => ((await node.metric(VIOLATIONS, `reason="${reason}"`)) > before ? true : undefined));
}

describe('a peer that speaks garbage', { timeout: 120_000 }, () => {
  unchanging('on the port is cut off and counted', async () => {
    const port = node.entry.ports.p2p;
    const garbage = [randomBytes(5_000), 'GET / HTTP/1.1\r\n\r\n', Buffer.alloc(100_000)];
    await counted('upgrade_failed', async () => {
      cutOff = garbage.map((bytes) => exchange(port, bytes));
      await Promise.race(cutOff);
    });
  });

  unchanging('on its streams is reset, counted and in the end shut out', async () => {
    const peer = await createLibp2p({
      addresses: { listen: [] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), pubsub: gossipsub({ globalSignaturePolicy: StrictNoSign }) },
    });
    try {
      const connection = await peer.dial(multiaddr(node.entry.p2p_address));
      const say = async (protocol: string, bytes: Uint8Array): Promise<void> => {
        const stream = await connection.newStream(protocol);
        stream.send(bytes);
      };
      // The stream may be reset while it is still being opened.
      const utter = (protocol: string, bytes: Uint8Array): Promise<unknown> => say(protocol, bytes).catch(() => null);
      const consensus = '/potoroo/consensus/1.0.0';
      const topic = `potoroo/tx/${node.networkId}/1`;
      peer.services.pubsub.subscribe(topic);
      await until('the subscription', () => peer.services.pubsub.getSubscribers(topic)[0]);
      await counted('gossip_malformed', () => peer.services.pubsub.publish(topic, randomBytes(1_000)));
      await counted('sync_before_handshake', () => utter('/potoroo/sync/1.0.0', Uint8Array.of(0, 0, 0, 3, 4, 9, 9)));
      await counted('frame_too_large', () => utter(consensus, Buffer.alloc(64, 0xff)));
      // The last straw: with this the score of the peer is over the limit.
      await counted('hello_malformed', () => utter(consensus, Uint8Array.of(0, 0, 0, 2, 1, 0)));
      assert.ok((await node.metric('potoroo_p2p_bans_total')) >= 1);
      await until('the end of the connection', () => (connection.status === 'open' ? undefined : true));
      await assert.rejects(peer.dial(connection.remoteAddr).then((again) => again.newStream(consensus)));
    } finally {
      await peer.stop();
    }
  });
});

/** Starts the node of a home that must not start; asserts what the operator reads. */
async function refusesToStart(home: BrokenHome, code: string, advice: RegExp): Promise<void> {
  const outcome = await potoroo('start', '--home', home.home);
  failed(outcome, code, advice);
  assert.equal(home.has('run/node.json') || home.has('run/node.lock'), false, 'nothing claims to run');
}

function failed({ code: exit, stdout, stderr }: Outcome, code: string, advice: RegExp, expected = 1): void {
  assert.deepEqual([exit, stdout], [expected, ''], stderr);
  const last = stderr.split('\n').find((line) => line.startsWith('error ')) ?? stderr;
  assert.ok(last.startsWith(`error ${code}: `), stderr);
  assert.match(last, advice);
  assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace');
}

describe('a home that is broken', { timeout: 240_000 }, () => {
  const cases: [string, (name: string) => BrokenHome, string, RegExp][] = [
    // The first, because a node waits 25 s for its database.
    [
      'no_database',
      (name) => new BrokenHome(node, name, { database: { url: 'postgresql://me:secret@127.0.0.1:1/x' } }),
      'DATABASE_UNREACHABLE',
      /me:\*\*\*@127\.0\.0\.1:1\/x does not answer.*Start it, or correct database\.url/,
    ],
    [
      'unknown_key',
      (name) => new BrokenHome(node, name).edit('config.json', (text) => text.replace('"rpc":{', '"rpc":{"prot":1,')),
      'CONFIG_INVALID',
      /config\.json: rpc\.prot is 1: .*remove it, or write one of host, port,/,
    ],
    [
      'wrong_value',
      (name) => new BrokenHome(node, name, { rpc: { port: 70_000 } }),
      'CONFIG_INVALID',
      /rpc\.port is 70000: .*TCP port/,
    ],
    ['no_json', (name) => new BrokenHome(node, name).write('config.json', '{'), 'CONFIG_UNREADABLE', /config\.json/],
    [
      'genesis_twice',
      (name) => new BrokenHome(node, name).edit('genesis.json', duplicateAccount),
      'GENESIS_DUPLICATE_ADDRESS',
      /[0-9a-f]{40}/,
    ],
    [
      'genesis_unknown',
      (name) => new BrokenHome(node, name).edit('genesis.json', (text) => text.replace('{', '{"chian_id":"x",')),
      'GENESIS_INVALID',
      /chian_id.*remove it/,
    ],
    ['genesis_text', (name) => new BrokenHome(node, name).write('genesis.json', 'garbage'), 'GENESIS_INVALID', /JSON/],
    [
      'no_genesis',
      (name) => new BrokenHome(node, name, { genesis_file: 'absent.json' }),
      'GENESIS_UNREADABLE',
      /absent\.json/,
    ],
    [
      'open_key',
      (name) => {
        const home = new BrokenHome(node, name);
        return home.write('keys/validator.json', home.read('keys/validator.json'), 0o644);
      },
      'KEY_FILE_PERMISSIONS',
      /validator\.json is open to other users: chmod 600/,
    ],
    [
      'broken_record',
      (name) => new BrokenHome(node, name).write('signer/record', 'garbage'),
      'SIGNER_RECORD_CORRUPT',
      /record are damaged.*Do not delete/,
    ],
    [
      'broken_place',
      (name) => new BrokenHome(node, name, { database: { url: '' } }).write('database/place.json', '{"version":1'),
      'EMBEDDED_PLACE',
      /place\.json is damaged/,
    ],
    [
      'busy_p2p',
      (name) => new BrokenHome(node, name, { p2p: { listen: [node.entry.p2p_address] } }),
      'PORT_BUSY',
      /change p2p\.listen/,
    ],
    [
      'busy_rpc',
      (name) => new BrokenHome(node, name, { rpc: { port: node.entry.ports.rpc } }),
      'PORT_BUSY',
      /change rpc\.port/,
    ],
    [
      'busy_metrics',
      (name) => new BrokenHome(node, name, { telemetry: { port: node.entry.ports.metrics } }),
      'PORT_BUSY',
      /change telemetry\.port/,
    ],
    [
      'newer_schema',
      (name) => new BrokenHome(node, name),
      'DATABASE_SCHEMA_NEWER',
      /schema newer_schema has version 99, .*database\.schema/,
    ],
  ];

  unchanging('does not start, and says what to do', async () => {
    await newerSchema('newer_schema');
    // Three at a time: some of them wait.
    const waiting = [...cases].reverse();
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [name, make, code, advice] = next;
        await refusesToStart(make(name), code, advice);
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    const record = readFileSync(join(node.directory, 'broken', 'broken_record', 'signer', 'record'), 'utf8');
    assert.equal(record, 'garbage', 'the record is left as it was');
  });

  unchanging('or in use does not start', async () => {
    failed(await potoroo('start', '--home', node.entry.home), 'HOME_IN_USE', /in use by process \d+: stop it first/);
  });
});

function databaseUrl(): string {
  return node.entry.psql_url!.split('?')[0]!;
}

function duplicateAccount(text: string): string {
  const genesis = JSON.parse(text) as { accounts: unknown[] };
  genesis.accounts.push(genesis.accounts[0]);
  return JSON.stringify(genesis);
}

/** A schema as a later version of this program would leave it. */
async function newerSchema(schema: string): Promise<void> {
  const { hostname, username, pathname } = new URL(databaseUrl());
  const socket = { host: decodeURIComponent(hostname), username, database: pathname.slice(1) };
  const sql = postgres({ ...socket, path: join(socket.host, '.s.PGSQL.5432'), max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(`create schema ${schema};
      create table ${schema}.migration (like potoroo.migration including all);
      insert into ${schema}.migration (version, name, checksum) values (99, 'later', '')`);
  } finally {
    await sql.end();
  }
}

describe('a command line that is wrong', { timeout: 120_000 }, () => {
  it('ends with 2 and says how it is right', async () => {
    const lines: [string[], string, RegExp][] = [
      [['nonsense'], 'USAGE', /unknown command/],
      [['start', '--hmoe', 'x'], 'USAGE', /--home/],
      [['localnet', '--validators', '0'], 'USAGE', /from 1 to 32/],
      [['query', 'block', '1e3'], 'USAGE', /whole number/],
      [['query', 'account', '1234'], 'ADDRESS_INVALID', /40 lower-case hex/],
      [['account', 'send', 'a', '00'.repeat(20), '1.5'], 'AMOUNT_INVALID', /whole number/],
    ];
    for (const [parameters, code, advice] of lines) failed(await potoroo(...parameters), code, advice, 2);
  });

  it('ends with 1 where it is well-formed and fails', async () => {
    const keys = join(directory, 'keys');
    const password = join(directory, 'password');
    writeFileSync(password, 'right\n');
    const made = await potoroo('keys', 'create', '--name', 'a', '--password-file', password, '--keys-dir', keys);
    assert.equal(made.code, 0, made.stderr);
    writeFileSync(password, 'wrong\n');
    const to = '00'.repeat(20);
    const at = ['--node', node.entry.rpc_url];
    const send = (...more: string[]): Promise<Outcome> =>
      potoroo('account', 'send', 'a', to, '1', ...at, '--keys-dir', keys, ...more);
    failed(await send('--password-file', password), 'KEY_PASSWORD_WRONG', /password/i);
    failed(await send(), 'KEY_PASSWORD_MISSING', /password/i);
    failed(await potoroo('query', 'height', '--node', 'http://127.0.0.1:1'), 'NODE_UNREACHABLE', /is it running/);
    failed(await potoroo('query', 'block', '99999999', ...at), 'BLOCK_NOT_FOUND', /the latest is/);
    failed(await potoroo('start', '--home', join(directory, 'absent')), 'HOME_MISSING', /config\.json/);
    failed(
      await potoroo('localnet', '--dir', join(password, 'x'), '--blocks', '1'),
      'FILE_UNUSABLE',
      /password.*check/,
    );
  });
});

describe('after all that', () => {
  it('the slow client was sent away', { timeout: 30_000 }, async () => {
    assert.match(await slowClient, /^HTTP\/1\.1 408 .*"code":"REQUEST_TIMEOUT"/s);
  });

  it('the peers that never came to the point were cut off', { timeout: 30_000 }, async () => {
    await Promise.all(cutOff);
  });

  it('the log is short, speaks of no defect, and holds no secret', () => {
    const { log } = node;
    const lines = log.split('\n').filter((line) => line.startsWith('{'));
    const entries = lines.map((line) => JSON.parse(line) as { level: string; msg: string });
    assert.deepEqual(
      entries.filter(({ level }) => level === 'error' || level === 'fatal'),
      [],
    );
    const warnings = entries.filter(({ level }) => level === 'warn');
    assert.ok(warnings.length < 10, JSON.stringify(warnings));
    const other = entries.filter(({ level, msg }) => level === 'info' && msg !== 'block committed');
    assert.ok(other.length < 40, `${other.length} lines`);
    for (const secret of secrets()) assert.equal(log.includes(secret), false);
  });

  it('the node stops in order', async () => {
    assert.equal(await node.stop(), 0);
    assert.match(node.log, /"msg":"stopped"/);
  });
});

/** Every seed of the network, in hex. */
function secrets(): string[] {
  const keys = join(node.entry.home, 'keys');
  const files = [join(node.directory, 'load-seed'), ...readdirSync(keys).map((name) => join(keys, name))];
  const found = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8').trim();
    return text.startsWith('{') ? [(JSON.parse(text) as { seed: string }).seed] : [text];
  });
  assert.ok(found.length >= 3);
  return [...found, ...seeds.map(toHex)];
}
