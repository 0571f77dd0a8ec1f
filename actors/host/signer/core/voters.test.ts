import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockHash, encodeHeader, type Header } from '../../../pocket/chain/block.ts';
import { encodeQc, STEP_COMMIT } from '../../../pocket/chain/consensus.ts';
import { TEST_NETWORK, type TestValidator, testHeader, testQc, testValidators } from '../../../pocket/chain/testing.ts';
import { validatorSet, validatorSetHash } from '../../../pocket/chain/validators.ts';
import type { ShownHeader } from '../protocol.ts';
import { followed, genesisVoters, knownFrom, type Voters, votersOf } from './voters.ts';
import { parseVoters, votersText } from './voters-text.ts';

const all = testValidators(9);
const hashOf = (validators: readonly TestValidator[]) => validatorSetHash(validatorSet(validators));
/** The set changes at every second height. */
const decidersOf = (height: bigint) => {
  const shift = Number((height - 1n) / 2n);
  return all.slice(shift, shift + 4);
};

const headers: Header[] = [];
for (let height = 1n; height <= 10n; height++) {
  const parent = headers.at(-1);
  headers.push({
    ...testHeader(),
    height,
    timestamp_ms: 1_000n * height,
    stateHash: new Uint8Array(32).fill(Number(height)),
    prevStateHash: parent?.stateHash ?? new Uint8Array(32),
    parentHash: parent ? blockHash(parent) : new Uint8Array(32).fill(1),
    valSetHash: hashOf(decidersOf(height)),
    nextValSetHash: hashOf(decidersOf(height + 1n)),
  });
}
const headerAt = (height: number): Header => headers[height - 1]!;

function shown(header: Header, signers = decidersOf(header.height).slice(1), next = decidersOf(header.height + 1n)) {
  const commitQc = testQc(signers, {
    height: header.height,
    round: 0,
    step: STEP_COMMIT,
    blockHash: blockHash(header),
  });
  const validators = next.map(({ address, publicKey, power }) => ({ address, publicKey, power }));
  return { header: encodeHeader(header), commitQc: encodeQc(commitQc), validators } satisfies ShownHeader;
}

const genesis = genesisVoters(decidersOf(1n));
const follow = (voters: Voters, ...heights: number[]): Voters =>
  heights.reduce((known, height) => followed(known, TEST_NETWORK, shown(headerAt(height))), voters);
const addresses = (validators: readonly { address: Uint8Array }[]) => validators.map(({ address }) => address);

test('the set of each height is known from the headers that changed it', () => {
  const voters = follow(genesis, 2, 4, 6);
  assert.equal(knownFrom(voters), 7n);
  for (const height of [1n, 2n, 3n, 5n, 6n, 7n, 8n]) {
    assert.deepEqual(addresses(votersOf(voters, height).list), addresses(decidersOf(height)));
  }
});

test('repeats and headers that change nothing are harmless; old sets are forgotten', () => {
  const voters = follow(genesis, 2, 4);
  assert.equal(follow(voters, 1, 2, 3, 4, 5), voters);
  const later = follow(voters, 6, 8);
  assert.throws(() => votersOf(later, 2n), { code: 'SIGNER_VOTERS_FORGOTTEN' });
  assert.deepEqual(addresses(votersOf(later, 3n).list), addresses(decidersOf(3n)));
});

test('no change is believed that is skipped to, not decided, or shown with other validators', () => {
  const refuse = (header: Parameters<typeof followed>[2], code: string, known = genesis) =>
    assert.throws(() => followed(known, TEST_NETWORK, header), { code });
  refuse(shown(headerAt(4)), 'LIGHT_SET_CHANGED');
  refuse(shown(headerAt(2), all.slice(4, 8)), 'QC_UNKNOWN_SIGNER');
  refuse(shown(headerAt(2), decidersOf(2n).slice(2)), 'QC_TOO_FEW_SIGNERS');
  refuse(shown(headerAt(2), undefined, all.slice(5)), 'SIGNER_VOTERS_FOREIGN');
  refuse({ ...shown(headerAt(2)), commitQc: shown(headerAt(1)).commitQc }, 'LIGHT_QC_FOREIGN');
  refuse(shown({ ...headerAt(2), networkId: 'other' }), 'LIGHT_HEADER_INVALID');
  refuse({ ...shown(headerAt(2)), header: Uint8Array.of(1, 2) }, 'HEADER_MALFORMED');
  assert.throws(() => followed(genesis, 'other', shown(headerAt(2))), { code: 'LIGHT_HEADER_INVALID' });
});

test('what was proven is read back as it was kept; anything else is proven again', () => {
  const voters = follow(genesis, 2, 4);
  const text = votersText(voters, TEST_NETWORK);
  const read = parseVoters(text, TEST_NETWORK);
  assert.ok(read !== null);
  assert.equal(knownFrom(read), 5n);
  assert.deepEqual(addresses(votersOf(follow(read, 6), 8n).list), addresses(decidersOf(8n)));
  const document = JSON.parse(text);
  const damaged = [
    '',
    '{}',
    JSON.stringify({ ...document, version: 2 }),
    JSON.stringify({ ...document, sets: document.sets.slice(0, -1) }),
    JSON.stringify({ ...document, changed_by: 'ff' }),
  ];
  for (const one of damaged) assert.equal(parseVoters(one, TEST_NETWORK), null);
  assert.equal(parseVoters(text, 'other'), null);
});
