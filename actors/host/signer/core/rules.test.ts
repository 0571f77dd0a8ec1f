import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../../runtime/errors.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import {
  consensusSignBytes,
  decodeQc,
  encodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../../pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../../pocket/chain/hex.ts';
import type { SignRequest } from '../protocol.ts';
import { COMPLETE } from './guard.ts';
import { decodeRecord, encodeRecord, type RecordContent } from './record.ts';
import { checkRequest } from './request.ts';
import { decide, type SafetyState, UNSIGNED_STATE } from './rules.ts';

const owner = { address: new Uint8Array(20).fill(1), networkId: 'test' };
const binding = { machine: null, inode: 7n };
const encode = (sequence: bigint, state: SafetyState, rest: Partial<RecordContent> = {}) =>
  encodeRecord({ sequence, owner, binding, guard: COMPLETE, state, ...rest });
const blocks = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
const [A, B] = blocks as [Uint8Array, Uint8Array];

function qc(height: bigint, round: number, step: number, blockHash: Uint8Array): Uint8Array {
  const signatures = [{ address: new Uint8Array(20).fill(9), signature: new Uint8Array(64).fill(round + 1) }];
  return encodeQc({ height, round, step, blockHash, signatures });
}

/** A signer without key and disk: the signature is a digest of the signed bytes, a crash is a trip through the codec. */
class Machine {
  state: SafetyState = UNSIGNED_STATE;
  #sequence = 0n;

  sign(request: SignRequest): string {
    const checked = checkRequest(request);
    const justify = checked.type === MESSAGE_VOTE ? null : checked.justify;
    const bytes = consensusSignBytes({ ...checked, justify, networkId: owner.networkId });
    const decision = decide(this.state, checked, sha256(bytes));
    if (decision.kind === 'repeat') return toHex(decision.signature);
    const digest = sha256(bytes);
    const signature = new Uint8Array([...digest, ...digest]);
    this.state = decision.next(signature);
    return toHex(signature);
  }

  crash(): void {
    this.#sequence += 1n;
    const read = decodeRecord(encode(this.#sequence, this.state));
    assert.ok(read !== null);
    this.state = read.state;
  }
}

const at = (
  height: bigint,
  round: number,
  step: number,
  type: number,
  rest: Partial<SignRequest> = {},
): SignRequest => ({
  type,
  height,
  round,
  step,
  blockHash: step === STEP_NEWROUND ? null : A,
  justify: null,
  ...rest,
});
const refused = (code: string) => (error: unknown) => hasCode(error, code);

test('a leader signs a whole view, proposals and votes interleaved', () => {
  const m = new Machine();
  m.sign(at(1n, 0, STEP_NEWROUND, MESSAGE_PROPOSE));
  m.sign(at(1n, 0, STEP_PREPARE, MESSAGE_PROPOSE));
  m.sign(at(1n, 0, STEP_PREPARE, MESSAGE_VOTE));
  const prepareQc = qc(1n, 0, STEP_PREPARE, A);
  m.sign(at(1n, 0, STEP_PRECOMMIT, MESSAGE_PROPOSE, { justify: prepareQc }));
  m.sign(at(1n, 0, STEP_PRECOMMIT, MESSAGE_VOTE, { justify: prepareQc }));
  assert.deepEqual(m.state.prepareQc, prepareQc);
  const precommitQc = qc(1n, 0, STEP_PRECOMMIT, A);
  m.sign(at(1n, 0, STEP_COMMIT, MESSAGE_PROPOSE, { justify: precommitQc }));
  m.sign(at(1n, 0, STEP_COMMIT, MESSAGE_VOTE, { justify: precommitQc }));
  assert.deepEqual(m.state.lockedQc, precommitQc);
  m.sign(at(1n, 0, STEP_DECIDE, MESSAGE_PROPOSE, { justify: qc(1n, 0, STEP_COMMIT, A) }));
  m.sign(at(2n, 0, STEP_NEWROUND, MESSAGE_PROPOSE));
  assert.equal(m.state.lockedQc, null);
  assert.equal(m.state.prepareQc, null);
});

test('the same request gives the stored signature, another one a conflict', () => {
  const m = new Machine();
  const proposal = at(1n, 0, STEP_PREPARE, MESSAGE_PROPOSE);
  const first = m.sign(proposal);
  m.sign(at(1n, 0, STEP_PREPARE, MESSAGE_VOTE));
  m.crash();
  assert.equal(m.sign(proposal), first);
  assert.throws(() => m.sign({ ...proposal, blockHash: B }), refused('SIGN_CONFLICT'));
  assert.throws(() => m.sign(at(1n, 0, STEP_PREPARE, MESSAGE_VOTE, { blockHash: B })), refused('SIGN_CONFLICT'));
  assert.throws(() => m.sign(at(1n, 0, STEP_NEWROUND, MESSAGE_PROPOSE)), refused('SIGN_BEHIND'));
  m.sign(at(1n, 2, STEP_NEWROUND, MESSAGE_PROPOSE));
  assert.throws(() => m.sign(proposal), refused('SIGN_BEHIND'));
});

test('a vote is the same whichever signers made its justification', () => {
  const m = new Machine();
  const one = qc(1n, 0, STEP_PREPARE, A);
  const other = encodeQc({
    ...decodeQc(one),
    signatures: [{ address: new Uint8Array(20), signature: new Uint8Array(64) }],
  });
  const vote = at(1n, 0, STEP_PRECOMMIT, MESSAGE_VOTE, { justify: one });
  assert.equal(m.sign(vote), m.sign({ ...vote, justify: other }));
});

test('a lock yields only to a newer prepareQC for the block voted on', () => {
  const m = new Machine();
  m.sign(at(1n, 1, STEP_COMMIT, MESSAGE_VOTE, { justify: qc(1n, 1, STEP_PRECOMMIT, A) }));
  const vote = (round: number, blockHash: Uint8Array, justify: Uint8Array | null) =>
    m.sign(at(1n, round, STEP_PREPARE, MESSAGE_VOTE, { blockHash, justify }));
  assert.throws(() => vote(3, B, null), refused('SIGN_LOCKED'));
  assert.throws(() => vote(3, B, qc(1n, 1, STEP_PREPARE, B)), refused('SIGN_LOCKED'));
  assert.throws(() => vote(3, B, qc(1n, 2, STEP_PREPARE, A)), refused('SIGN_LOCKED'));
  assert.throws(() => vote(3, B, qc(1n, 2, STEP_PRECOMMIT, B)), refused('SIGN_LOCKED'));
  assert.throws(() => vote(3, B, qc(1n, 7, STEP_PREPARE, B)), refused('SIGN_LOCKED'));
  assert.throws(() => vote(3, B, qc(2n, 2, STEP_PREPARE, B)), refused('SIGN_LOCKED'));
  vote(3, B, qc(1n, 2, STEP_PREPARE, B));
  vote(4, A, null);
});

test('malformed requests are refused', () => {
  const m = new Machine();
  const bad: SignRequest[] = [
    at(0n, 0, STEP_PREPARE, MESSAGE_VOTE),
    at(2n ** 64n, 0, STEP_PREPARE, MESSAGE_VOTE),
    at(1n, -1, STEP_PREPARE, MESSAGE_VOTE),
    at(1n, 0.5, STEP_PREPARE, MESSAGE_VOTE),
    at(1n, 0, 6, MESSAGE_PROPOSE),
    at(1n, 0, STEP_PREPARE, 3),
    at(1n, 0, STEP_NEWROUND, MESSAGE_VOTE),
    at(1n, 0, STEP_DECIDE, MESSAGE_VOTE, { justify: qc(1n, 0, STEP_COMMIT, A) }),
    at(1n, 0, STEP_NEWROUND, MESSAGE_PROPOSE, { blockHash: A }),
    at(1n, 0, STEP_PREPARE, MESSAGE_VOTE, { blockHash: new Uint8Array(31) }),
    at(1n, 0, STEP_PRECOMMIT, MESSAGE_VOTE),
    at(1n, 0, STEP_PRECOMMIT, MESSAGE_VOTE, { justify: qc(1n, 0, STEP_PREPARE, B) }),
    at(1n, 1, STEP_PRECOMMIT, MESSAGE_VOTE, { justify: qc(1n, 0, STEP_PREPARE, A) }),
    at(1n, 0, STEP_COMMIT, MESSAGE_VOTE, { justify: qc(1n, 0, STEP_PREPARE, A) }),
  ];
  for (const request of bad) assert.throws(() => m.sign(request), refused('SIGN_INVALID'));
  assert.throws(() => m.sign(at(1n, 0, STEP_PREPARE, MESSAGE_VOTE, { justify: new Uint8Array([255, 255]) })));
  assert.equal(m.state.height, 0n);
});

const anyRequest = fc.record({
  height: fc.bigInt({ min: 1n, max: 2n }),
  round: fc.nat(4),
  step: fc.integer({ min: 1, max: 5 }),
  type: fc.constantFrom(MESSAGE_PROPOSE, MESSAGE_VOTE),
  block: fc.nat(2),
  qcRound: fc.nat(4),
  qcBlock: fc.nat(2),
  right: fc.boolean(),
  crash: fc.boolean(),
});

test('no sequence of requests and crashes gives two messages one place, or breaks the lock', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { maxLength: 60 }), (commands) => {
      const m = new Machine();
      const places = new Map<string, string>();
      const locks: { height: bigint; round: number; block: number }[] = [];
      for (const c of commands) {
        const { height, round, step, type, block } = c;
        const hash = step === STEP_NEWROUND ? null : blocks[block]!;
        const chained = step >= STEP_PRECOMMIT;
        const justify =
          chained && c.right
            ? qc(height, round, step - 1, blocks[block]!)
            : qc(height, c.qcRound, STEP_PREPARE, blocks[c.qcBlock]!);
        if (c.crash) m.crash();
        let signature: string;
        try {
          signature = m.sign({ type, height, round, step, blockHash: hash, justify });
        } catch (error) {
          assert.match((error as { code: string }).code, /^SIGN_(INVALID|CONFLICT|BEHIND|LOCKED)$/);
          continue;
        }
        const place = `${height}/${round}/${step}/${type}`;
        assert.equal(places.get(place) ?? signature, signature);
        const repeated = places.has(place);
        places.set(place, signature);
        if (type !== MESSAGE_VOTE || repeated) continue;
        if (step === STEP_PREPARE) {
          const lock = locks.filter((l) => l.height === height).at(-1);
          const free = lock === undefined || lock.block === block || (c.qcBlock === block && c.qcRound > lock.round);
          assert.ok(free, 'voted against the lock');
        }
        if (step === STEP_COMMIT) locks.push({ height, round, block });
      }
    }),
    { numRuns: 300 },
  );
});

