import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../../wasm/hash.ts';
import {
  type Block,
  blockHash,
  bodyRoot,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  type Header,
} from './block.ts';
import { equalBytes, toHex } from './hex.ts';
import { MAX_TRANSACTION_BYTES } from './sizes.ts';
import { testHeader } from './testing.ts';

/** From another encoder of protobuf, given the same fields. */
const HEADER = [
  '0802',
  '1207746573746e6574',
  `1a40${'33'.repeat(64)}`, // the ASCII digit 3 is 0x33
  `2240${'34'.repeat(64)}`,
  `2a14${'11'.repeat(20)}`,
  '32020102',
  '3a0c08c0ddf7cb061080cab5ee01',
  `424b0a076163636f756e741240${'35'.repeat(64)}`,
  `42480a04706f6f6c1240${'36'.repeat(64)}`,
  `4a40${'37'.repeat(64)}`,
  `5240${'38'.repeat(64)}`,
  '5801',
  `6220${'99'.repeat(32)}`,
  `6a20${'00'.repeat(32)}`,
].join('');

const EMPTY = new Uint8Array();
const TRANSACTIONS = [Uint8Array.of(1), Uint8Array.of(2, 3)];

function blockWith(change: Partial<Header>): Block {
  return { header: { ...testHeader(TRANSACTIONS), ...change }, transactions: TRANSACTIONS };
}

test('the bytes of a header are fixed, and so is the hash of its block', () => {
  const header = testHeader();
  assert.equal(toHex(encodeHeader(header)), HEADER);
  assert.deepEqual(blockHash(header), sha256(encodeHeader(header)));
  assert.deepEqual(decodeHeader(encodeHeader(header)), header);
});

test('every field of the header is in the hash', () => {
  const header = testHeader();
  const other = new Uint8Array(32).fill(1);
  const changes: Partial<Header>[] = [
    { height: 3n },
    { networkId: 'other' },
    { stateHash: other },
    { prevStateHash: other },
    { proposerAddress: other.slice(0, 20) },
    { quorumCertificate: other },
    { timestamp_ms: 1n },
    { stateTreeHashes: [] },
    { valSetHash: other },
    { nextValSetHash: other },
    { parentHash: other },
    { bodyRoot: other },
  ];
  const hashes = changes.map((change) => toHex(blockHash({ ...header, ...change })));
  assert.equal(new Set([...hashes, toHex(blockHash(header))]).size, changes.length + 1);
});

test('tree hashes are sorted when written and must be sorted when read', () => {
  const header = testHeader();
  const reversed = { ...header, stateTreeHashes: [...header.stateTreeHashes].reverse() };
  assert.deepEqual(encodeHeader(reversed), encodeHeader(header));
  const [account, pool] = [HEADER.indexOf('424b'), HEADER.indexOf('4248')];
  const end = HEADER.indexOf('4a40', pool);
  const swapped = HEADER.slice(0, account) + HEADER.slice(pool, end) + HEADER.slice(account, pool) + HEADER.slice(end);
  assert.throws(() => decodeHeader(Buffer.from(swapped, 'hex')), { code: 'HEADER_MALFORMED', message: /sorted/ });
  const twice = { ...header, stateTreeHashes: [header.stateTreeHashes[0]!, header.stateTreeHashes[0]!] };
  assert.throws(() => encodeHeader(twice), { code: 'HEADER_MALFORMED' });
});

test('a draft leaves the hashes of the state empty', () => {
  const draft = { ...testHeader(), stateHash: EMPTY, stateTreeHashes: [], valSetHash: EMPTY, nextValSetHash: EMPTY };
  assert.deepEqual(decodeHeader(encodeHeader(draft)), draft);
  const block = { header: draft, transactions: [] };
  assert.throws(() => decodeBlock(encodeBlock(block)), { code: 'BLOCK_MALFORMED', message: /state_hash/ });
});

