import assert from 'node:assert/strict';
import { seededFraction } from '../../actors/pocket/chain/proof-lottery.ts';
import {
  BASE_TARGET,
  claimedAmount,
  decodeTarget,
  encodeTarget,
  estimatedComputeUnits,
  nextAverage,
  nextTarget,
  proofPath,
  relayMultiplier,
} from '../../actors/pocket/chain/relay-mining.ts';
import { HashKernel } from '../../wasm/hash-kernel.ts';
import { packRelays, relayDifficulty } from '../../wasm/relay-difficulty.ts';
import type { Tally } from './tally.ts';

/** The file's own form; its `meta` explains the fields. Byte strings are hex, numbers are decimal text. */
interface NewTarget {
  prev: string;
  targetNumRelays: string;
  newRelaysEma: string;
  expected: string;
  multiplierNum?: string;
  multiplierDen?: string;
  multiplierFloor?: string;
}
export interface RelayMiningVectors {
  readonly literals: {
    multiplier: { target: string; expectedFloor?: string; expectedExact?: string }[];
    applicable: Applicable[];
    newTargetFromBase: { target: string; ema: string; expected: string }[];
    scaling: { desc: string; prev: string; ratioNum: string; ratioDen: string; expectedNewTargetHash: string }[];
    firstDifficulty: { targetNumRelays: string; numRelays: string; targetHashAtMost: string }[];
    minedRelayFixtures: { relayBytes: string; sha256: string; targetHash: string; applicable: boolean }[];
  };
  readonly generatedApplicable: Applicable[];
  readonly generatedClaimAmounts: {
    claimedComputeUnits: string;
    claimedUpokt: string;
    computeUnitCostGranularity: string;
    computeUnitsToTokensMultiplier: string;
    estimatedComputeUnitsExact: string;
    targetHash: string;
  }[];
  readonly generatedEma: { prevEma: string; current: string; expected: string }[];
  readonly generatedNewTargetHash: NewTarget[];
  readonly generatedProofPath: { blockHash: string; sessionId: string; path: string }[];
  readonly generatedSeededFloat64: { seedBytes: string; float64bits: string }[];
  readonly generatedSequences: { name: string; startEma: string; steps: { numRelays: string; ema: string }[] }[];
}
interface Applicable {
  relayHash: string;
  targetHash: string;
  expected: boolean;
}

