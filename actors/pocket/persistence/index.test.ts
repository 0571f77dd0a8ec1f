import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hasCode } from '../../../runtime/errors.ts';
import { sha3_256 } from '../../../wasm/hash.ts';
import { blockHash, decodeBlock, decodeHeader, encodeHeader } from '../chain/block.ts';
import { toHex } from '../chain/hex.ts';
import { POOL_DAO } from '../chain/pools.ts';
import {
  address,
  advance,
  connect,
  draft,
  type Payment,
  qcOf,
  startActor,
  type TestActor,
  type TestServer,
  testGenesis,
  testServer,
} from './testing/harness.ts';

const coded = (code: string) => (error: unknown) => hasCode(error, code);
/** A Buffer of the database and a Uint8Array of ours are the same bytes to us, not to assert. */
const plain = (value: object) =>
  JSON.parse(
    JSON.stringify(value, (key, inner: unknown) => {
      const held = inner as { type?: string; data?: number[] } | null;
      if (held?.type === 'Buffer') return toHex(Uint8Array.from(held.data ?? []));
      if (inner instanceof Uint8Array) return toHex(inner);
      return typeof inner === 'bigint' ? `${key} ${inner}` : inner;
    }),
  ) as object;
const pay = (index: number, balance: bigint, validUntil = 1_000n): Payment => ({
  to: address(index),
  balance,
  validUntil,
});

