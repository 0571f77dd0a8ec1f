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
  STEP_NEWROUND,
  STEP_PRECOMMIT,
} from '../../../pocket/chain/consensus.ts';
import type { SignRequest } from '../protocol.ts';
import { COMPLETE } from './guard.ts';
import { formatExport, parseExport } from './interchange.ts';
import { mergeRecords } from './merge.ts';
import { checkRequest } from './request.ts';
import { decide, type SafetyState, UNSIGNED_STATE } from './rules.ts';

const owner = { address: new Uint8Array(20).fill(1), networkId: 'test' };
const blocks = [1, 2].map((n) => new Uint8Array(32).fill(n));

interface Step {
  height: bigint;
  round: number;
  step: number;
  type: number;
  block: number;
}

function request({ height, round, step, type, block }: Step): SignRequest {
  const blockHash = step === STEP_NEWROUND ? null : blocks[block]!;
  const signatures = [{ address: new Uint8Array(20).fill(9), signature: new Uint8Array(64).fill(round + 1) }];
  const justify =
    step >= STEP_PRECOMMIT ? encodeQc({ height, round, step: step - 1, blockHash: blocks[block]!, signatures }) : null;
  return { type, height, round, step, blockHash, justify };
}

function decided(state: SafetyState, step: Step): { kind: 'repeat' | 'sign' | 'refused'; next: SafetyState } {
  const checked = checkRequest(request(step));
  const justify = checked.type === MESSAGE_VOTE ? null : checked.justify;
  const digest = sha256(consensusSignBytes({ ...checked, justify, networkId: owner.networkId }));
  try {
    const made = decide(state, checked, digest);
    const next = made.kind === 'repeat' ? state : made.next(new Uint8Array([...digest, ...digest]));
    return { kind: made.kind, next };
  } catch {
    return { kind: 'refused', next: state };
  }
}

function life(steps: readonly Step[]): SafetyState {
  return steps.reduce((state, step) => decided(state, step).next, UNSIGNED_STATE);
}

const anyStep = fc
  .record({
    height: fc.bigInt({ min: 1n, max: 3n }),
    round: fc.nat(3),
    step: fc.integer({ min: 1, max: 4 }),
    type: fc.constantFrom(MESSAGE_PROPOSE, MESSAGE_VOTE),
    block: fc.nat(1),
  })
  .filter(({ step, type }) => type === MESSAGE_PROPOSE || step !== STEP_NEWROUND);
const anyLife = fc.array(anyStep, { maxLength: 12 }).map(life);

test('two records together sign nothing new that either refuses, and lower nothing', () => {
  let compared = 0;
  fc.assert(
    fc.property(anyLife, anyLife, anyStep, (a, b, step) => {
      let merged: SafetyState;
      try {
        merged = mergeRecords({ state: a, guard: COMPLETE }, { state: b, guard: COMPLETE }).state;
      } catch (error) {
        assert.ok(hasCode(error, 'SIGNER_RECORDS_CONTRADICT'));
        return;
      }
      for (const one of [a, b]) {
        assert.ok(merged.height > one.height || (merged.height === one.height && merged.round >= one.round));
        if (one.height < merged.height || one.lockedQc === null) continue;
        assert.ok(merged.lockedQc !== null && decodeQc(merged.lockedQc).round >= decodeQc(one.lockedQc).round);
      }
      // The lock of an older record may yield to a proof that the newer one has seen used; the place never does.
      const kindOf = (state: SafetyState) => decided({ ...state, lockedQc: null }, step).kind;
      const kinds = [kindOf(a), kindOf(b)];
      const together = kindOf(merged);
      if (together === 'sign') assert.deepEqual(kinds, ['sign', 'sign']);
      if (together === 'repeat') assert.ok(kinds.includes('repeat'));
      compared++;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(compared > 500, 'hardly any two records could be merged: this tests nothing');
});

test('an export is read back as it was written; anything else is refused with a code', () => {
  fc.assert(
    fc.property(anyLife, fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.boolean(), (state, floor, is) => {
      const guard = { floor, fresh: is, stale: is ? { height: floor + 1n, round: 3 } : null };
      assert.deepEqual(parseExport(formatExport({ owner, state, guard }), 'file'), { owner, state, guard });
    }),
  );
  const text = formatExport({
    owner,
    state: life([{ height: 1n, round: 0, step: 2, type: MESSAGE_VOTE, block: 0 }]),
    guard: COMPLETE,
  });
  const good = JSON.parse(text);
  const bad = [
    '',
    '{',
    'null',
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, height: 1 }),
    JSON.stringify({ ...good, height: '-1' }),
    JSON.stringify({ ...good, seed: '00' }),
    JSON.stringify({ ...good, locked_qc: 'ff' }),
    JSON.stringify({ ...good, signed: [...good.signed, ...good.signed] }),
    JSON.stringify({ ...good, address: '' }),
  ];
  for (const one of bad) {
    assert.throws(
      () => parseExport(one, 'file'),
      (error) => hasCode(error, 'SIGNER_EXPORT_INVALID'),
      one,
    );
  }
});
