import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { blockHash, decodeBlock } from '../../actors/pocket/chain/block.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
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
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import { encodeTimeoutCertificate } from '../../actors/pocket/chain/timeout-certificate.ts';
import { leaderOf } from '../../actors/pocket/chain/validators.ts';
import { scan } from '../../actors/pocket/consensus/io/journal-format.ts';
import { sign } from '../../wasm/ed25519.ts';
import { Disk, GENESIS_MS } from './disk.ts';
import { HostedValidator } from './hosted.ts';
import { keysOf, NETWORK_ID } from './keys.ts';

/**
 * The lives of one validator's signer and consensus, whose three fellow validators are this test: they have keys of
 * their own, a quorum without it, and say whatever is wanted.
 */

const HEIGHT = 1n;
const { validators, seeds } = keysOf(4);
/** It leads round 3 of height 1, and no earlier one. */
const self = leaderOf(validators, HEIGHT, 3);
const others = validators.list.filter((one) => one !== self);

const folder = mkdtempSync(join(tmpdir(), 'potoroo-lives-'));
after(() => rmSync(folder, { recursive: true }));

function started(): Promise<HostedValidator> {
  return HostedValidator.start(mkdtempSync(join(folder, 'home-')), validators, seeds.get(toHex(self.address))!);
}

type Place = Pick<ConsensusMessage, 'type' | 'round' | 'step'>;

function said(from: Uint8Array, place: Place, content: Partial<ConsensusMessage> = {}): ConsensusMessage {
  const unsigned = {
    height: HEIGHT,
    networkId: NETWORK_ID,
    blockHash: null,
    block: null,
    justify: null,
    proof: null,
    timeout: null,
  };
  const message = { ...unsigned, ...place, ...content };
  return { ...message, address: from, signature: sign(seeds.get(toHex(from))!, consensusSignBytes(message)) };
}

/** A block of the leader of a round; blocks of different numbers differ. */
function block(round: number, number: number): { block: Uint8Array; blockHash: Uint8Array } {
  const { blockHash: parent } = new Disk(validators).tip();
  const bytes = new Disk(validators).propose(
    {
      parent,
      height: HEIGHT,
      timestamp_ms: BigInt(GENESIS_MS + 1),
      proposer: leaderOf(validators, HEIGHT, round).address,
      quorumCertificate: new Uint8Array(),
    },
    [Uint8Array.of(number)],
  );
  return { block: bytes, blockHash: blockHash(decodeBlock(bytes).header) };
}

function qc(round: number, step: number, hash: Uint8Array): Uint8Array {
  const vote = { height: HEIGHT, round, step, blockHash: hash };
  const bytes = voteSignBytes({ networkId: NETWORK_ID, ...vote });
  const signatures = others.map(({ address }) => ({ address, signature: sign(seeds.get(toHex(address))!, bytes) }));
  return encodeQc({ ...vote, signatures });
}

/** All validators have entered a round. */
function timeoutFor(round: number): Uint8Array {
  const entries = validators.list.map(({ address }) => {
    const { signature } = said(address, { type: MESSAGE_PROPOSE, round, step: STEP_NEWROUND });
    return { address, justifyHash: new Uint8Array(), signature };
  });
  return encodeTimeoutCertificate({ height: HEIGHT, round, entries });
}

/** The proposal of a round's leader for a step: the block itself, then the certificate of the step before. */
function proposal(
  round: number,
  step: number,
  of: { block: Uint8Array; blockHash: Uint8Array },
  prepared: Uint8Array | null = null,
): ConsensusMessage {
  const leader = leaderOf(validators, HEIGHT, round).address;
  const content =
    step === STEP_PREPARE
      ? { ...of, justify: prepared, timeout: round > 0 ? timeoutFor(round) : null }
      : { blockHash: of.blockHash, justify: qc(round, step - 1, of.blockHash) };
  return said(leader, { type: MESSAGE_PROPOSE, round, step }, content);
}

/** A COMMIT vote goes to two leaders: it counts once. */
function votes(validator: HostedValidator, round: number, step: number): ConsensusMessage[] {
  const said = validator.said.filter((one) => one.type === MESSAGE_VOTE && one.round === round && one.step === step);
  return [...new Map(said.map((one) => [toHex(one.signature), one])).values()];
}

