import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasCode } from '../../../../runtime/errors.ts';
import { publicKeyOf } from '../../../../wasm/ed25519.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import { encodeAccount } from '../../chain/account.ts';
import { ACTOR_APP, ACTOR_VALIDATOR, type Actor, NO_HEIGHT } from '../../chain/actor.ts';
import { blockHash, decodeBlock, decodeHeader, encodeHeader, type Header } from '../../chain/block.ts';
import { decodeQc } from '../../chain/consensus.ts';
import { genesisValidators, parseGenesis } from '../../chain/genesis.ts';
import { toHex } from '../../chain/hex.ts';
import { trustHeader, verifyHeader } from '../../chain/light-client.ts';
import { POOL_DAO } from '../../chain/pools.ts';
import {
  decodeSnapshotChunk,
  decodeSnapshotManifest,
  encodeSnapshotChunk,
  encodeSnapshotManifest,
  type SnapshotChunk,
  type SnapshotManifest,
} from '../../chain/snapshot.ts';
import { decodeValidatorSet, encodeValidatorSet, validatorSet, validatorSetHash } from '../../chain/validators.ts';
import type { Tip } from '../protocol.ts';
import {
  address,
  advance,
  connect,
  draft,
  type Payment,
  qcOf,
  seedOf,
  startActor,
  type TestActor,
  type TestServer,
  testGenesis,
  testServer,
} from '../testing/harness.ts';

const RESTORER = fileURLToPath(new URL('../testing/restorer.js', import.meta.url));
/** Enough that to restore them takes a moment, in which a process can be killed. */
const ACCOUNTS = 1_500;
const GENESIS = testGenesis({ accounts: ACCOUNTS, window: 4 });
const INTERVAL = 4;
const HEIGHT = 4n;

const coded = (code: string) => (error: unknown) => hasCode(error, code);
const pay = (index: number, balance: bigint, validUntil: bigint): Payment => ({
  to: address(index),
  balance,
  validUntil,
});
const staked = (number: number, stakedAmount: bigint): Actor => ({
  type: ACTOR_VALIDATOR,
  address: address(number),
  publicKey: publicKeyOf(seedOf(number)),
  chains: [],
  serviceUrl: `validator${number}:1`,
  stakedAmount,
  pausedHeight: NO_HEIGHT,
  unstakingHeight: NO_HEIGHT,
  output: address(number),
  missedBlocks: 3n,
  punishedHeight: 2n,
});

/** What each height brings: payments of every kind of validity, and validators that come and go. */
const BLOCKS: Parameters<typeof draft>[1][] = [
  {
    payments: [pay(2, 5n, 3n), pay(7, 0n, 5n), pay(3, 6n, 0n)],
    removedActors: [{ type: ACTOR_APP, address: address(99) }],
  },
  { payments: [pay(2, 7n, 4n)], actors: [staked(50, 9n)] },
  { payments: [pay(2, 8n, 7n), pay(7_001, 9n, 6n)] },
  { payments: [pay(3, 1n, 4n), pay(5, 2n, 8n)], removedActors: [{ type: ACTOR_VALIDATOR, address: address(50) }] },
  { payments: [pay(2, 3n, 9n)], actors: [staked(51, 8n)] },
  { payments: [pay(6, 4n, 9n), pay(7, 1n, 0n)] },
  {},
  { payments: [pay(6, 6n, 12n)] },
  { payments: [pay(6, 7n, 12n)] },
];

/** What anybody can see of a node at its tip. */
async function shown(actor: TestActor) {
  const { voters, commitQc: _, ...tip } = await actor.ask.tip({});
  const { actors } = await actor.ask.validators({ at: tip.blockHash });
  const keys = BLOCKS.flatMap((options, index) =>
    draft({ height: BigInt(index), blockHash: new Uint8Array(32) }, options).receipts.map(({ replayKey }) => replayKey),
  );
  const accounts = [1, 2, 3, 5, 6, 7, 7_001, 50, ACCOUNTS].map(address);
  const read = await actor.ask.read({ at: null, accounts, pools: [POOL_DAO], replayKeys: keys });
  // The service URLs of those who voted are nobody's need.
  const decided = voters.map(({ address: who, power }) => `${toHex(who)} ${power}`);
  const amounts = read.accounts.map((row) => `${toHex(row.address)} ${row.amount}`).sort();
  const replayed = read.replayed.map(toHex).sort();
  return JSON.stringify({ tip, decided, actors, amounts, replayed, pools: read.pools }, (_key, value: unknown) => {
    if (value instanceof Uint8Array || typeof value === 'bigint') return String(value);
    const held = value as { type?: string; data?: number[] } | null;
    return held?.type === 'Buffer' ? String(held.data) : value;
  });
}

