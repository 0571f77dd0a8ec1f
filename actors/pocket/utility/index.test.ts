import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyRoot, decodeBlock, encodeBlock } from '../chain/block.ts';
import { toHex } from '../chain/hex.ts';
import { POOL_DAO } from '../chain/pools.ts';
import { decodeTransaction, transactionHash } from '../chain/transaction.ts';
import { doubleSign } from './test-support/chain.ts';
import { genesisText, send, testKey } from './test-support/fixtures.ts';
import { World } from './test-support/world.ts';

const [alice, bob, carol, leader] = [1, 2, 3, 4].map(testKey) as [
  ReturnType<typeof testKey>,
  ReturnType<typeof testKey>,
  ReturnType<typeof testKey>,
  ReturnType<typeof testKey>,
];
const FEE = 10_000n;
const GENESIS = genesisText(
  [leader],
  [
    [alice, 1_000_000n],
    [bob, 1_000_000n],
  ],
);
const hashOf = (bytes: Uint8Array): string => toHex(transactionHash(bytes));

/** What one validator signed, said of another. */
function forgedBy(signer: typeof alice, offender: typeof alice): Uint8Array {
  return doubleSign({ ...offender, seed: signer.seed }, 1n, 8n);
}

async function world(settings: object = {}, genesis = GENESIS): Promise<World> {
  const made = new World(genesis, settings);
  await made.host.start();
  await made.host.advance(1_000);
  return made;
}

test('from submission to commit', async () => {
  const w = await world();
  const tx = send(alice, carol.address, 7n, 'a');
  assert.deepEqual(await w.submit(tx), [0]);
  assert.ok(w.store.journal.has(hashOf(tx)), 'journaled before it was answered');
  assert.deepEqual(w.gossiped, [hashOf(tx)]);
  assert.deepEqual(w.heard, [1]);
  assert.deepEqual(await w.submit(tx), [35]);

  const { block, blockHash } = await w.propose(leader.address);
  const { header, transactions } = decodeBlock(block);
  assert.deepEqual(transactions.map(hashOf), [hashOf(tx)]);
  assert.equal(header.height, 1n);
  assert.deepEqual(await w.pendingHashes(), [hashOf(tx)], 'it stays until it is committed');

  await w.commit(blockHash);
  assert.equal(w.balance(carol.hex), 7n);
  assert.equal(w.balance(alice.hex), 1_000_000n - 7n - FEE);
  assert.equal(w.balance(leader.hex), 1_000n);
  assert.deepEqual(await w.pendingHashes(), []);
  assert.deepEqual(w.heard, [1, 0]);
  assert.deepEqual(await w.submit(tx), [95]);
  await w.host.stop();
});

test('every refusal has its code and changes nothing', async () => {
  const w = await world();
  const good = send(alice, carol.address, 7n, 'a');
  const cases: [number, Uint8Array][] = [
    [3, send({ ...alice, seed: bob.seed }, carol.address, 1n, 'a')],
    [41, send(alice, carol.address, 990_001n, 'a')],
    [41, send(carol, alice.address, 1n, 'a')],
    [201, send(alice, carol.address, 1n, 'a', { networkId: 'other' })],
    [203, send(alice, carol.address, 1n, 'a', { validUntilHeight: 22n })],
    [204, new Uint8Array(20_000)],
    [205, new Uint8Array([255])],
    [210, send(alice, carol.address, 1n, 'a', { networkId: '', validUntilHeight: 0n })],
    [211, send(alice, POOL_DAO, 1n, 'a')],
    [0, good],
  ];
  assert.deepEqual(
    await w.submit(...cases.map(([, bytes]) => bytes)),
    cases.map(([code]) => code),
  );
  assert.deepEqual(await w.pendingHashes(), [hashOf(good)]);
  assert.equal(w.store.journal.size, 1);
  await w.host.stop();
});

test('a wrong signature is refused, in admission and in a block', async () => {
  const w = await world();
  const good = send(alice, carol.address, 7n, 'a');
  const at = Buffer.from(good).indexOf(decodeTransaction(good).signature);
  const damaged = Uint8Array.from(good);
  damaged[at + 40] = damaged[at + 40]! ^ 1;
  assert.deepEqual(await w.submit(damaged), [10]);

  await w.submit(good);
  const { block } = await w.propose(leader.address);
  const decoded = decodeBlock(block);
  const forged = encodeBlock({
    header: { ...decoded.header, bodyRoot: bodyRoot([damaged]) },
    transactions: [damaged],
  });
  await assert.rejects(w.settle(w.utility.ask('execute', { block: forged })), {
    code: 'BLOCK_INVALID',
    message: /TX_SIGNATURE_INVALID/,
  });
  await w.host.stop();
});