describe('persistence', () => {
  let server: TestServer;
  let schemas = 0;
  const actors: TestActor[] = [];
  const start = async (options: Parameters<typeof startActor>[1] = {}): Promise<TestActor> => {
    const actor = await startActor(server.url, { schema: `test_${schemas}`, ...options });
    actors.push(actor);
    return actor;
  };
  const startFresh = (options: Parameters<typeof startActor>[1] = {}): Promise<TestActor> => {
    schemas += 1;
    return start(options);
  };

  before(async () => {
    server = await testServer();
  });
  after(async () => {
    for (const actor of actors) await actor.stop();
    await server.stop();
  });

  it('begins with the genesis state as block 0', async () => {
    const actor = await startFresh();
    const tip = await actor.ask.tip({});
    assert.equal(tip.height, 0n);
    assert.equal(tip.commitQc, null);
    const read = await actor.ask.read({
      at: null,
      accounts: [address(1), address(77)],
      pools: [POOL_DAO],
      replayKeys: [],
    });
    assert.deepEqual(plain(read.accounts), plain([{ address: address(1), amount: 1_000_000n }]));
    assert.equal(read.pools[0]?.amount, 0n);
    assert.deepEqual((await actor.ask.blocks({ from: 0n, count: 10, maxBytes: 1_000 })).blocks, []);
    const { block } = await actor.ask.block({ blockHash: tip.blockHash });
    assert.equal(decodeBlock(block as Uint8Array).header.height, 0n);
  });

  it('fills in a draft, and gives the same hash for the complete header', async () => {
    const actor = await startFresh();
    const proposed = draft(await actor.ask.tip({}), { payments: [pay(2, 5n)] });
    const { header, blockHash: hash } = await actor.ask.stage(proposed);
    const complete = decodeHeader(header);
    assert.equal(complete.stateHash.length, 32);
    assert.equal(complete.stateTreeHashes.length, 10);
    assert.deepEqual(blockHash(complete), hash);
    assert.deepEqual((await actor.ask.stage({ ...proposed, header })).blockHash, hash);
    const wrong = encodeHeader({ ...complete, stateHash: sha3_256(hash) });
    await assert.rejects(actor.ask.stage({ ...proposed, header: wrong }), coded('STATE_HASH_MISMATCH'));
    const other = encodeHeader({ ...complete, prevStateHash: sha3_256(hash) });
    await assert.rejects(actor.ask.stage({ ...proposed, header: other }), coded('HEADER_INVALID'));
    const orphan = encodeHeader({ ...complete, parentHash: sha3_256(hash), stateHash: new Uint8Array() });
    await assert.rejects(actor.ask.stage({ ...proposed, header: orphan }), coded('PARENT_UNKNOWN'));
    assert.equal((await actor.ask.tip({})).height, 0n);
  });

  it('reads a staged block through its branch, and drops the other branch on commit', async () => {
    const actor = await startFresh();
    const genesis = await actor.ask.tip({});
    const a = await actor.ask.stage(draft(genesis, { payments: [pay(2, 7n)], tag: 'a' }));
    const b = await actor.ask.stage(draft(genesis, { payments: [pay(2, 9n)], tag: 'b', time: 1_900_000_000_000n }));
    const child = await actor.ask.stage(draft({ height: 1n, blockHash: a.blockHash }, { payments: [pay(3, 1n)] }));
    const at = (hash: Uint8Array | null) =>
      actor.ask.read({ at: hash, accounts: [address(2), address(3)], pools: [], replayKeys: [] });
    const amounts = async (hash: Uint8Array | null) =>
      new Map((await at(hash)).accounts.map((row) => [toHex(row.address), row.amount])).get(toHex(address(2)));
    assert.equal(await amounts(a.blockHash), 7n);
    assert.equal(await amounts(child.blockHash), 7n);
    assert.equal(await amounts(b.blockHash), 9n);
    assert.equal(await amounts(null), 1_000_000n);
    assert.equal((await at(child.blockHash)).height, 2n);
    await actor.ask.commit({ blockHash: a.blockHash, commitQc: qcOf(a.blockHash) });
    assert.equal(await amounts(null), 7n);
    await assert.rejects(at(b.blockHash), coded('PARENT_UNKNOWN'));
    await assert.rejects(
      actor.ask.commit({ blockHash: b.blockHash, commitQc: qcOf(b.blockHash) }),
      coded('BLOCK_NOT_STAGED'),
    );
    await actor.ask.commit({ blockHash: child.blockHash, commitQc: qcOf(child.blockHash) });
    assert.deepEqual(actor.committed, [1n, 2n]);
    const again = await actor.ask.commit({ blockHash: child.blockHash, commitQc: qcOf(child.blockHash) });
    assert.equal(again.height, 2n);
    // Who decides the height after an older block is not remembered; nobody commits that late.
    const late = actor.ask.commit({ blockHash: a.blockHash, commitQc: qcOf(a.blockHash) });
    await assert.rejects(late, coded('BLOCK_NOT_STAGED'));
    assert.deepEqual(actor.committed, [1n, 2n]);
  });

  it('commits a whole branch with the QCs that its headers carry', async () => {
    const actor = await startFresh();
    const one = await actor.ask.stage(draft(await actor.ask.tip({})));
    const two = await actor.ask.stage(draft({ height: 1n, blockHash: one.blockHash }, { payments: [pay(1, 3n)] }));
    await actor.ask.commit({ blockHash: two.blockHash, commitQc: qcOf(two.blockHash) });
    const { blocks } = await actor.ask.blocks({ from: 1n, count: 10, maxBytes: 1_000_000 });
    assert.deepEqual(
      blocks.map(({ commitQc }) => toHex(commitQc)),
      [toHex(qcOf(one.blockHash)), toHex(qcOf(two.blockHash))],
    );
    assert.deepEqual(
      blocks.map(({ block }) => toHex(blockHash(decodeBlock(block).header))),
      [toHex(one.blockHash), toHex(two.blockHash)],
    );
    assert.equal((await actor.ask.blocks({ from: 1n, count: 10, maxBytes: 1 })).blocks.length, 1);
    assert.equal((await actor.ask.blocks({ from: 3n, count: 10, maxBytes: 1 })).blocks.length, 0);
  });

  it('rebuilds the same state after a restart, staged blocks included', async () => {
    const genesis = testGenesis({ accounts: 40, window: 5 });
    const actor = await startFresh({ genesis });
    for (let height = 1; height <= 12; height++) {
      await advance(actor, {
        payments: [
          pay(height, BigInt(height), BigInt(height + (height % 5))),
          pay(41, 2n ** 128n - BigInt(height), 0n),
        ],
      });
    }
    const tip = await actor.ask.tip({});
    const staged = await actor.ask.stage(draft(tip, { payments: [pay(2, 2n ** 127n, 15n)] }));
    const child = await actor.ask.stage(draft({ height: 13n, blockHash: staged.blockHash }));
    await actor.stop();
    const restarted = await start({ genesis });
    assert.deepEqual(plain(await restarted.ask.tip({})), plain(tip));
    const read = await restarted.ask.read({ at: child.blockHash, accounts: [address(2)], pools: [], replayKeys: [] });
    assert.equal(read.accounts[0]?.amount, 2n ** 127n);
    await restarted.ask.commit({ blockHash: staged.blockHash, commitQc: qcOf(staged.blockHash) });
    // The child was staged by the former life: it must come out equal in this one.
    await restarted.ask.commit({ blockHash: child.blockHash, commitQc: qcOf(child.blockHash) });
    assert.equal((await restarted.ask.tip({})).height, 14n);
  });

  it('remembers a replay key exactly as long as its transaction could be committed', async () => {
    const actor = await startFresh();
    const tip = await actor.ask.tip({});
    const body = draft(tip, { payments: [pay(1, 1n, 1n), pay(2, 2n, 3n), pay(3, 3n, 0n)] });
    const keys = body.receipts.map(({ replayKey }) => replayKey);
    const remembered = async (at: Uint8Array | null) => {
      const { replayed } = await actor.ask.read({ at, accounts: [], pools: [], replayKeys: keys });
      return keys.map((key) => replayed.some((found) => toHex(found) === toHex(key)));
    };
    const { blockHash: hash } = await actor.ask.stage(body);
    assert.deepEqual(await remembered(null), [false, false, false]);
    assert.deepEqual(await remembered(hash), [true, true, true]);
    // Two more on top, still staged: the window moves with the branch.
    const two = await actor.ask.stage(draft({ height: 1n, blockHash: hash }));
    assert.deepEqual(await remembered(two.blockHash), [false, true, true]);
    for (const block of [hash, two.blockHash]) await actor.ask.commit({ blockHash: block, commitQc: qcOf(block) });
    await advance(actor);
    assert.deepEqual(await remembered(null), [false, true, true]);
    await advance(actor);
    assert.deepEqual(await remembered(null), [false, false, true]);
    await actor.stop();
    const restarted = await start();
    const { replayed } = await restarted.ask.read({ at: null, accounts: [], pools: [], replayKeys: keys });
    assert.deepEqual(replayed.map(toHex), [toHex(keys[2] as Uint8Array)]);
  });

  it('keeps accepted transactions until they are committed or forgotten', async () => {
    const actor = await startFresh();
    const body = draft(await actor.ask.tip({}), { payments: [pay(1, 1n), pay(2, 2n)] });
    const others = Array.from({ length: 5 }, (_, index) => new TextEncoder().encode(`other ${index}`));
    await Promise.all([...body.transactions, ...others].map((bytes) => actor.ask.journal({ transactions: [bytes] })));
    await actor.ask.journal({ transactions: others });
    const { blockHash: hash } = await actor.ask.stage(body);
    await actor.ask.commit({ blockHash: hash, commitQc: qcOf(hash) });
    // Committed while this write was on its way: nothing would take it out of the journal again.
    await actor.ask.journal({ transactions: body.transactions });
    await actor.ask.forget({ hashes: [sha3_256(others[1] as Uint8Array)] });
    await actor.stop();
    const restarted = await start();
    const texts: string[] = [];
    for (let after = -1n; ; ) {
      const page = await restarted.ask.journaled({ after, limit: 2 });
      if (page.transactions.length === 0) break;
      texts.push(...page.transactions.map((bytes) => new TextDecoder().decode(bytes)));
      after = page.last;
    }
    assert.deepEqual(texts, ['other 0', 'other 2', 'other 3', 'other 4']);
    assert.match(await restarted.metrics.metrics(), /potoroo_persistence_journal_transactions 4/);
  });

  it('refuses another genesis, and says nothing is well with rows that were changed', async () => {
    const actor = await startFresh();
    await advance(actor, { payments: [pay(2, 4n)] });
    await actor.stop();
    await assert.rejects(start({ genesis: testGenesis({ window: 11 }) }), coded('GENESIS_MISMATCH'));
    const sql = connect(server.url, `test_${schemas}`);
    await sql`update account set amount = amount + 1 where height = 1`;
    await sql.end();
    await assert.rejects(start(), (error: Error & { data?: { trees?: string[] } }) => {
      assert.deepEqual(error.data?.trees, ['account']);
      return hasCode(error, 'STATE_CORRUPT');
    });
  });

  it('shows balances at two heights to psql', async () => {
    const actor = await startFresh();
    const at1 = await advance(actor, { payments: [pay(2, 11n)] });
    await advance(actor, { payments: [{ ...pay(2, 22n), code: 41 }] });
    const sql = connect(server.url, 'public');
    const schema = sql(`test_${schemas}`);
    const account = toHex(address(2));
    const rows = await sql`
      select h, a.amount from generate_series(0, 2) h, ${schema}.account_at(${account}, h) a order by h`;
    assert.deepEqual(
      rows.map(({ amount }) => amount),
      ['1000000', '11', '22'],
    );
    assert.equal((await sql`select * from ${schema}.v_accounts where address = ${account}`)[0]?.amount, '22');
    assert.equal((await sql`select * from ${schema}.pools_at(1) where name = 'DAO'`)[0]?.amount, '10');
    assert.equal((await sql`select * from ${schema}.v_pools`).length, 6);
    assert.equal((await sql`select * from ${schema}.v_blocks`).length, 3);
    assert.equal((await sql`select * from ${schema}.block_by_hash(${toHex(at1.blockHash)})`)[0]?.height, '1');
    const sent = await sql`select * from ${schema}.transactions_of(${account}) order by height desc limit 1`;
    assert.equal(sent[0]?.code, 41);
    const found = await sql`select height from ${schema}.transaction_by_hash(${sent[0]?.hash})`;
    assert.equal(found[0]?.height, '2');
    assert.equal((await sql`select * from ${schema}.v_actors`).length, 2);
    assert.equal((await sql`select value from ${schema}.v_params where name = 'message_send_fee'`)[0]?.value, '10000');
    await sql.end();
  });

  it('forgets the least used block when too many are staged, and refuses great depth', async () => {
    const actor = await startFresh();
    const tip = await actor.ask.tip({});
    const hashes: Uint8Array[] = [];
    for (let index = 0; index < 129; index++) {
      // The first stays in use.
      if (index > 0) await actor.ask.block({ blockHash: hashes[0] as Uint8Array });
      hashes.push((await actor.ask.stage(draft(tip, { time: 2_000_000_000_000n + BigInt(index) }))).blockHash);
    }
    const block = async (index: number) => (await actor.ask.block({ blockHash: hashes[index] as Uint8Array })).block;
    assert.notEqual(await block(0), null);
    assert.equal(await block(1), null);
    assert.notEqual(await block(2), null);
    let parent = { height: 1n, blockHash: hashes[0] as Uint8Array };
    for (; parent.height < 16n; ) {
      parent = { height: parent.height + 1n, blockHash: (await actor.ask.stage(draft(parent))).blockHash };
    }
    await assert.rejects(actor.ask.stage(draft(parent)), coded('STAGING_FULL'));
  });

  it('commits what it was asked to although the server is killed in between', async () => {
    const actor = await startFresh({ timeout_ms: 15_000 });
    await advance(actor, { payments: [pay(1, 1n)] });
    for (let round = 0; round < 3; round++) {
      const staged = await actor.ask.stage(draft(await actor.ask.tip({}), { payments: [pay(2, BigInt(round))] }));
      const commit = actor.ask.commit({ blockHash: staged.blockHash, commitQc: qcOf(staged.blockHash) });
      const journal = actor.ask.journal({ transactions: [new TextEncoder().encode(`tx ${round}`)] });
      if (round > 0) await new Promise((resolve) => setTimeout(resolve, round * 2));
      process.kill(server.embedded.pid, 'SIGKILL');
      assert.equal((await commit).height, BigInt(round + 2));
      await journal;
    }
    const tip = await actor.ask.tip({});
    await actor.stop();
    const restarted = await start();
    assert.deepEqual(plain(await restarted.ask.tip({})), plain(tip));
    assert.equal((await restarted.ask.journaled({ after: 0n, limit: 10 })).transactions.length, 3);
  });
});