test('a header of wrong form is refused', () => {
  const short = new Uint8Array(31);
  const changes: Partial<Header>[] = [
    { height: -1n },
    { height: 2n ** 64n },
    { networkId: '' },
    { networkId: 'a b' },
    { stateHash: short },
    { prevStateHash: short },
    { proposerAddress: short },
    { quorumCertificate: new Uint8Array(300_000) },
    { timestamp_ms: -1n },
    { timestamp_ms: 253_402_300_800_000n },
    { stateTreeHashes: [{ name: 'Account', root: new Uint8Array(32) }] },
    { stateTreeHashes: [{ name: 'account', root: short }] },
    { valSetHash: short },
    { nextValSetHash: short },
    { parentHash: short },
    { bodyRoot: short },
  ];
  for (const change of changes) {
    const header = { ...testHeader(), ...change };
    assert.throws(() => encodeHeader(header), { code: 'HEADER_MALFORMED' }, Object.keys(change)[0]);
    assert.throws(() => encodeBlock(blockWith(change)), { code: 'BLOCK_MALFORMED' }, Object.keys(change)[0]);
  }
  assert.throws(() => encodeHeader({ ...testHeader(), version: 2 }), { code: 'BLOCK_VERSION_UNSUPPORTED' });
});

test('a timestamp finer than a millisecond is refused', () => {
  const bytes = Buffer.from(HEADER.replace('1080cab5ee01', '1081cab5ee01'), 'hex');
  assert.throws(() => decodeHeader(bytes), { code: 'HEADER_MALFORMED', message: /millisecond/ });
});

test('upper-case hex is refused', () => {
  const bytes = Buffer.from(HEADER.replace(`1a40${'33'.repeat(64)}`, `1a40${'41'.repeat(64)}`), 'hex');
  assert.throws(() => decodeHeader(bytes), { code: 'HEADER_MALFORMED', message: /lower-case/ });
});

test('a block comes back from its bytes', () => {
  const block = blockWith({});
  assert.deepEqual(decodeBlock(encodeBlock(block)), block);
  const first = blockWith({ height: 1n, quorumCertificate: EMPTY });
  assert.deepEqual(decodeBlock(encodeBlock(first)), first);
});

test('the block of genesis has no parent, proposer or QC', () => {
  const header: Header = {
    ...testHeader(),
    height: 0n,
    prevStateHash: EMPTY,
    proposerAddress: EMPTY,
    quorumCertificate: EMPTY,
    parentHash: EMPTY,
  };
  assert.deepEqual(decodeBlock(encodeBlock({ header, transactions: [] })).header, header);
});

test('an incomplete header is refused in a block', () => {
  const changes: Partial<Header>[] = [
    { stateHash: EMPTY },
    { prevStateHash: EMPTY },
    { proposerAddress: EMPTY },
    { valSetHash: EMPTY },
    { nextValSetHash: EMPTY },
    { parentHash: EMPTY },
    { bodyRoot: EMPTY },
    { stateTreeHashes: [] },
    { quorumCertificate: EMPTY },
    { height: 1n },
  ];
  for (const change of changes) {
    const bytes = encodeBlock(blockWith(change));
    assert.throws(() => decodeBlock(bytes), { code: 'BLOCK_MALFORMED' }, Object.keys(change)[0]);
  }
});

test('the header commits to the transactions and their order', () => {
  const { header } = blockWith({});
  for (const transactions of [[], [...TRANSACTIONS].reverse(), TRANSACTIONS.slice(1)]) {
    assert.throws(() => decodeBlock(encodeBlock({ header, transactions })), { code: 'BLOCK_BODY_ROOT_MISMATCH' });
  }
  assert.ok(equalBytes(bodyRoot([]), new Uint8Array(32)));
});

test('a block with an empty or oversized transaction is refused', () => {
  for (const bytes of [EMPTY, new Uint8Array(MAX_TRANSACTION_BYTES + 1)]) {
    const block = { header: testHeader([bytes]), transactions: [bytes] };
    assert.throws(() => encodeBlock(block), { code: 'BLOCK_MALFORMED' });
  }
});