test('another node executes the block to the same hash; a changed one is refused with the reason', async () => {
  const a = await world();
  const b = await world();
  await a.submit(send(alice, carol.address, 7n, 'a'), send(bob, bob.address, 7n, 'a'));
  const { block, blockHash } = await a.propose(leader.address);
  const executed = await b.settle(b.utility.ask('execute', { block }));
  assert.deepEqual(Buffer.from(executed.blockHash), Buffer.from(blockHash));

  const { header, transactions } = decodeBlock(block);
  const variants: [RegExp, object][] = [
    [/STATE_HASH_MISMATCH/, { stateHash: new Uint8Array(32).fill(9) }],
    [/previous state hash/, { prevStateHash: new Uint8Array(32).fill(9) }],
    [/no active validator/, { proposerAddress: alice.address }],
    [/time/, { timestamp_ms: 0n }],
    [/network/, { networkId: 'other' }],
    [/parent has height/, { height: 2n, quorumCertificate: new Uint8Array([1]) }],
  ];
  for (const [message, change] of variants) {
    const changed = encodeBlock({ header: { ...header, ...change }, transactions });
    await assert.rejects(b.settle(b.utility.ask('execute', { block: changed })), { code: 'BLOCK_INVALID', message });
  }
  const orphan = encodeBlock({ header: { ...header, parentHash: new Uint8Array(32).fill(9) }, transactions });
  await assert.rejects(b.settle(b.utility.ask('execute', { block: orphan })), { code: 'PARENT_UNKNOWN' });
  await assert.rejects(b.settle(b.utility.ask('execute', { block: new Uint8Array([1, 2, 3]) })), {
    code: 'BLOCK_INVALID',
  });
  await a.host.stop();
  await b.host.stop();
});

test('who is paused or leaving proposes nothing, and nothing of his is executed', async () => {
  const genesis = genesisText([leader, bob], []);
  const a = await world({}, genesis);
  const { block } = await a.propose(bob.address);
  for (const change of [{ pausedHeight: 1n }, { unstakingHeight: 9n }]) {
    const b = await world({}, genesis);
    const at = b.store.validators.findIndex(({ address }) => toHex(address) === bob.hex);
    b.store.validators[at] = { ...b.store.validators[at]!, ...change };
    await assert.rejects(b.propose(bob.address), { code: 'PROPOSAL_INVALID', message: /no active validator/ });
    await assert.rejects(b.settle(b.utility.ask('execute', { block })), {
      code: 'BLOCK_INVALID',
      message: /no active validator/,
    });
    await b.propose(leader.address);
    await b.host.stop();
  }
  await a.host.stop();
});

test('what was accepted survives the death of the actor, and travels again', async () => {
  const w = await world();
  const accepted = [0, 1, 2].map((n) => send(alice, carol.address, 1n, `${n}`));
  assert.deepEqual(await w.submit(...accepted), [0, 0, 0]);
  w.gossiped.length = 0;
  await w.host.kill('utility');
  await w.host.restart('utility');
  await w.host.advance(1_000);
  assert.deepEqual(await w.pendingHashes(), accepted.map(hashOf));
  assert.deepEqual(w.gossiped, accepted.map(hashOf));
  assert.deepEqual(w.heard.at(-1), 3);
  await w.host.stop();
});

test('what was accepted and cannot be paid for at the moment survives the death of the actor too', async () => {
  const w = await world();
  const tx = send(alice, carol.address, 490_000n, 'a');
  assert.deepEqual(await w.submit(tx), [0]);
  const other = await world();
  await other.submit(send(alice, carol.address, 900_000n, 'elsewhere'));
  const { block } = await other.propose(leader.address);
  const { blockHash } = await w.settle(w.utility.ask('execute', { block }));
  await w.commit(blockHash);
  assert.deepEqual(await w.pendingHashes(), [hashOf(tx)], 'it waits for funds');
  await w.host.kill('utility');
  await w.host.restart('utility');
  await w.host.advance(1_000);
  assert.deepEqual(await w.pendingHashes(), [hashOf(tx)]);
  await other.host.stop();
  await w.host.stop();
});

test('consensus hears that what was only gossiped died with the actor', async () => {
  const w = await world();
  w.emitGossip([send(alice, carol.address, 1n, 'a')]);
  await w.host.advance(100);
  assert.equal(w.heard.at(-1), 1);
  await w.host.kill('utility');
  await w.host.restart('utility');
  await w.host.advance(1_000);
  assert.equal(w.heard.at(-1), 0);
  await w.host.stop();
});

