import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sign } from '../../../wasm/ed25519.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
  decodeConsensusMessage,
  decodeQc,
  encodeConsensusMessage,
  encodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  type QuorumCertificate,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
  verifyConsensusMessage,
  verifyQc,
  voteSignBytes,
} from './consensus.ts';
import { toHex } from './hex.ts';
import { TEST_NETWORK, testQc, testValidators } from './testing.ts';
import { validatorSet } from './validators.ts';

const HASH = new Uint8Array(32).fill(0xaa);
const ADDRESS = new Uint8Array(20).fill(0x11);
const SIGNATURE = new Uint8Array(64).fill(1);
const QC = Uint8Array.of(0x0c);

const VOTE: ConsensusMessage = {
  type: MESSAGE_VOTE,
  height: 7n,
  round: 300,
  step: STEP_PRECOMMIT,
  blockHash: HASH,
  block: null,
  justify: null,
  proof: null,
  timeout: null,
  address: ADDRESS,
  signature: SIGNATURE,
  networkId: TEST_NETWORK,
};
const PROPOSAL: ConsensusMessage = {
  ...VOTE,
  type: MESSAGE_PROPOSE,
  round: 0,
  step: STEP_PREPARE,
  block: Uint8Array.of(10, 11),
  justify: QC,
};
const NEWROUND: ConsensusMessage = { ...PROPOSAL, step: STEP_NEWROUND, blockHash: null, block: null };

const validators = testValidators(4);
const set = validatorSet(validators);
const VIEW = { height: 7n, round: 3, step: STEP_COMMIT, blockHash: HASH };

test('the bytes of messages are fixed', () => {
  // From another encoder of protobuf, given the same fields.
  const partial = `426c0a40${'01'.repeat(64)}1228${'31'.repeat(40)}`;
  const rest = `4a20${'aa'.repeat(32)}50015a07746573746e6574`;
  assert.equal(toHex(encodeConsensusMessage(VOTE)), `08021007180320ac02${partial}${rest}`);
  assert.equal(toHex(encodeConsensusMessage(PROPOSAL)), `0801100718022a020a0b32010c${partial}${rest}`);
});

test('the bytes of a QC are fixed, in whatever order its signatures come', () => {
  const partial = (signature: string, digit: string) => `0a6c0a40${signature.repeat(64)}1228${digit.repeat(40)}`;
  const expected = `080710ac0218042adc01${partial('01', '31')}${partial('02', '32')}3220${'aa'.repeat(32)}3801`;
  const signatures = [
    { address: new Uint8Array(20).fill(0x22), signature: new Uint8Array(64).fill(2) },
    { address: ADDRESS, signature: SIGNATURE },
  ];
  const qc = { height: 7n, round: 300, step: STEP_COMMIT, blockHash: HASH, signatures };
  assert.equal(toHex(encodeQc(qc)), expected);
  assert.equal(toHex(encodeQc({ ...qc, signatures: [...signatures].reverse() })), expected);
  assert.deepEqual(decodeQc(encodeQc(qc)), { ...qc, signatures: [...signatures].reverse() });
});

test('the signed bytes are fixed', () => {
  const expected = `0a14706f746f726f6f2f636f6e73656e7375732f76311207746573746e657418012002280730ac0238034220${'aa'.repeat(32)}`;
  assert.equal(toHex(consensusSignBytes(VOTE)), expected);
  assert.equal(toHex(voteSignBytes(VOTE)), expected);
});

test('everything that a signature must cover changes the signed bytes', () => {
  const changes: Partial<ConsensusMessage>[] = [
    {},
    { networkId: 'other' },
    { type: MESSAGE_PROPOSE },
    { height: 8n },
    { round: 0 },
    { step: STEP_COMMIT },
    { blockHash: null },
    { blockHash: new Uint8Array(32) },
    { justify: QC },
  ];
  const signed = new Set(changes.map((change) => toHex(consensusSignBytes({ ...VOTE, ...change }))));
  assert.equal(signed.size, changes.length);
});

test('any message of valid form comes back from its bytes', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const common = {
    height: fc.bigInt(1n, 2n ** 64n - 1n),
    round: fc.nat(2 ** 31 - 1),
    address: bytes(20),
    signature: bytes(64),
    networkId: fc.constant(TEST_NETWORK),
  };
  const vote = fc.record({ ...common, step: fc.constantFrom(STEP_PREPARE, STEP_COMMIT), blockHash: bytes(32) });
  fc.assert(
    fc.property(vote, (fields) => {
      const message = { ...fields, type: MESSAGE_VOTE, block: null, justify: null, proof: null, timeout: null };
      assert.deepEqual(decodeConsensusMessage(encodeConsensusMessage(message)), message);
    }),
  );
  const decide = { ...PROPOSAL, step: STEP_DECIDE, block: null };
  for (const message of [PROPOSAL, NEWROUND, { ...NEWROUND, justify: null }, { ...PROPOSAL, justify: null }, decide]) {
    assert.deepEqual(decodeConsensusMessage(encodeConsensusMessage(message)), message);
  }
});