const DEATHS = [
  { dead: ['consensus'], journal: 'kept' },
  { dead: ['consensus', 'signer'], journal: 'kept' },
  { dead: ['consensus', 'signer'], journal: 'lost' },
  { dead: ['signer'], journal: 'kept' },
];

for (const { dead, journal } of DEATHS) {
  const name = `after the death of ${dead.join(' and ')}, the journal ${journal},`;
  test(`${name} the height goes on under the lock that was taken before`, async () => {
    const validator = await started();
    const mine = block(0, 1);
    for (const step of [STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT]) await validator.hear(proposal(0, step, mine));
    assert.equal(votes(validator, 0, STEP_COMMIT).length, 1, 'it has voted to commit, so it is locked');

    validator.said.length = 0;
    await validator.replace(dead, () => journal === 'lost' && rmSync(validator.journal));
    await validator.host.advance(10);
    // It does not go on in a round of which it forgot what it said; else it is led out of it by two others.
    if (journal === 'kept') {
      const { round } = await validator.answer(validator.consensus.ask('state', {}));
      // The signer's start takes time, and an old life's clock goes on meanwhile.
      if (dead.includes('consensus')) assert.equal(round, 0);
      await validator.hear(...others.slice(1).map(({ address }) => entered(address, 1)));
    }
    const state = await validator.answer(validator.consensus.ask('state', {}));
    assert.deepEqual([state.height, state.round], [HEIGHT, 1]);
    // What was asked of a signer that was down is asked again after a second at most.
    const announced = await validator.says((one) => one.step === STEP_NEWROUND && one.round === 1, 1_500);
    assert.deepEqual(announced.justify, qc(0, STEP_PREPARE, mine.blockHash));

    await validator.hear(proposal(1, STEP_PREPARE, block(1, 2)));
    assert.equal(votes(validator, 1, STEP_PREPARE).length, 0, 'another block does not get its vote');
    assert.equal(await validator.metric('consensus', 'potoroo_consensus_proposals_rejected_total', 'locked'), 1);
    assert.equal(await validator.metric('signer', 'potoroo_signer_refusals_total'), 0, 'it did not even ask for it');

    await validator.hear(proposal(2, STEP_PREPARE, mine, qc(0, STEP_PREPARE, mine.blockHash)));
    assert.equal(votes(validator, 2, STEP_PREPARE).length, 1, 'the locked block does');
    await validator.hear(proposal(2, STEP_DECIDE, mine));
    assert.equal(toHex(validator.disk.tip().blockHash), toHex(mine.blockHash));
    await validator.host.stop();
  });
}

test('a replica that dies after each of its votes goes on in the same round, up to the decision', async () => {
  const validator = await started();
  const mine = block(0, 1);
  for (const step of [STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT]) {
    await validator.hear(proposal(0, step, mine));
    const [vote] = votes(validator, 0, step);
    const before = validator.said.length;
    await validator.replace(['consensus']);
    const { round } = await validator.answer(validator.consensus.ask('state', {}));
    assert.equal(round, 0);
    assert.deepEqual(votes(validator, 0, step), [vote], 'it has one vote');
    const again = validator.said.slice(before);
    assert.ok(
      again.some(({ signature }) => equalBytes(signature, vote!.signature)),
      'which may be lost, so it is said again',
    );
    assert.ok((await validator.metric('consensus', 'potoroo_consensus_journal_replayed_total')) > 0);
  }
  await validator.hear(proposal(0, STEP_DECIDE, mine));
  assert.equal(toHex(validator.disk.tip().blockHash), toHex(mine.blockHash));
  assert.deepEqual(contradictions(validator.said), []);
  await validator.host.stop();
});

test('a leader that dies after its proposal still counts the votes that it had, and those that it gets', async () => {
  const validator = await started();
  await validator.hear(...others.map(({ address }) => entered(address, 3)));
  const prepare = await validator.says((one) => one.step === STEP_PREPARE && one.type === MESSAGE_PROPOSE, 10_000);
  const vote = (from: Uint8Array) =>
    said(from, { type: MESSAGE_VOTE, round: 3, step: STEP_PREPARE }, { blockHash: prepare.blockHash });
  await validator.hear(vote(others[0]!.address));

  await validator.replace(['consensus', 'signer']);
  await validator.hear(vote(others[1]!.address));
  const precommit = await validator.says((one) => one.step === STEP_PRECOMMIT, 1_500);
  assert.deepEqual([precommit.round, precommit.blockHash], [3, prepare.blockHash]);
  assert.deepEqual(contradictions(validator.said), []);
  await validator.host.stop();
});