test('a journal write that fails is no acceptance, and the next try is durable', async () => {
  const w = await world();
  const tx = send(alice, carol.address, 1n, 'a');
  w.store.failing.add('journal');
  await assert.rejects(w.submit(tx), { code: 'DATABASE_DOWN' });
  assert.equal(w.store.journal.size, 0);
  assert.deepEqual(w.gossiped, []);
  assert.deepEqual(await w.submit(tx), [35]);
  assert.equal(w.store.journal.size, 1);
  assert.deepEqual(w.gossiped, [hashOf(tx)]);
  await w.host.stop();
});

test('gossip is taken without a journal, until its sender asks for it here', async () => {
  const w = await world();
  const tx = send(alice, carol.address, 1n, 'a');
  w.emitGossip([tx, new Uint8Array([1]), send(carol, alice.address, 1n, 'b')]);
  await w.host.advance(100);
  assert.deepEqual(await w.pendingHashes(), [hashOf(tx)]);
  assert.equal(w.store.journal.size, 0);
  assert.deepEqual(w.gossiped, [], 'p2p forwards gossip itself');
  assert.deepEqual(await w.submit(tx), [35]);
  assert.ok(w.store.journal.has(hashOf(tx)));
  await w.host.stop();
});

test('many clients share a read and a journal write', async () => {
  const w = await world();
  const asks = Array.from({ length: 40 }, (_, n) =>
    w.utility.ask('submit', { transactions: [send(alice, carol.address, 1n, `${n}`)] }),
  );
  const before = w.store.reads;
  await w.settle(Promise.all(asks));
  assert.equal(w.store.journal.size, 40);
  assert.ok(w.store.journalWrites <= 3, `${w.store.journalWrites} journal writes`);
  assert.ok(w.store.reads - before <= 3);
  await w.host.stop();
});

test('pending payments count against the balance', async () => {
  const w = await world();
  const half = send(alice, carol.address, 490_000n, 'a');
  const rest = send(alice, carol.address, 490_000n, 'b');
  const more = send(alice, carol.address, 1n, 'c');
  assert.deepEqual(await w.submit(half, rest, more), [0, 0, 41]);
  await w.host.stop();
});

test('bounds refuse, and what was accepted stays', async () => {
  const w = await world({ max_transactions: 3, max_per_sender: 2 });
  const txs = ['a', 'b', 'c'].map((nonce) => send(alice, carol.address, 1n, nonce));
  assert.deepEqual(await w.submit(...txs), [0, 0, 213]);
  assert.deepEqual(await w.submit(send(bob, carol.address, 1n, 'a')), [0]);
  assert.deepEqual(await w.submit(send(bob, carol.address, 1n, 'b')), [212]);
  assert.equal((await w.pendingHashes()).length, 3);
  await w.host.stop();
});

test('a block keeps to the byte limit of genesis', async () => {
  const small = genesisText([leader], [[alice, 10n ** 9n]], { max_block_bytes: 32_000 });
  const w = await world({}, small);
  const txs = Array.from({ length: 100 }, (_, n) => send(alice, carol.address, 1n, `${n}`.padEnd(64, 'x')));
  await w.submit(...txs);
  const { block, blockHash } = await w.propose(leader.address);
  assert.ok(block.length <= 32_000 && block.length > 27_000, `${block.length} bytes`);
  const { transactions } = decodeBlock(block);
  assert.deepEqual(transactions.map(hashOf), txs.slice(0, transactions.length).map(hashOf));
  await w.commit(blockHash);
  assert.equal((await w.pendingHashes()).length, 100 - transactions.length);
  await w.host.stop();
});

test('what expires leaves the mempool and the journal', async () => {
  const w = await world();
  await w.submit(send(alice, carol.address, 1n, 'a', { validUntilHeight: 1n }));
  const empty = await world();
  const { block } = await empty.propose(leader.address);
  const { blockHash } = await w.settle(w.utility.ask('execute', { block }));
  await w.commit(blockHash);
  assert.deepEqual(await w.pendingHashes(), []);
  assert.equal(w.store.journal.size, 0);
  await empty.host.stop();
  await w.host.stop();
});

test('a commit that was missed is found when persistence comes back', async () => {
  const w = await world();
  await w.submit(send(alice, carol.address, 1n, 'a'));
  const { blockHash } = await w.propose(leader.address);
  await w.host.kill('persistence');
  w.store.commit(blockHash);
  w.store.failing.add('read');
  await w.host.restart('persistence');
  await w.host.advance(2_000);
  assert.deepEqual(await w.pendingHashes(), []);
  assert.deepEqual(w.heard.at(-1), 0);
  await w.host.stop();
});