test('three honest signers and a liar never decide two blocks of one height, whatever they are asked', () => {
  // The liar leads every round: it offers each honest signer a block and a prepareQC of its choice, shows the QCs
  // that come about to whom it likes, and votes for everything itself.
  const offer = fc.record({ block: fc.nat(1), pick: fc.nat(8), crash: fc.boolean() });
  const rounds = fc.array(
    fc.record({
      offers: fc.tuple(offer, offer, offer),
      precommit: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
      commit: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    }),
    { minLength: 3, maxLength: 6 },
  );
  let decided = 0;
  fc.assert(
    fc.property(rounds, (plan) => {
      const machines = [new Machine(), new Machine(), new Machine()];
      const prepareQcs: { round: number; block: number }[] = [];
      const committed = new Set<number>();
      const vote = (who: number, round: number, step: number, block: number, justify: Uint8Array | null): boolean => {
        try {
          machines[who]!.sign(at(1n, round, step, MESSAGE_VOTE, { blockHash: blocks[block]!, justify }));
          return true;
        } catch (error) {
          assert.match((error as { code: string }).code, /^SIGN_(LOCKED|CONFLICT|BEHIND)$/);
          return false;
        }
      };
      plan.forEach(({ offers, precommit, commit }, round) => {
        const prepared = offers.map(({ block, pick, crash }, who) => {
          if (crash) machines[who]!.crash();
          const fitting = prepareQcs.filter((one) => one.round < round && (pick < 2 || one.block === block));
          const chosen = fitting[pick % (fitting.length + 1)];
          const justify = chosen && qc(1n, chosen.round, STEP_PREPARE, blocks[chosen.block]!);
          return vote(who, round, STEP_PREPARE, block, justify ?? null) ? block : -1;
        });
        for (const block of [0, 1]) {
          // Two honest votes and the liar's are three of four: a QC.
          if (prepared.filter((b) => b === block).length < 2) continue;
          prepareQcs.push({ round, block });
          const prepareQc = qc(1n, round, STEP_PREPARE, blocks[block]!);
          const precommits = precommit.filter((on, who) => on && vote(who, round, STEP_PRECOMMIT, block, prepareQc));
          if (precommits.length < 2) continue;
          const precommitQc = qc(1n, round, STEP_PRECOMMIT, blocks[block]!);
          const commits = commit.filter((on, who) => on && vote(who, round, STEP_COMMIT, block, precommitQc));
          if (commits.length >= 2) committed.add(block);
        }
      });
      decided += committed.size;
      assert.ok(committed.size < 2, 'two blocks decided');
    }),
    { numRuns: 3_000 },
  );
  assert.ok(decided > 0, 'the search never decided anything: it tests nothing');
});

