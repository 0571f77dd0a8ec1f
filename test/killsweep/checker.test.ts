import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  type ConsensusMessage,
  consensusSignBytes,
  encodeConsensusMessage,
  encodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
  voteSignBytes,
} from '../../actors/pocket/chain/consensus.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { TEST_NETWORK, testValidators } from '../../actors/pocket/chain/testing.ts';
import { encodeTimeoutCertificate } from '../../actors/pocket/chain/timeout-certificate.ts';
import { sign } from '../../wasm/ed25519.ts';
import { sha256 } from '../../wasm/hash.ts';
import { judge, Ledger } from './checker.ts';
import type { Line } from './record-line.ts';
import { readMessage, signedBytes } from './statement.ts';

const validators = testValidators(4);
const [victim, other] = validators as [(typeof validators)[number], (typeof validators)[number]];
const genesis = JSON.stringify({
  validators: validators.map(({ address, publicKey }) => ({ address: toHex(address), public_key: toHex(publicKey) })),
});
const block = (fill: number) => new Uint8Array(32).fill(fill);

function message(change: Partial<ConsensusMessage>, signer = victim): Uint8Array {
  const unsigned: ConsensusMessage = {
    type: MESSAGE_VOTE,
    height: 7n,
    round: 0,
    step: STEP_COMMIT,
    blockHash: block(1),
    block: null,
    justify: null,
    proof: null,
    timeout: null,
    address: signer.address,
    signature: new Uint8Array(64),
    networkId: TEST_NETWORK,
    ...change,
  };
  return encodeConsensusMessage({ ...unsigned, signature: sign(signer.seed, consensusSignBytes(unsigned)) });
}

/** A certificate with the victim's vote in it. */
function certificate(blockHash: Uint8Array, step = STEP_COMMIT): Uint8Array {
  const vote = { networkId: TEST_NETWORK, height: 7n, round: 0, step, blockHash };
  const signatures = validators.map(({ address, seed }) => ({ address, signature: sign(seed, voteSignBytes(vote)) }));
  return encodeQc({ ...vote, signatures });
}

/** The validators' NEWROUNDs of a round, that of the victim with this certificate. */
function timeoutCertificate(height: bigint, round: number, justify: Uint8Array | null = null): Uint8Array {
  const newRound = {
    type: MESSAGE_PROPOSE,
    height,
    round,
    step: STEP_NEWROUND,
    blockHash: null,
    networkId: TEST_NETWORK,
  };
  const entries = validators.map((one) => {
    const own = one === victim ? justify : null;
    const signature = sign(one.seed, consensusSignBytes({ ...newRound, justify: own }));
    return { address: one.address, justifyHash: own ? sha256(own) : new Uint8Array(), signature };
  });
  return encodeTimeoutCertificate({ height, round, entries });
}

function ledgerOf(...messages: Uint8Array[]): Ledger {
  const ledger = new Ledger(genesis);
  for (const one of messages) ledger.takeMessage(one);
  return ledger;
}

test('the bytes that a signature is for are found without the codecs of the node', () => {
  const step = fc.constantFrom(STEP_NEWROUND, STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT, STEP_DECIDE);
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.nat(0xffffffff), step, (height, round, at) => {
      const change = {
        type: MESSAGE_PROPOSE,
        height,
        round,
        step: at,
        blockHash: at === STEP_NEWROUND ? null : block(3),
        block: at === STEP_PREPARE ? new Uint8Array([1, 2, 3]) : null,
        timeout: at === STEP_PREPARE && round > 0 ? timeoutCertificate(height, round) : null,
        justify: at > STEP_PREPARE ? certificate(block(3), STEP_PREPARE) : null,
      };
      const { statement } = readMessage(message(change));
      assert.deepEqual(
        { ...statement, signature: '' },
        {
          type: MESSAGE_PROPOSE,
          height,
          round,
          step: at,
          blockHash: change.blockHash ? toHex(block(3)) : '',
          justifyHash: change.justify ? toHex(sha256(change.justify)) : '',
          networkId: TEST_NETWORK,
          address: toHex(victim.address),
          signature: '',
        },
      );
      const signed = consensusSignBytes({ ...change, networkId: TEST_NETWORK });
      assert.deepEqual(Uint8Array.from(signedBytes(statement)), Uint8Array.from(signed));
    }),
  );
});

