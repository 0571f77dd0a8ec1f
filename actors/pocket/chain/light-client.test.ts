import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockHash, type Header } from './block.ts';
import { encodeQc, STEP_COMMIT, STEP_PREPARE } from './consensus.ts';
import { trustHeader, verifyDecided, verifyHeader } from './light-client.ts';
import { TEST_NETWORK, type TestValidator, testHeader, testQc, testValidators } from './testing.ts';
import { validatorSet, validatorSetHash } from './validators.ts';

const all = testValidators(7);
const early = all.slice(0, 4);
const late = all.slice(3);
const setOf = (validators: readonly TestValidator[]) => validatorSet(validators);
const hashOf = (validators: readonly TestValidator[]) => validatorSetHash(setOf(validators));

/** A chain of headers; the one of height 4 hands over to the later validators. */
function chain(): Header[] {
  const headers: Header[] = [];
  for (let height = 1n; height <= 6n; height++) {
    const parent = headers.at(-1);
    headers.push({
      ...testHeader(),
      height,
      timestamp_ms: 1_000n * height,
      stateHash: new Uint8Array(32).fill(Number(height)),
      prevStateHash: parent?.stateHash ?? new Uint8Array(32),
      parentHash: parent ? blockHash(parent) : new Uint8Array(32),
      valSetHash: hashOf(height <= 4n ? early : late),
      nextValSetHash: hashOf(height <= 3n ? early : late),
    });
  }
  return headers;
}

function qcOf(header: Header, signers: readonly TestValidator[], step = STEP_COMMIT): Uint8Array {
  return encodeQc(testQc(signers, { height: header.height, round: 0, step, blockHash: blockHash(header) }));
}

const headers = chain();
const [first, second, third, fourth, fifth, sixth] = headers as [Header, Header, Header, Header, Header, Header];
const trusted = trustHeader(first);

test('follows header after header, across a change of the validators', () => {
  let at = trusted;
  for (const header of headers.slice(1)) {
    const deciding = header.height <= 4n ? early : late;
    at = verifyHeader(at, header, qcOf(header, deciding.slice(1)), setOf(deciding));
    assert.equal(at.header, header);
  }
});

test('skips headers while the validators stay the same, and stops where they change', () => {
  const at = verifyHeader(trusted, fourth, qcOf(fourth, early), setOf(early));
  assert.throws(() => verifyHeader(trusted, fifth, qcOf(fifth, early), setOf(early)), { code: 'LIGHT_SET_CHANGED' });
  assert.throws(() => verifyHeader(trusted, fifth, qcOf(fifth, late), setOf(late)), {
    code: 'LIGHT_VALIDATORS_UNKNOWN',
  });
  assert.equal(verifyHeader(at, sixth, qcOf(sixth, late), setOf(late)).header, sixth);
});

test('believes no header without more than two thirds of the validators for this very block', () => {
  const believe = (qc: Uint8Array) => () => verifyHeader(trusted, second, qc, setOf(early));
  assert.throws(believe(qcOf(second, early.slice(2))), { code: 'QC_TOO_FEW_SIGNERS' });
  assert.throws(believe(qcOf(second, all.slice(4))), { code: 'QC_UNKNOWN_SIGNER' });
  assert.throws(believe(qcOf(third, early)), { code: 'LIGHT_QC_FOREIGN' });
  assert.throws(believe(qcOf(second, early, STEP_PREPARE)), { code: 'LIGHT_QC_FOREIGN' });
  assert.throws(believe(Uint8Array.of(1)), { code: 'QC_MALFORMED' });
  const forged = { ...second, stateHash: new Uint8Array(32).fill(9) };
  assert.throws(() => verifyHeader(trusted, forged, qcOf(second, early), setOf(early)), { code: 'LIGHT_QC_FOREIGN' });
});

test('believes no header that does not follow', () => {
  const follow = (change: Partial<Header>) => () => {
    const header = { ...second, ...change };
    return verifyHeader(trusted, header, qcOf(header, early), setOf(early));
  };
  for (const change of [
    { height: 1n },
    { networkId: 'other' },
    { timestamp_ms: first.timestamp_ms },
    { parentHash: new Uint8Array(32).fill(1) },
    { prevStateHash: new Uint8Array(32).fill(8) },
  ]) {
    assert.throws(follow(change), { code: 'LIGHT_HEADER_INVALID' });
  }
});

test('believes what trusted validators decided, at any height that is theirs', () => {
  const anchor = { networkId: TEST_NETWORK, validatorsHash: hashOf(early) };
  for (const header of [first, third, fourth]) {
    assert.equal(verifyDecided(anchor, header, qcOf(header, early), setOf(early)).header, header);
  }
  const decide = (header: Header, validators: readonly TestValidator[], networkId = TEST_NETWORK) =>
    verifyDecided({ ...anchor, networkId }, header, qcOf(header, validators), setOf(validators));
  assert.throws(() => decide(fifth, early), { code: 'LIGHT_SET_CHANGED' });
  assert.throws(() => decide(fifth, late), { code: 'LIGHT_VALIDATORS_UNKNOWN' });
  assert.throws(() => decide(third, early, 'other'), { code: 'LIGHT_HEADER_INVALID' });
  assert.throws(() => decide(third, early.slice(2)), { code: 'LIGHT_VALIDATORS_UNKNOWN' });
});