test('a record is read back as it was written, and nothing else is a record', () => {
  const m = new Machine();
  m.sign(at(7n, 3, STEP_COMMIT, MESSAGE_VOTE, { justify: qc(7n, 3, STEP_PRECOMMIT, A) }));
  const bytes = encode(5n, m.state);
  const read = decodeRecord(bytes);
  assert.deepEqual(read, { sequence: 5n, owner, binding, guard: COMPLETE, state: m.state });
  for (let i = 0; i < bytes.length; i++) {
    const damaged = bytes.slice();
    damaged[i] = damaged[i]! ^ 1;
    assert.equal(decodeRecord(damaged), null);
    assert.equal(decodeRecord(bytes.subarray(0, i)), null);
  }
  assert.ok(equalBytes(bytes, encode(5n, m.state)));
  const huge = { ...m.state, prepareQc: new Uint8Array(300_000) };
  assert.throws(() => encode(5n, huge), refused('SIGNER_RECORD_TOO_LARGE'));
});

test('place and guard are in the record, too', () => {
  const machine = new Uint8Array(32).fill(3);
  const guard = { floor: 9n, fresh: true, stale: { height: 2n ** 60n, round: 4 } };
  const bytes = encodeRecord({
    sequence: 1n,
    owner,
    binding: { machine, inode: 2n ** 63n },
    state: UNSIGNED_STATE,
    guard,
  });
  const read = decodeRecord(bytes);
  assert.deepEqual(read?.binding, { machine, inode: 2n ** 63n });
  assert.deepEqual(read?.guard, guard);
});