test('a message of wrong form is refused', () => {
  const cases: [string, ConsensusMessage][] = [
    ['type', { ...VOTE, type: 3 }],
    ['step 0', { ...PROPOSAL, step: 0 }],
    ['step 6', { ...PROPOSAL, step: 6 }],
    ['vote at NEWROUND', { ...VOTE, step: STEP_NEWROUND, blockHash: null }],
    ['vote at DECIDE', { ...VOTE, step: STEP_DECIDE }],
    ['vote with a QC', { ...VOTE, justify: QC }],
    ['vote with a block', { ...VOTE, step: STEP_PREPARE, block: Uint8Array.of(1) }],
    ['vote for nothing', { ...VOTE, blockHash: null }],
    ['NEWROUND with a hash', { ...NEWROUND, blockHash: HASH }],
    ['PREPARE without its block', { ...PROPOSAL, block: null }],
    ['COMMIT with a block', { ...PROPOSAL, step: STEP_COMMIT }],
    ['COMMIT without a QC', { ...PROPOSAL, step: STEP_COMMIT, block: null, justify: null }],
    ['hash of 31 bytes', { ...VOTE, blockHash: new Uint8Array(31) }],
    ['QC too large', { ...PROPOSAL, justify: new Uint8Array(300_000) }],
    ['height 0', { ...VOTE, height: 0n }],
    ['negative round', { ...VOTE, round: -1 }],
    ['fractional round', { ...VOTE, round: 0.5 }],
    ['huge round', { ...VOTE, round: 2 ** 32 }],
    ['address', { ...VOTE, address: new Uint8Array(19) }],
    ['signature', { ...VOTE, signature: new Uint8Array(63) }],
    ['network', { ...VOTE, networkId: '' }],
  ];
  for (const [name, message] of cases) {
    assert.throws(() => encodeConsensusMessage(message), { code: 'CONSENSUS_MALFORMED' }, name);
  }
});

test('another version of a message or a QC is refused as such', () => {
  const vote = toHex(encodeConsensusMessage(VOTE)).replace('50015a', '50025a');
  assert.throws(() => decodeConsensusMessage(Buffer.from(vote, 'hex')), { code: 'CONSENSUS_VERSION_UNSUPPORTED' });
  const qc = toHex(encodeQc(testQc(validators, VIEW))).replace(/3801$/, '3802');
  assert.throws(() => decodeQc(Buffer.from(qc, 'hex')), { code: 'QC_VERSION_UNSUPPORTED' });
});

test('a message verifies with the key of its sender only', () => {
  const [sender, other] = validators;
  const unsigned = { ...PROPOSAL, address: sender!.address };
  const message = { ...unsigned, signature: sign(sender!.seed, consensusSignBytes(unsigned)) };
  assert.equal(verifyConsensusMessage(message, set), sender);
  const wrong = { code: 'CONSENSUS_SIGNATURE_INVALID' };
  assert.throws(() => verifyConsensusMessage({ ...message, address: other!.address }, set), wrong);
  assert.throws(() => verifyConsensusMessage({ ...message, justify: null }, set), wrong);
  assert.throws(() => verifyConsensusMessage({ ...message, networkId: 'other' }, set), wrong);
  assert.throws(() => verifyConsensusMessage({ ...message, address: ADDRESS }, set), {
    code: 'CONSENSUS_SIGNER_UNKNOWN',
  });
});

test('a QC of more than two thirds of the validators is valid', () => {
  verifyQc(decodeQc(encodeQc(testQc(validators, VIEW))), set, TEST_NETWORK);
  verifyQc(decodeQc(encodeQc(testQc(validators.slice(1), VIEW))), set, TEST_NETWORK);
});

test('a QC that claims more than was signed is refused', () => {
  const good = testQc(validators.slice(1), VIEW);
  const stranger = testValidators(9).find((v) => !set.byAddress(toHex(v.address)))!;
  const [first, second] = good.signatures;
  const cases: [string, QuorumCertificate, string?][] = [
    ['QC_TOO_FEW_SIGNERS', testQc(validators.slice(2), VIEW)],
    ['QC_TOO_FEW_SIGNERS', { ...good, signatures: [] }],
    ['QC_DUPLICATE_SIGNER', { ...good, signatures: [first!, first!, second!] }],
    ['QC_DUPLICATE_SIGNER', { ...good, signatures: [...good.signatures, first!] }],
    ['QC_UNKNOWN_SIGNER', testQc([...validators, stranger], VIEW)],
    ['QC_SIGNATURE_INVALID', { ...good, round: 4 }],
    ['QC_SIGNATURE_INVALID', { ...good, height: 8n }],
    ['QC_SIGNATURE_INVALID', { ...good, step: STEP_PRECOMMIT }],
    ['QC_SIGNATURE_INVALID', { ...good, blockHash: new Uint8Array(32) }],
    ['QC_SIGNATURE_INVALID', good, 'other'],
  ];
  for (const [code, qc, network] of cases) {
    assert.throws(() => verifyQc(qc, set, network ?? TEST_NETWORK), { code });
  }
});

test('a QC of wrong form has no encoding', () => {
  const good = testQc(validators, VIEW);
  const [first] = good.signatures;
  const cases: [string, QuorumCertificate][] = [
    ['QC_MALFORMED', { ...good, step: STEP_NEWROUND }],
    ['QC_MALFORMED', { ...good, step: STEP_DECIDE }],
    ['QC_MALFORMED', { ...good, height: 0n }],
    ['QC_MALFORMED', { ...good, blockHash: new Uint8Array() }],
    ['QC_MALFORMED', { ...good, signatures: [] }],
    ['QC_MALFORMED', { ...good, signatures: [{ ...first!, signature: new Uint8Array(1) }] }],
    ['QC_DUPLICATE_SIGNER', { ...good, signatures: [first!, first!] }],
  ];
  for (const [code, qc] of cases) assert.throws(() => encodeQc(qc), { code });
});

test('signatures of a QC out of order are refused', () => {
  const qc = testQc(validators, VIEW);
  const [a, b] = qc.signatures.slice(0, 2).map(({ address }) => Buffer.from(toHex(address)).toString('hex'));
  const swapped = toHex(encodeQc(qc)).replace(a!, 'x').replace(b!, a!).replace('x', b!);
  assert.throws(() => decodeQc(Buffer.from(swapped, 'hex')), { code: 'QC_MALFORMED', message: /sorted/ });
});
