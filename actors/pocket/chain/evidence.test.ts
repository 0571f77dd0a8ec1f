import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sign } from '../../../wasm/ed25519.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from './consensus.ts';
import { type Evidence, evidenceOf, evidenceProblem, verifyEvidence } from './evidence.ts';
import { compareBytes, toHex } from './hex.ts';
import { TEST_NETWORK, testValidators } from './testing.ts';
import {
  decodeTransaction,
  encodeTransaction,
  evidenceTransaction,
  signedBytes,
  transactionHash,
} from './transaction.ts';

const [alice, bob] = testValidators(2) as [ReturnType<typeof testValidators>[0], ReturnType<typeof testValidators>[0]];
const hash = (byte: number) => new Uint8Array(32).fill(byte);

/** A message as a validator sends it, signed. */
function said(change: Partial<ConsensusMessage> = {}, by = alice): ConsensusMessage {
  const message: ConsensusMessage = {
    type: MESSAGE_VOTE,
    height: 7n,
    round: 2,
    step: STEP_PREPARE,
    blockHash: hash(1),
    block: null,
    justify: null,
    proof: null,
    timeout: null,
    address: by.address,
    signature: new Uint8Array(64),
    networkId: TEST_NETWORK,
    ...change,
  };
  return { ...message, signature: sign(by.seed, consensusSignBytes(message)) };
}

/** Evidence that there must be. */
function proof(a: ConsensusMessage, b: ConsensusMessage): Evidence {
  const evidence = evidenceOf(a, b);
  assert.ok(evidence);
  return evidence;
}

const proposal = (block: number, justify: Uint8Array | null = null) =>
  said({ type: MESSAGE_PROPOSE, blockHash: hash(block), block: Uint8Array.of(block), justify });

test('two votes or proposals for one place and two blocks are evidence, in one order', () => {
  for (const step of [STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT]) {
    const [a, b] = [said({ step, blockHash: hash(9) }), said({ step, blockHash: hash(3) })];
    const evidence = proof(a, b);
    assert.deepEqual(evidence, proof(b, a));
    assert.deepEqual(evidence.first.blockHash, hash(3));
    assert.ok(verifyEvidence(evidence, alice.publicKey, TEST_NETWORK));
  }
  const proposals = proof(proposal(1, Uint8Array.of(5, 6)), proposal(2));
  assert.equal(proposals.first.justifyHash.length, 32);
  assert.equal(proposals.second.justifyHash.length, 0);
  assert.ok(verifyEvidence(proposals, alice.publicKey, TEST_NETWORK), 'a proposal carries a certificate or none');
});

test('what an honest validator may send is no evidence', () => {
  const vote = said();
  const others: [string, ConsensusMessage][] = [
    ['the same vote again', said()],
    ['another height', said({ height: 8n, blockHash: hash(2) })],
    ['another round', said({ round: 3, blockHash: hash(2) })],
    ['another step', said({ step: STEP_COMMIT, blockHash: hash(2) })],
    ['a proposal', proposal(2)],
    ['another network', said({ networkId: 'other', blockHash: hash(2) })],
    ['another validator', said({ blockHash: hash(2) }, bob)],
    ['a NEWROUND', said({ step: STEP_NEWROUND, blockHash: null })],
  ];
  for (const [name, other] of others) assert.equal(evidenceOf(vote, other), null, name);
  const decide = (block: number) =>
    said({ type: MESSAGE_PROPOSE, step: STEP_DECIDE, blockHash: hash(block), justify: Uint8Array.of(block) });
  assert.equal(evidenceOf(decide(1), decide(2)), null, 'certificates speak there, not the leader');
  assert.equal(evidenceOf(proposal(1), proposal(1, Uint8Array.of(5))), null, 'one block with two certificates');
});

test('evidence that somebody made up does not verify', () => {
  const evidence = proof(said(), said({ blockHash: hash(2) }));
  const { first, second } = evidence;
  assert.ok(!verifyEvidence(evidence, bob.publicKey, TEST_NETWORK));
  assert.ok(!verifyEvidence(evidence, alice.publicKey, 'other'));
  const cases: Evidence[] = [
    { ...evidence, first: { ...first, blockHash: hash(0) } },
    { ...evidence, first: { ...first, height: 8n }, second: { ...second, height: 8n } },
    { ...evidence, second: { ...second, signature: first.signature } },
    { ...evidence, first: { ...first, justifyHash: hash(4) } },
  ];
  for (const one of cases) assert.ok(!verifyEvidence(one, alice.publicKey, TEST_NETWORK));
});