test('accepted transactions travel again when validators connect', async () => {
  const w = await world();
  const tx = send(alice, carol.address, 1n, 'a');
  await w.submit(tx);
  w.gossiped.length = 0;
  w.emitConnected(1);
  w.emitConnected(2);
  await w.host.advance(3_000);
  assert.deepEqual(w.gossiped, [hashOf(tx)]);
  w.emitConnected(1);
  await w.host.advance(3_000);
  assert.equal(w.gossiped.length, 1);
  await w.host.stop();
});

test('evidence is admitted once an offence, journaled, gossiped, and goes first into a block', async () => {
  const genesis = genesisText([leader, bob], [[alice, 10n ** 9n]]);
  const w = await world({ max_transactions: 1 }, genesis);
  const payment = send(alice, carol.address, 1n, 'a');
  assert.deepEqual(await w.submit(payment), [0]);
  const evidence = doubleSign(bob, 1n, 8n);
  assert.deepEqual(await w.submit(forgedBy(alice, bob)), [220]);
  assert.deepEqual(await w.submit(evidence), [0], 'a full mempool keeps nobody from being punished');
  assert.ok(w.store.journal.has(hashOf(evidence)));
  assert.ok(w.gossiped.includes(hashOf(evidence)));
  const refusals: [number, Uint8Array][] = [
    [35, evidence],
    [213, doubleSign(bob, 1n, 8n, 1)],
    [217, doubleSign(bob, 2n, 8n)],
    [217, doubleSign(bob, 1n, 9n)],
    [218, doubleSign(carol, 1n, 8n)],
  ];
  for (const [code, bytes] of refusals) assert.deepEqual(await w.submit(bytes), [code], `${code}`);

  const { block, blockHash } = await w.propose(leader.address);
  assert.deepEqual(decodeBlock(block).transactions.map(hashOf), [evidence, payment].map(hashOf));
  const other = await world({}, genesis);
  const executed = await other.settle(other.utility.ask('execute', { block }));
  assert.deepEqual(Buffer.from(executed.blockHash), Buffer.from(blockHash));
  const { actors } = w.store.states.get(toHex(blockHash))!.staged!.changes;
  assert.deepEqual(
    actors.map(({ address, pausedHeight }) => [toHex(address), pausedHeight]),
    [[bob.hex, 1n]],
  );
  await w.commit(blockHash);
  assert.deepEqual(await w.pendingHashes(), []);
  await other.host.stop();
  await w.host.stop();
});

test('a block with evidence that proves nothing is invalid', async () => {
  const genesis = genesisText([leader, bob], []);
  const w = await world({}, genesis);
  const { block } = await w.propose(leader.address);
  const { header } = decodeBlock(block);
  for (const [reason, transaction] of [
    [/EVIDENCE_SIGNATURE_INVALID/, forgedBy(alice, bob)],
    [/EVIDENCE_OFFENDER_UNKNOWN/, doubleSign(alice, 1n, 8n)],
  ] as const) {
    const transactions = [transaction];
    const changed = encodeBlock({ header: { ...header, bodyRoot: bodyRoot(transactions) }, transactions });
    await assert.rejects(w.settle(w.utility.ask('execute', { block: changed })), {
      code: 'BLOCK_INVALID',
      message: reason,
    });
  }
  await w.host.stop();
});

test('evidence survives the death of the actor', async () => {
  const w = await world({}, genesisText([leader, bob], []));
  const evidence = doubleSign(bob, 1n, 8n);
  assert.deepEqual(await w.submit(evidence), [0]);
  await w.host.kill('utility');
  await w.host.restart('utility');
  await w.host.advance(1_000);
  assert.deepEqual(await w.pendingHashes(), [hashOf(evidence)]);
  await w.host.stop();
});

test('questions out of range are coded errors', async () => {
  const w = await world();
  await assert.rejects(w.settle(w.utility.ask('pending', { page: 0, perPage: 10 })), { code: 'PAGE_INVALID' });
  await assert.rejects(w.propose(leader.address, { height: 7n }), { code: 'PROPOSAL_INVALID' });
  await assert.rejects(w.propose(leader.address, { timestamp_ms: 0n }), { code: 'PROPOSAL_INVALID' });
  await assert.rejects(w.propose(alice.address), { code: 'PROPOSAL_INVALID', message: /no active validator/ });
  await assert.rejects(w.propose(leader.address, { parent: new Uint8Array(32) }), { code: 'PARENT_UNKNOWN' });
  await assert.rejects(w.propose(leader.address, { quorumCertificate: new Uint8Array([1]) }), {
    code: 'PROPOSAL_INVALID',
    message: /certificate/,
  });
  await assert.rejects(w.submit(...Array.from({ length: 1_001 }, () => new Uint8Array())), { code: 'SUBMIT_TOO_MANY' });
  await w.host.stop();
});