test('a journal that is torn anywhere in its last record costs that record, and not the round', async () => {
  const validator = await started();
  const mine = block(0, 1);
  for (const step of [STEP_PREPARE, STEP_PRECOMMIT]) await validator.hear(proposal(0, step, mine));
  await validator.host.kill('consensus');
  const whole = readFileSync(validator.journal);
  const last = scan(whole.subarray(0, -1)).whole;
  for (let length = last; length < whole.length; length++) {
    writeFileSync(validator.journal, whole.subarray(0, length));
    await validator.host.restart('consensus');
    await validator.host.advance(1);
    const { round, step } = await validator.answer(validator.consensus.ask('state', {}));
    assert.deepEqual([round, step], [0, STEP_PRECOMMIT]);
    const torn = await validator.metric('consensus', 'potoroo_consensus_journal_torn_bytes_total');
    assert.equal(torn, length - last);
    await validator.host.kill('consensus');
  }
  await validator.host.restart('consensus');
  await validator.hear(proposal(0, STEP_COMMIT, mine));
  assert.equal(votes(validator, 0, STEP_COMMIT).length, 1);
  assert.deepEqual(contradictions(validator.said), []);
  await validator.host.stop();
});

function entered(from: Uint8Array, round: number): ConsensusMessage {
  return said(from, { type: MESSAGE_PROPOSE, round, step: STEP_NEWROUND });
}

const action = fc.oneof(
  // Leaders that contradict themselves, with certificates for every block they name.
  fc.record({
    kind: fc.constant('propose' as const),
    round: fc.nat(2),
    step: fc.constantFrom(STEP_PREPARE, STEP_PRECOMMIT, STEP_COMMIT),
    number: fc.nat(2),
  }),
  // The quorum that makes it lead.
  fc.record({ kind: fc.constant('elect' as const) }),
  fc.record({ kind: fc.constant('wait' as const), duration_ms: fc.constantFrom(1, 600, 4_000) }),
  fc.record({
    kind: fc.constant('die' as const),
    dead: fc.constantFrom(['signer'], ['consensus'], ['signer', 'consensus'], ['consensus', 'signer']),
    /** Bytes of the journal that a power failure takes. */
    torn: fc.oneof(fc.constant(0), fc.nat(3_000)),
  }),
);

async function perform(validator: HostedValidator, one: typeof action extends fc.Arbitrary<infer T> ? T : never) {
  switch (one.kind) {
    case 'propose':
      return validator.hear(proposal(one.round, one.step, block(one.round, one.number)));
    case 'elect':
      return validator.hear(...others.map(({ address }) => entered(address, 3)));
    case 'wait':
      return validator.host.advance(one.duration_ms);
    case 'die':
      return validator.replace(
        one.dead,
        () => one.dead.some((name) => name === 'consensus') && tear(validator.journal, one.torn),
      );
  }
}

function tear(path: string, bytes: number) {
  const { size } = statSync(path);
  truncateSync(path, Math.max(0, size - bytes));
}

/** Different contents under one height, round, step and type. */
function contradictions(messages: readonly ConsensusMessage[]): string[] {
  const contents = new Map<string, ConsensusMessage>();
  const found: string[] = [];
  for (const message of messages) {
    const { type, height, round, step } = message;
    const place = `height ${height}, round ${round}, step ${step}, ${type === MESSAGE_VOTE ? 'vote' : 'proposal'}`;
    const earlier = contents.get(place);
    if (earlier && !equalBytes(earlier.signature, message.signature)) found.push(place);
    contents.set(place, message);
  }
  return found;
}

test('however often signer and consensus die, nothing is signed twice in one place, whatever others say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 30 }), async (actions) => {
      const validator = await started();
      for (const one of actions) await perform(validator, one);
      assert.deepEqual(contradictions(validator.said), []);
      await validator.host.stop();
    }),
    { numRuns: 40 },
  );
});