const EVIDENCE_HASH = '660bede28ab787e93da2c93f4474dc62b3907e15a9b89cffd79664f51bdbf475';

test('one piece of evidence is one transaction, without a signature of its own', () => {
  const evidence = proof(said(), said({ blockHash: hash(2) }));
  const bytes = evidenceTransaction(evidence, TEST_NETWORK, 8n);
  assert.deepEqual(bytes, evidenceTransaction(proof(said({ blockHash: hash(2) }), said()), TEST_NETWORK, 8n));
  const transaction = decodeTransaction(bytes);
  assert.deepEqual(transaction.message, { ...evidence, type: 'utility.MessageDoubleSign' });
  assert.equal(transaction.validUntilHeight, 15n);
  assert.match(transaction.nonce, /^[0-9a-f]{64}$/);
  assert.deepEqual(signedBytes(transaction), bytes);
  assert.equal(toHex(transactionHash(bytes)), EVIDENCE_HASH, 'the format is fixed');
  assert.ok(bytes.length < 1_000, `${bytes.length} bytes`);
});

test('a transaction of evidence in another form is refused', () => {
  const evidence = proof(said(), said({ blockHash: hash(2) }));
  const good = decodeTransaction(evidenceTransaction(evidence, TEST_NETWORK, 8n));
  const message = (change: Partial<Evidence>) => ({
    ...evidence,
    ...change,
    type: 'utility.MessageDoubleSign' as const,
  });
  const { first, second } = evidence;
  const refused: [string, Parameters<typeof encodeTransaction>[0]][] = [
    ['TX_EVIDENCE_INVALID', { ...good, nonce: 'mine' }],
    ['TX_EVIDENCE_INVALID', { ...good, nonce: '0'.repeat(64) }],
    ['TX_BINDING_INVALID', { ...good, networkId: '', validUntilHeight: 0n }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ first: second, second: first }) }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ second: first }) }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ second: { ...second, round: 3 } }) }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ address: new Uint8Array(19) }) }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ first: { ...first, justifyHash: hash(1) } }) }],
    ['TX_EVIDENCE_INVALID', { ...good, message: message({ first: { ...first, signature: new Uint8Array(63) } }) }],
  ];
  for (const [code, transaction] of refused) assert.throws(() => encodeTransaction(transaction), { code });
  // A signature, which nobody needs to make, would give one piece of evidence many hashes.
  const signature = Buffer.concat([
    Buffer.from([0x1a, 100, 0x0a, 32]),
    hash(1),
    Buffer.from([0x12, 64]),
    hash(1),
    hash(1),
  ]);
  const bytes = evidenceTransaction(evidence, TEST_NETWORK, 8n);
  const tail = Buffer.from([0x22, TEST_NETWORK.length, ...Buffer.from(TEST_NETWORK), 0x28, 15]);
  const signed = Buffer.concat([bytes.subarray(0, bytes.length - tail.length), signature, tail]);
  assert.throws(() => decodeTransaction(signed), { code: 'TX_EVIDENCE_INVALID', message: /leave the signature out/ });
});

test('whatever bytes two messages have, evidence is in order or there is none', () => {
  const anyMessage = fc.record({
    type: fc.constantFrom(MESSAGE_PROPOSE, MESSAGE_VOTE),
    height: fc.constantFrom(1n, 1n, 1n, 2n),
    round: fc.constantFrom(0, 0, 0, 1),
    step: fc.constantFrom(STEP_PREPARE, STEP_PREPARE, STEP_NEWROUND, STEP_PRECOMMIT, STEP_COMMIT, STEP_DECIDE),
    blockHash: fc.option(fc.nat(2).map(hash)),
    justify: fc.option(fc.constant(Uint8Array.of(1))),
  });
  const base = said();
  let found = 0;
  fc.assert(
    fc.property(anyMessage, anyMessage, (one, other) => {
      const [a, b] = [one, other].map((change) => ({ ...base, ...change })) as [ConsensusMessage, ConsensusMessage];
      const evidence = evidenceOf(a, b);
      assert.deepEqual(evidence, evidenceOf(b, a));
      if (evidence === null) return;
      found++;
      assert.equal(evidenceProblem(evidence), null);
      assert.ok(compareBytes(evidence.first.blockHash, evidence.second.blockHash) < 0);
      const bytes = evidenceTransaction(evidence, TEST_NETWORK, 8n);
      assert.deepEqual(encodeTransaction(decodeTransaction(bytes)), bytes);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(found > 0, 'no two of them contradicted each other');
});