test('two votes of one key in one place are a contradiction; a repeated one is none', () => {
  const repeated = ledgerOf(message({}), message({}), message({ step: STEP_PRECOMMIT }), message({ round: 1 }));
  assert.deepEqual(repeated.contradictions, []);
  const [found, ...more] = ledgerOf(message({}), message({}), message({ blockHash: block(2) })).contradictions;
  assert.deepEqual(more, []);
  assert.equal(found!.address, toHex(victim.address));
  assert.equal(found!.place, `network ${TEST_NETWORK}, height 7, round 0, vote COMMIT`);
  assert.equal(found!.statements.length, 2);
});

test('what two validators say, or one of two networks, contradicts nothing', () => {
  const ledger = ledgerOf(
    message({}),
    message({ blockHash: block(2) }, other),
    message({ blockHash: block(3), networkId: 'elsewhere' }),
  );
  assert.deepEqual(ledger.contradictions, []);
});

test('two proposals with other certificates for the same block are a contradiction', () => {
  const justified = (blockHash: Uint8Array) =>
    message({ type: MESSAGE_PROPOSE, step: STEP_NEWROUND, blockHash: null, justify: certificate(blockHash) });
  assert.deepEqual(ledgerOf(justified(block(1)), justified(block(1))).contradictions, []);
  const ledger = ledgerOf(justified(block(1)));
  ledger.takeMessage(message({ type: MESSAGE_PROPOSE, step: STEP_NEWROUND, blockHash: null }));
  assert.match(ledger.contradictions[0]!.place, /proposal NEWROUND/);
});

test('a vote that is seen in a certificate only counts like one that was sent', () => {
  const proposal = message(
    { type: MESSAGE_PROPOSE, step: STEP_DECIDE, blockHash: block(2), justify: certificate(block(2)) },
    other,
  );
  const ledger = ledgerOf(message({}), proposal);
  assert.equal(ledger.contradictions.length, 1);
  const verdict = ledgerOf(proposal).verdict(toHex(victim.address));
  assert.equal(verdict.victim_votes, 1);
  assert.equal(verdict.victim_votes_in_certificates, 1);
});

test('a NEWROUND that is seen in a timeout certificate only counts like one that was sent', () => {
  const newRound = { type: MESSAGE_PROPOSE, round: 1, step: STEP_NEWROUND, blockHash: null };
  const proposal = (timeout: Uint8Array) =>
    message(
      { type: MESSAGE_PROPOSE, round: 1, step: STEP_PREPARE, blockHash: block(3), block: new Uint8Array(9), timeout },
      other,
    );
  const same = ledgerOf(message(newRound), proposal(timeoutCertificate(7n, 1)));
  assert.deepEqual(same.contradictions, []);
  assert.equal(same.verdict(toHex(victim.address)).unproven, 0);
  const different = ledgerOf(message(newRound), proposal(timeoutCertificate(7n, 1, certificate(block(4)))));
  assert.match(different.contradictions[0]!.place, /round 1, proposal NEWROUND/);
});

test('a signature that is not of the signer proves nothing, and is told of', () => {
  const ledger = ledgerOf(message({}));
  const { statement } = readMessage(message({ blockHash: block(2) }, { ...victim, seed: other.seed }));
  ledger.take(statement, 'message');
  assert.deepEqual(ledger.contradictions, []);
  assert.equal(ledger.verdict(toHex(victim.address)).unproven, 1);
});

test("the observer's file is judged as a whole", async () => {
  const directory = mkdtempSync(join(tmpdir(), 'potoroo-checker-'));
  after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'statements.jsonl');
  const heard = (bytes: Uint8Array): Partial<Line> => ({ message: Buffer.from(bytes).toString('base64') });
  const end: Line = { end: true, heard_by: 2, recorded: 3, dropped: 1 };
  const lines = [heard(message({})), heard(message({})), heard(message({ blockHash: block(2) })), end];
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const verdict = await judge(file, genesis, toHex(victim.address));
  assert.equal(verdict.messages, 3);
  assert.equal(verdict.missed, 1);
  assert.equal(verdict.victim_votes, 2);
  assert.equal(verdict.height, '7');
  assert.equal(verdict.contradictions.length, 1);
});