describe('snapshots', () => {
  let server: TestServer;
  let folder: string;
  let nodes = 0;
  const actors: TestActor[] = [];

  interface Node {
    actor: TestActor;
    readonly schema: string;
    readonly snapshots: string;
  }
  const start = async (place?: { schema: string; snapshots: string }, interval = INTERVAL): Promise<Node> => {
    nodes += 1;
    const { schema, snapshots } = place ?? { schema: `node_${nodes}`, snapshots: join(folder, `node-${nodes}`) };
    const actor = await startActor(server.url, { schema, snapshots, interval, genesis: GENESIS, timeout_ms: 60_000 });
    actors.push(actor);
    return { actor, schema, snapshots };
  };
  const restart = async (node: Node): Promise<Node> => {
    await node.actor.stop();
    return start(node);
  };
  /** Commits the blocks from the tip up to a height. */
  const grow = async (actor: TestActor, to: bigint): Promise<void> => {
    for (let tip = await actor.ask.tip({}); tip.height < to; ) {
      tip = await advance(actor, BLOCKS[Number(tip.height)]);
    }
  };
  const made = async (actor: TestActor, height: bigint): Promise<Uint8Array> => {
    for (;;) {
      if ((await actor.ask.snapshots({})).heights.includes(height)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return (await actor.ask.manifest({ height })).manifest as Uint8Array;
  };
  const chunkOf = async (actor: TestActor, index: number, height = HEIGHT): Promise<Uint8Array> =>
    (await actor.ask.chunk({ height, index })).chunk as Uint8Array;
  const restore = async (from: TestActor, to: TestActor, manifest: Uint8Array, height = HEIGHT): Promise<Tip> => {
    const { missing } = await to.ask.restoreBegin({ manifest });
    for (const index of missing) await to.ask.restoreChunk({ index, chunk: await chunkOf(from, index, height) });
    return to.ask.restoreEnd({});
  };

  let origin: Node;
  let manifest: Uint8Array;
  let read: SnapshotManifest;

  before(async () => {
    server = await testServer();
    folder = mkdtempSync(join(tmpdir(), 'potoroo-snapshots-'));
    origin = await start();
    await grow(origin.actor, HEIGHT + 1n);
    manifest = await made(origin.actor, HEIGHT);
    read = decodeSnapshotManifest(manifest);
  });
  after(async () => {
    for (const actor of actors) await actor.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are the same on all nodes, whatever certificates they hold', async () => {
    const other = await start();
    for (let tip = await other.actor.ask.tip({}); tip.height <= HEIGHT; tip = await other.actor.ask.tip({})) {
      const { blockHash: hash } = await other.actor.ask.stage(draft(tip, BLOCKS[Number(tip.height)]));
      // Another round of the same decision.
      await other.actor.ask.commit({ blockHash: hash, commitQc: qcOf(hash, tip.height + 1n, 3) });
    }
    assert.deepEqual(toHex(await made(other.actor, HEIGHT)), toHex(manifest));
    for (const index of read.chunks.keys()) {
      assert.ok(Buffer.from(await chunkOf(origin.actor, index)).equals(await chunkOf(other.actor, index)));
    }
    assert.deepEqual(
      [...new Set(read.chunks.map(({ tree }) => tree))],
      ['account', 'params', 'pool', 'transactions', 'val'],
    );
  });

  it('bring an empty node to the same state, from where it goes on as the others do', async () => {
    const twin = await start(undefined, 0);
    await grow(twin.actor, HEIGHT);
    let fresh = await start();
    const tip = await restore(origin.actor, fresh.actor, manifest);
    assert.equal(tip.height, HEIGHT);
    assert.equal(toHex(decodeQc(tip.commitQc as Uint8Array).blockHash), toHex(tip.blockHash));
    assert.deepEqual(fresh.actor.committed, [HEIGHT]);
    assert.equal(await shown(fresh.actor), await shown(twin.actor));
    fresh = await restart(fresh);
    assert.equal(await shown(fresh.actor), await shown(twin.actor));
    for (const to of [5n, 6n, 8n]) {
      for (const { actor } of [twin, fresh]) await grow(actor, to);
      assert.equal(await shown(fresh.actor), await shown(twin.actor));
      fresh = await restart(fresh);
      assert.equal(await shown(fresh.actor), await shown(twin.actor));
    }
    await grow(fresh.actor, 9n);
    await grow(origin.actor, 9n);
    assert.deepEqual(toHex(await made(fresh.actor, 8n)), toHex(await made(origin.actor, 8n)));
    // A third node takes over what the second one made of what it had taken over.
    const third = await start();
    await restore(fresh.actor, third.actor, await made(fresh.actor, 8n), 8n);
    await grow(third.actor, 9n);
    assert.equal(await shown(third.actor), await shown(origin.actor));
  });

  it('are taken over by a node with some blocks and a journal, and what it cannot know it says it does not have', async () => {
    const behind = await start();
    await grow(behind.actor, 2n);
    const waiting = draft({ height: 2n, blockHash: new Uint8Array(32) }, BLOCKS[2]).transactions;
    const later = draft({ height: 20n, blockHash: new Uint8Array(32) }, { payments: [pay(2, 1n, 30n)] }).transactions;
    await behind.actor.ask.journal({ transactions: [...waiting, ...later] });
    const tip = await restore(origin.actor, behind.actor, manifest);
    // What is in the replay window is committed; nothing is known of the other.
    const { transactions } = await behind.actor.ask.journaled({ after: -1n, limit: 10 });
    assert.deepEqual(transactions.map(toHex), later.map(toHex));
    await behind.actor.ask.journal({ transactions: waiting });
    assert.equal((await behind.actor.ask.journaled({ after: -1n, limit: 10 })).transactions.length, 1);
    await grow(behind.actor, 6n);
    const { ask } = behind.actor;
    assert.deepEqual(await ask.snapshots({}), { heights: [HEIGHT], earliest: HEIGHT + 1n });
    const heights = async (from: bigint) =>
      (await ask.blocks({ from, count: 9, maxBytes: 1_000_000 })).blocks.map(
        ({ block }) => decodeBlock(block).header.height,
      );
    assert.deepEqual([await heights(1n), await heights(HEIGHT), await heights(5n)], [[], [], [5n, 6n]]);
    assert.equal((await ask.block({ blockHash: tip.blockHash })).block, null);
    const headers = async (from: bigint) =>
      (await ask.headers({ from, count: 9 })).headers.map(({ header }) => decodeHeader(header).height);
    assert.deepEqual([await headers(1n), await headers(HEIGHT)], [[], [4n, 5n, 6n]]);
    const sql = connect(server.url, behind.schema);
    assert.deepEqual(
      [...(await sql`select state_from, blocks_from, latest from v_extent`)],
      [{ state_from: '4', blocks_from: '5', latest: '6' }],
    );
    assert.deepEqual([...(await sql`select count(*)::int as n from tx where height <= 4`)], [{ n: 0 }]);
    await sql.end();
  });

  it('come with headers that a light client follows from genesis across changes of the validators', async () => {
    const { headers } = await origin.actor.ask.headers({ from: 1n, count: 300 });
    const sql = connect(server.url, origin.schema);
    const [genesis] = await sql<{ header: Uint8Array }[]>`select header from block where height = 0`;
    await sql.end();
    let trusted = trustHeader(decodeHeader((genesis as { header: Uint8Array }).header));
    let validators = genesisValidators(parseGenesis(GENESIS));
    const changes: bigint[] = [];
    for (const stored of headers) {
      const header = decodeHeader(stored.header);
      if (validators.list.length === 1) trusted = verifyHeader(trusted, header, stored.commitQc, validators);
      // One validator signs for all in these tests: the set of two is shown, but has no quorum.
      else trusted = trustHeader(header);
      if (stored.validators.length === 0) continue;
      validators = decodeValidatorSet(stored.validators);
      assert.equal(toHex(validatorSetHash(validators)), toHex(header.nextValSetHash));
      changes.push(header.height);
    }
    assert.deepEqual(changes.slice(0, 3), [2n, 4n, 5n]);
    assert.equal((await origin.actor.ask.headers({ from: 2n, count: 2 })).headers.length, 2);
    for (const range of [
      { from: 1_000n, count: 5 },
      { from: 1n, count: 0 },
    ]) {
      assert.deepEqual((await origin.actor.ask.headers(range)).headers, []);
    }
    assert.equal((await origin.actor.ask.manifest({ height: 3n })).manifest, null);
    for (const index of [-1, 0.5, 99, 1e9]) {
      assert.equal((await origin.actor.ask.chunk({ height: HEIGHT, index })).chunk, null);
    }
  });

  it('are refused where a part is another than its hash, its header or its network says', async () => {
    const { actor } = await start();
    const begin = (bytes: Uint8Array) => actor.ask.restoreBegin({ manifest: bytes });
    await assert.rejects(actor.ask.restoreEnd({}), coded('SNAPSHOT_NOT_BEGUN'));
    await assert.rejects(begin(manifest.subarray(1)), coded('SNAPSHOT_MALFORMED'));
    await assert.rejects(begin(encoded(read, { networkId: 'other' })), coded('SNAPSHOT_WRONG_NETWORK'));
    await begin(manifest);
    await assert.rejects(actor.ask.restoreEnd({}), coded('SNAPSHOT_INCOMPLETE'));
    const first = await chunkOf(origin.actor, 0);
    const flipped = Uint8Array.from(first, (byte, place) => (place === 100 ? byte ^ 1 : byte));
    for (const [index, chunk] of [
      [0, flipped],
      [1, first],
      [0, first.subarray(1)],
      [-1, first],
      [read.chunks.length, first],
    ] as const) {
      await assert.rejects(actor.ask.restoreChunk({ index, chunk }), coded('SNAPSHOT_CHUNK_MISMATCH'));
    }
    await restore(origin.actor, actor, manifest);
    await assert.rejects(begin(manifest), coded('SNAPSHOT_NOT_NEEDED'));
    const near = await start();
    await grow(near.actor, HEIGHT - 1n);
    await assert.rejects(near.actor.ask.restoreBegin({ manifest }), coded('SNAPSHOT_NOT_NEEDED'));
  });

  it('change nothing where their rows are not the state of the header, and leave nothing behind', async () => {
    const node = await start();
    const untouched = await shown(node.actor);
    const lies: [string, string, (chunk: SnapshotChunk) => void][] = [
      ['STATE_HASH_MISMATCH', 'account', ({ values }) => values.splice(3, 1)],
      [
        'STATE_HASH_MISMATCH',
        'account',
        ({ values }) => values.splice(0, 1, encodeAccount({ address: new Uint8Array(20), amount: 1n })),
      ],
      ['STATE_HASH_MISMATCH', 'transactions', ({ values }) => values.pop()],
      ['SNAPSHOT_INVALID', 'account', ({ values }) => values.reverse()],
      ['SNAPSHOT_INVALID', 'account', ({ values }) => values.splice(1, 0, values[0] as Uint8Array)],
      ['SNAPSHOT_INVALID', 'params', ({ values }) => values.push(Uint8Array.of(1))],
      ['SNAPSHOT_INVALID', 'val', (chunk) => Object.assign(chunk, { tree: 'servicer' })],
    ];
    for (const [code, tree, lie] of lies) {
      const chunks = await Promise.all(read.chunks.map((_, index) => chunkOf(origin.actor, index)));
      const index = read.chunks.findIndex((info) => info.tree === tree);
      const chunk = decodeSnapshotChunk(chunks[index] as Uint8Array);
      lie(chunk);
      chunks[index] = encodeSnapshotChunk(chunk);
      const info = { hash: sha256(chunks[index]), bytes: chunks[index].length, rows: chunk.values.length };
      const listed = read.chunks.map((one, place) => (place === index ? { ...one, ...info } : one));
      await node.actor.ask.restoreBegin({ manifest: encoded({ ...read, chunks: listed }) });
      for (const [place, bytes] of chunks.entries()) await node.actor.ask.restoreChunk({ index: place, chunk: bytes });
      await assert.rejects(node.actor.ask.restoreEnd({}), coded(code));
      assert.equal(await shown(node.actor), untouched);
      assert.deepEqual(readdirSync(node.snapshots), []);
    }
    await advance(node.actor);
    await restore(origin.actor, (await restart(node)).actor, manifest);
  });

  it('are fetched on from where it was after a restart, unless it is another one', async () => {
    let node = await start();
    const all = [...read.chunks.keys()];
    assert.deepEqual((await node.actor.ask.restoreBegin({ manifest })).missing, all);
    for (const index of [1, 3]) {
      await node.actor.ask.restoreChunk({ index, chunk: await chunkOf(origin.actor, index) });
    }
    node = await restart(node);
    await assert.rejects(node.actor.ask.restoreEnd({}), coded('SNAPSHOT_NOT_BEGUN'));
    const rest = all.filter((index) => index !== 1 && index !== 3);
    assert.deepEqual((await node.actor.ask.restoreBegin({ manifest })).missing, rest);
    // A chunk that the disk lost its content of.
    writeFileSync(join(node.snapshots, 'incoming', 'chunk-00003'), 'torn');
    node = await restart(node);
    assert.deepEqual((await node.actor.ask.restoreBegin({ manifest })).missing, [...rest, 3].sort());
    const other = encoded({ ...read, commitQc: qcOf(blockHash(read.header), HEIGHT, 9) });
    assert.deepEqual((await node.actor.ask.restoreBegin({ manifest: other })).missing, all);
    assert.deepEqual((await node.actor.ask.restoreBegin({ manifest })).missing, all);
    await restore(origin.actor, node.actor, manifest);
    // Nothing is left to do, and the snapshot serves others.
    assert.deepEqual(readdirSync(node.snapshots), ['4']);
    assert.deepEqual(toHex(await made(node.actor, HEIGHT)), toHex(manifest));
  });

  it('are made again where they were not finished, kept twice, and removed where the chain is another', async () => {
    let node = await start(undefined, 2);
    await grow(node.actor, 4n);
    await made(node.actor, 2n);
    await node.actor.stop();
    rmSync(join(node.snapshots, '2'), { recursive: true });
    mkdirSync(join(node.snapshots, '2.new'));
    node = await start(node, 2);
    await made(node.actor, 2n);
    assert.deepEqual(readdirSync(node.snapshots), ['2']);
    await grow(node.actor, 5n);
    await made(node.actor, 4n);
    await grow(node.actor, 7n);
    await made(node.actor, 6n);
    assert.deepEqual((await node.actor.ask.snapshots({})).heights, [4n, 6n]);
    assert.match(await node.actor.metrics.metrics(), /potoroo_persistence_snapshot_height 6/);
    await node.actor.stop();
    const anew = await start({ schema: `${node.schema}_anew`, snapshots: node.snapshots }, 0);
    assert.deepEqual((await anew.actor.ask.snapshots({})).heights, []);
    assert.deepEqual(readdirSync(node.snapshots), []);
  });

  it('cost a node nothing where there is no place for them', async () => {
    const snapshots = join(folder, 'a-file');
    writeFileSync(snapshots, '');
    const { actor } = await start({ schema: 'placeless', snapshots });
    await grow(actor, HEIGHT + 2n);
    assert.deepEqual(await actor.ask.snapshots({}), { heights: [], earliest: 1n });
    for (;;) {
      // The place itself, and the snapshot of height 4.
      if (/snapshot_failures_total 2/.test(await actor.metrics.metrics())) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await grow(actor, 8n);
  });

  it('hold up no reader, and let nothing be committed beside them', async () => {
    const { actor, schema } = await start();
    const untouched = await shown(actor);
    const block = draft(await actor.ask.tip({}), BLOCKS[0]);
    const { blockHash: hash } = await actor.ask.stage(block);
    const { missing } = await actor.ask.restoreBegin({ manifest });
    for (const index of missing) await actor.ask.restoreChunk({ index, chunk: await chunkOf(origin.actor, index) });
    const lock = await lockTable(schema, 'journal');
    const end = actor.ask.restoreEnd({});
    await lock.waitedFor();
    assert.equal(await shown(actor), untouched);
    await assert.rejects(actor.ask.stage(draft({ height: 1n, blockHash: hash })), coded('SNAPSHOT_RESTORING'));
    const commit = actor.ask.commit({ blockHash: hash, commitQc: qcOf(hash) });
    await assert.rejects(commit, coded('SNAPSHOT_RESTORING'));
    await assert.rejects(actor.ask.restoreEnd({}), coded('SNAPSHOT_RESTORING'));
    await lock.release();
    assert.equal((await end).height, HEIGHT);
    await assert.rejects(actor.ask.stage(draft({ height: 1n, blockHash: hash })), coded('PARENT_UNKNOWN'));
    await grow(actor, 6n);
  });

  describe('when the process is killed', () => {
    /** The point of death: a line of the restorer, or the table that its transaction waits for. */
    const points: { at: string; waits?: string; restored: boolean }[] = [
      { at: 'begun', restored: false },
      { at: 'chunk 2', restored: false },
      { at: 'ending', waits: 'account', restored: false },
      { at: 'ending', waits: 'journal', restored: false },
      { at: 'ended', restored: true },
    ];
    for (const { at, waits, restored } of points) {
      it(`after "${at}"${waits ? `, where it writes ${waits}` : ''}: the state is the old or the new one`, async () => {
        const place = await emptyNode();
        const lock = waits === undefined ? null : await lockTable(place.schema, waits);
        const child = await restorer(place, at);
        await lock?.waitedFor();
        await kill(child);
        const starting = start(place);
        await lock?.release();
        const { actor } = await starting;
        assert.equal((await actor.ask.tip({})).height, restored ? HEIGHT : 0n);
        if (!restored) await restore(origin.actor, actor, manifest);
        await grow(actor, HEIGHT + 1n);
      });
    }

    it('at any time of the transaction: the state is the old or the new one', async () => {
      for (const delay_ms of [5, 20, 50, 100, 200]) {
        const place = await emptyNode();
        const child = await restorer(place, 'ending');
        await new Promise((resolve) => setTimeout(resolve, delay_ms));
        await kill(child);
        const { actor } = await start(place);
        const { height } = await actor.ask.tip({});
        assert.ok(height === 0n || height === HEIGHT, `height ${height}`);
        if (height === 0n) {
          const { missing } = await actor.ask.restoreBegin({ manifest });
          assert.deepEqual(missing, []);
          await actor.ask.restoreEnd({});
        }
        await grow(actor, HEIGHT + 1n);
        await actor.stop();
      }
    });
  });

  /** A node at genesis that does not run. */
  async function emptyNode(): Promise<{ schema: string; snapshots: string }> {
    const { actor, ...place } = await start();
    await actor.stop();
    return place;
  }

  /** A process that restores, up to a line of its output. */
  async function restorer(place: { schema: string; snapshots: string }, until: string): Promise<ChildProcess> {
    const genesis = join(folder, 'genesis.json');
    writeFileSync(genesis, GENESIS);
    // The origin may be at work in its own directory: a store that opens removes what is unfinished.
    const source = join(folder, 'source');
    if (!readdirSync(folder).includes('source')) await copySnapshot(source);
    const child = spawn(
      process.execPath,
      [RESTORER, server.url, place.schema, place.snapshots, source, String(HEIGHT), genesis],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    for await (const line of createInterface({ input: child.stdout })) if (line === until) return child;
    throw new Error(`the restorer ended before "${until}"`);
  }

  async function copySnapshot(source: string): Promise<void> {
    const directory = join(source, String(HEIGHT));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'manifest'), manifest);
    for (const index of read.chunks.keys()) {
      writeFileSync(join(directory, `chunk-${String(index).padStart(5, '0')}`), await chunkOf(origin.actor, index));
    }
  }

  /** Holds a table, so that whoever writes it waits; readers do not. */
  async function lockTable(schema: string, table: string) {
    const [holder, watcher] = [connect(server.url, schema), connect(server.url, schema)];
    await holder`begin`;
    await holder`lock table ${holder(table)} in exclusive mode`;
    const waiting = () =>
      watcher`select 1 from pg_locks where not granted and relation = ${`${schema}.${table}`}::regclass`;
    return {
      async waitedFor(): Promise<void> {
        while ((await waiting()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      },
      async release(): Promise<void> {
        await holder`rollback`;
        await Promise.all([holder.end(), watcher.end()]);
      },
    };
  }
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** A manifest with other parts; of another header, with a certificate for that. */
function encoded(manifest: SnapshotManifest, change: Partial<Header> = {}): Uint8Array {
  const header = { ...manifest.header, ...change };
  const commitQc = Object.keys(change).length === 0 ? manifest.commitQc : qcOf(blockHash(header), header.height);
  const voters = encodeValidatorSet(validatorSet(manifest.voters.list));
  return encodeSnapshotManifest({ header: encodeHeader(header), commitQc, voters, chunks: manifest.chunks });
}