export function isRelayMiningVectors(content: object): content is RelayMiningVectors {
  return 'generatedEma' in content && 'generatedNewTargetHash' in content;
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const targetOf = (text: string): bigint => decodeTarget(bytes(text));

export function checkRelayMiningVectors(vectors: RelayMiningVectors, build: 'plain' | 'simd', tally: Tally): void {
  checkApplicability(vectors, new HashKernel(build), tally);
  checkMultipliers(vectors, tally);
  checkTargets(vectors, tally);
  checkAverages(vectors, tally);
  checkClaims(vectors, tally);
  checkLottery(vectors, tally);
}

/** The kernel hashes and compares; of a hash alone, which no relay is known for, it compares. */
function checkApplicability({ literals, generatedApplicable }: RelayMiningVectors, kernel: HashKernel, tally: Tally) {
  for (const { relayBytes, sha256, targetHash, applicable } of literals.minedRelayFixtures) {
    tally.check('relay', sha256, () => {
      const { digests, bitmap } = relayDifficulty(packRelays([bytes(relayBytes)]), bytes(targetHash), kernel);
      assert.equal(hex(digests), sha256);
      assert.equal(bitmap[0] === 1, applicable);
    });
  }
  for (const { relayHash, targetHash, expected } of [...literals.applicable, ...generatedApplicable]) {
    tally.check('applicable', relayHash, () => {
      kernel.output.set(bytes(relayHash));
      kernel.target.set(bytes(targetHash));
      kernel.markBelow(1);
      assert.equal(kernel.bitmap[0] === 1, expected);
    });
  }
}

function checkMultipliers({ literals, generatedNewTargetHash }: RelayMiningVectors, tally: Tally): void {
  for (const { target, expectedFloor, expectedExact } of literals.multiplier) {
    tally.check('multiplier', target, () => {
      const { numerator, denominator } = relayMultiplier(targetOf(target));
      assert.equal(numerator / denominator, BigInt(expectedFloor ?? expectedExact!));
      if (expectedExact !== undefined) assert.equal(denominator, 1n);
    });
  }
  for (const { expected, multiplierNum, multiplierDen } of generatedNewTargetHash) {
    if (multiplierNum === undefined || multiplierDen === undefined) continue;
    tally.check('multiplier', expected, () => {
      const { numerator, denominator } = relayMultiplier(targetOf(expected));
      assert.deepEqual([numerator, denominator], [BigInt(multiplierNum), BigInt(multiplierDen)]);
    });
  }
}

function checkTargets({ literals, generatedNewTargetHash }: RelayMiningVectors, tally: Tally): void {
  const target = (name: string, previous: bigint, wanted: string, estimated: string, expected: string): void =>
    tally.check('target', name, () => {
      assert.equal(hex(encodeTarget(nextTarget(previous, BigInt(wanted), BigInt(estimated)))), expected);
    });
  for (const one of generatedNewTargetHash)
    target(one.expected, targetOf(one.prev), one.targetNumRelays, one.newRelaysEma, one.expected);
  for (const one of literals.newTargetFromBase)
    tally.check('literal target', one.expected, () => {
      const next = nextTarget(BASE_TARGET, BigInt(one.target), BigInt(one.ema));
      assert.equal(hex(encodeTarget(next)), one.expected);
    });
  for (const one of literals.scaling)
    tally.check('scaling', one.desc, () => {
      const next = nextTarget(targetOf(one.prev), BigInt(one.ratioNum), BigInt(one.ratioDen));
      assert.equal(hex(encodeTarget(next)), one.expectedNewTargetHash);
    });
  for (const one of literals.firstDifficulty)
    tally.check('first target', one.numRelays, () => {
      const next = nextTarget(BASE_TARGET, BigInt(one.targetNumRelays), BigInt(one.numRelays));
      assert.ok(next <= targetOf(one.targetHashAtMost));
    });
}

function checkAverages({ generatedEma, generatedSequences }: RelayMiningVectors, tally: Tally): void {
  for (const { prevEma, current, expected } of generatedEma)
    tally.check('average', `${prevEma} and ${current}`, () => {
      assert.equal(nextAverage(BigInt(prevEma), BigInt(current)), BigInt(expected));
    });
  for (const { name, startEma, steps } of generatedSequences)
    tally.check('sequence', name, () => {
      let average = BigInt(startEma);
      for (const { numRelays, ema } of steps) {
        average = nextAverage(average, BigInt(numRelays));
        assert.equal(average, BigInt(ema));
      }
    });
}

function checkClaims({ generatedClaimAmounts, generatedProofPath }: RelayMiningVectors, tally: Tally): void {
  for (const one of generatedClaimAmounts)
    tally.check('claim', one.claimedUpokt, () => {
      const target = targetOf(one.targetHash);
      const claimed = BigInt(one.claimedComputeUnits);
      const rate = {
        multiplier: BigInt(one.computeUnitsToTokensMultiplier),
        granularity: BigInt(one.computeUnitCostGranularity),
      };
      assert.equal(estimatedComputeUnits(claimed, target), BigInt(one.estimatedComputeUnitsExact));
      assert.equal(claimedAmount(claimed, target, rate), BigInt(one.claimedUpokt));
    });
  for (const { blockHash, sessionId, path } of generatedProofPath)
    tally.check('proof path', path, () => {
      assert.equal(hex(proofPath(bytes(blockHash), sessionId)), path);
    });
}

function checkLottery({ generatedSeededFloat64 }: RelayMiningVectors, tally: Tally): void {
  for (const { seedBytes, float64bits } of generatedSeededFloat64)
    tally.check('draw', seedBytes, () => {
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, seededFraction(bytes(seedBytes)));
      assert.equal(view.getBigUint64(0), BigInt(`0x${float64bits}`));
    });
}
