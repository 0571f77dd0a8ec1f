import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha512 } from '../../../wasm/hash.ts';
import { vrfProve, vrfVerify } from './ecvrf.ts';
import { compareBytes, fromHex, toHex } from './hex.ts';
import {
  betterCandidate,
  type Candidate,
  candidateValue,
  candidateWeight,
  EXPECTED_CANDIDATES,
  electionInput,
  MAX_EXPECTED_CANDIDATES,
  type Staked,
  weightedRoundRobin,
} from './sortition.ts';
import { testValidators } from './testing.ts';

const ONE = 2n ** 512n;
/** What candidateWeight says of its error, in units of 2^-512. */
const TOLERANCE = 2n ** (512n - 170n);

const ELECTION = { networkId: 'testnet', height: 7n, round: 2, parentHash: new Uint8Array(32).fill(0xab) };

/** A VRF output as good as any: no verdict depends on a key. */
function outputOf(name: string): Uint8Array {
  return sha512(new TextEncoder().encode(name));
}

/** The output that is this many units of 2^-512. */
function outputAt(units: bigint): Uint8Array {
  return fromHex(units.toString(16).padStart(128, '0'));
}

function addressAt(i: number): Uint8Array {
  return new Uint8Array(20).fill(i);
}

/** Every step of the binomial distribution function as an exact fraction, in units of 2^-512 and cut. */
function exactSteps(trials: bigint, hits: bigint, of: bigint): bigint[] {
  const steps: bigint[] = [];
  let sum = 0n;
  let choices = 1n;
  for (let j = 0n; j <= trials; j++) {
    sum += choices * hits ** j * (of - hits) ** (trials - j);
    steps.push((sum * ONE) / of ** trials);
    choices = (choices * (trials - j)) / (j + 1n);
  }
  return steps;
}

/** e^-x in units of 2^-512, by its series with 100 bits to spare. */
function exponential(x: bigint): bigint {
  let term = ONE << 100n;
  let sum = 0n;
  for (let i = 1n; term !== 0n; i++) {
    sum += term;
    term = (-term * x) / i;
  }
  return sum >> 100n;
}

function chiSquare(observed: readonly number[], expected: readonly number[]): number {
  return observed.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}

/** The one that leads an election of these, by outputs that are a hash of its name. */
function electedOf(validators: readonly Staked[], name: string): Candidate | undefined {
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
  const candidates = validators.flatMap(({ address, stake }): Candidate[] => {
    const beta = outputOf(`${name} ${toHex(address)}`);
    const weight = candidateWeight(beta, stake, total, EXPECTED_CANDIDATES);
    return weight === 0 ? [] : [{ address, value: candidateValue(beta, weight) }];
  });
  return candidates.length === 0 ? undefined : candidates.reduce(betterCandidate);
}

test('the input of an election is its canonical protobuf, with the domain first', () => {
  const domain = toHex(new TextEncoder().encode('potoroo/election/v1'));
  const network = toHex(new TextEncoder().encode('testnet'));
  assert.equal(toHex(electionInput(ELECTION)), `0a13${domain}1207${network}180720022a20${'ab'.repeat(32)}`);
});

test('each field of an election makes another input', () => {
  const others = [
    { ...ELECTION, networkId: 'mainnet' },
    { ...ELECTION, height: 8n },
    { ...ELECTION, round: 3 },
    { ...ELECTION, parentHash: new Uint8Array(32) },
  ];
  assert.equal(new Set([ELECTION, ...others].map((election) => toHex(electionInput(election)))).size, 5);
});

test('an election that cannot be is refused', () => {
  const wrong = [
    { networkId: '' },
    { networkId: 'two words' },
    { height: -1n },
    { height: 2n ** 64n },
    { round: -1 },
    { round: 0.5 },
    { round: 2 ** 32 },
    { parentHash: new Uint8Array(31) },
  ];
  for (const part of wrong) {
    assert.throws(() => electionInput({ ...ELECTION, ...part }), { code: 'SORTITION_INVALID' }, Object.keys(part)[0]);
  }
});

test('the weight is that of exact fractions, but where the output is within 2^-170 of a step', () => {
  const small = fc
    .record({
      expected: fc.integer({ min: 1, max: MAX_EXPECTED_CANDIDATES }),
      totalStake: fc.oneof(fc.bigInt(1n, 300n), fc.bigInt(1n, 1_000_000n)),
      trials: fc.bigInt(0n, 59n),
    })
    .map(({ trials, ...rest }) => ({ ...rest, stake: 1n + (trials % rest.totalStake) }));
  fc.assert(
    fc.property(small, ({ expected, totalStake, stake }) => {
      const [hits, of] = 2n * BigInt(expected) < totalStake ? [BigInt(expected), totalStake] : [1n, 2n];
      const steps = exactSteps(stake, hits, of);
      const exact = (drawn: bigint): number => steps.findIndex((step) => drawn < step);
      for (const step of steps) {
        for (const drawn of [step - 2n * TOLERANCE, step + 2n * TOLERANCE]) {
          if (drawn + TOLERANCE >= ONE) continue;
          const weight = candidateWeight(outputAt(drawn), stake, totalStake, expected);
          assert.ok(weight >= exact(drawn - TOLERANCE) && weight <= exact(drawn + TOLERANCE), `${weight} at ${drawn}`);
        }
      }
    }),
  );
});

test('the largest stakes are as exact: 2^120 trials come within 2^-120 of e^-x', () => {
  for (const expected of [1, 7, 30]) {
    const stake = 2n ** 120n;
    // (1 - x / n)^n lies between e^-x (1 - x^2 / n) and e^-x.
    const limit = exponential(BigInt(expected));
    const least = limit - (limit * BigInt(expected * expected)) / stake;
    assert.equal(candidateWeight(outputAt(least - TOLERANCE), stake, stake, expected), 0);
    assert.equal(candidateWeight(outputAt(limit), stake, stake, expected), 1);
  }
});

test('the extreme outputs have a weight that is bounded by the stake and by the distribution', () => {
  const [least, most] = [outputAt(0n), outputAt(ONE - 1n)];
  const stakes = [1n, 2n, 3n, 100n, 15_000_000_000n, 2n ** 128n];
  for (const stake of stakes) {
    for (const expected of [1, EXPECTED_CANDIDATES, MAX_EXPECTED_CANDIDATES]) {
      assert.equal(candidateWeight(least, stake, stake, expected), 0);
      const weight = candidateWeight(most, stake, stake, expected);
      assert.ok(weight > 0 && weight <= 512 && BigInt(weight) <= stake, `${stake} of ${expected}: ${weight}`);
      assert.equal(candidateValue(most, weight).length, 32);
    }
  }
});

test('no stake has no weight', () => {
  assert.equal(candidateWeight(outputAt(ONE - 1n), 0n, 15_000_000_000n, EXPECTED_CANDIDATES), 0);
});

test('more stake never has less weight by the same output', () => {
  const total = 60_000_000_000n;
  const stake = fc.bigInt(0n, total);
  fc.assert(
    fc.property(stake, stake, fc.uint8Array({ minLength: 64, maxLength: 64 }), (a, b, beta) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      assert.ok(candidateWeight(beta, less, total, 7) <= candidateWeight(beta, more, total, 7));
    }),
  );
});

test('weights of known outputs never change', () => {
  const stakes = [15_000_000_000n, 60_000_000_000n, 600_000_000_000n, 1_500_000_000_000n];
  const weights = Array.from({ length: 8 }, (_, i) =>
    stakes.map((stake) => candidateWeight(outputOf(`output ${i}`), stake, 1_500_000_000_000n, 7)).join(' '),
  );
  // Computed apart, with decimal fractions of 200 digits.
  assert.deepEqual(weights, ['1 1 6 11', '0 0 4 8', '0 0 3 7', '0 0 1 5', '0 1 4 9', '0 0 2 6', '0 0 0 2', '0 0 2 5']);
});

test('a stake, an output or a number of candidates that cannot be is refused', () => {
  const beta = outputOf('any');
  const wrong: [Uint8Array, bigint, bigint, number][] = [
    [beta.subarray(1), 1n, 10n, 7],
    [beta, -1n, 10n, 7],
    [beta, 11n, 10n, 7],
    [beta, 0n, 0n, 7],
    [beta, 1n, 10n, 0],
    [beta, 1n, 10n, 1.5],
    [beta, 1n, 10n, MAX_EXPECTED_CANDIDATES + 1],
    [beta, 1n, 10n, Number.NaN],
  ];
  for (const args of wrong) assert.throws(() => candidateWeight(...args), { code: 'SORTITION_INVALID' });
  for (const weight of [0, -1, 1.5, 513]) {
    assert.throws(() => candidateValue(beta, weight), { code: 'SORTITION_INVALID' });
  }
  assert.throws(() => candidateValue(beta.subarray(1), 1), { code: 'SORTITION_INVALID' });
});

test('weights are distributed as they should be: the mean is the share of the expected, the form is binomial', () => {
  const draws = 20_000;
  // A quarter of the stake, so that the mean is 2; with so many trials binomial is Poisson to nine digits.
  const counts = new Array<number>(8).fill(0);
  for (let i = 0; i < draws; i++) {
    const weight = candidateWeight(outputOf(`draw ${i}`), 15_000_000_000n, 60_000_000_000n, 8);
    counts[Math.min(weight, counts.length - 1)]!++;
  }
  const expected = counts.map((_, j) => {
    let chance = Math.exp(-2);
    for (let i = 1; i <= j; i++) chance *= 2 / i;
    return draws * chance;
  });
  expected[7] = draws - expected.slice(0, 7).reduce((sum, count) => sum + count, 0);
  // 7 degrees of freedom: a right distribution exceeds 24.3 once in a thousand choices of these names.
  assert.ok(chiSquare(counts, expected) < 24.3, `${counts} instead of ${expected.map(Math.round)}`);
});

test('a validator leads in proportion to its stake, and rounds without candidates are as rare as said', () => {
  const rounds = 6_000;
  const stakes = [700n, 150n, 100n, 40n, 10n];
  const validators = stakes.map((share, i) => ({ address: addressAt(i + 1), stake: share * 1_000_000_000n }));
  const led = new Map<string, number>();
  for (let i = 0; i < rounds; i++) {
    const leader = electedOf(validators, `round ${i}`);
    const name = leader === undefined ? 'nobody' : toHex(leader.address);
    led.set(name, (led.get(name) ?? 0) + 1);
  }
  const nobody = Math.exp(-EXPECTED_CANDIDATES);
  const observed = [...validators.map(({ address }) => led.get(toHex(address)) ?? 0), led.get('nobody') ?? 0];
  const expected = [...stakes.map((share) => (rounds * (1 - nobody) * Number(share)) / 1000), rounds * nobody];
  // 5 degrees of freedom: 20.5 once in a thousand.
  assert.ok(chiSquare(observed, expected) < 20.5, `${observed} instead of ${expected}`);
});

test('splitting a stake gains nothing', () => {
  const rounds = 2_000;
  const half = 50_000_000_000n;
  const parts = Array.from({ length: 20 }, (_, i) => ({ address: addressAt(i + 2), stake: half / 20n }));
  const validators = [{ address: addressAt(1), stake: half }, ...parts];
  let whole = 0;
  let held = 0;
  for (let i = 0; i < rounds; i++) {
    const leader = electedOf(validators, `split ${i}`);
    if (leader === undefined) continue;
    held++;
    if (leader.address[0] === 1) whole++;
  }
  // Half of them, to within 3.3 standard deviations (of half the root): once in a thousand.
  assert.ok(Math.abs(whole - held / 2) < (3.3 * Math.sqrt(held)) / 2, `${whole} of ${held}`);
});

test('an election by real proofs has a leader whom all agree on', () => {
  const validators = testValidators(4);
  const alpha = electionInput(ELECTION);
  const total = validators.reduce((sum, { stakedAmount }) => sum + stakedAmount, 0n);
  const candidates = validators.flatMap(({ seed, publicKey, address, stakedAmount }): Candidate[] => {
    const beta = vrfVerify(publicKey, alpha, vrfProve(seed, alpha));
    assert.ok(beta !== null);
    const weight = candidateWeight(beta, stakedAmount, total, EXPECTED_CANDIDATES);
    return weight === 0 ? [] : [{ address, value: candidateValue(beta, weight) }];
  });
  assert.ok(candidates.length > 1);
  const leader = candidates.reduce(betterCandidate);
  assert.equal(candidates.toReversed().reduce(betterCandidate), leader);
  assert.ok(candidates.every(({ value }) => compareBytes(value, leader.value) <= 0));
});

test('the value of a candidate grows with its weight and is the highest digest of those drawn', () => {
  const beta = outputOf('some candidate');
  const values = Array.from({ length: 20 }, (_, i) => candidateValue(beta, i + 1));
  for (let i = 1; i < values.length; i++) assert.ok(compareBytes(values[i]!, values[i - 1]!) >= 0);
  assert.ok(new Set(values.map(toHex)).size > 1);
});

test('the higher value leads, the lower address where values are equal, in whatever order they are compared', () => {
  const high = { address: addressAt(9), value: new Uint8Array(32).fill(2) };
  const low = { address: addressAt(1), value: new Uint8Array(32).fill(1) };
  const tied = { address: addressAt(8), value: new Uint8Array(32).fill(2) };
  for (const [a, b, leader] of [
    [high, low, high],
    [high, tied, tied],
    [low, low, low],
  ] as const) {
    assert.equal(betterCandidate(a, b), leader);
    assert.equal(betterCandidate(b, a), leader);
  }
});

const ring = fc
  .array(fc.bigInt(0n, 2n ** 100n), { minLength: 1, maxLength: 20 })
  .filter((stakes) => stakes.some((stake) => stake > 0n))
  .map((stakes) => stakes.map((stake, i): Staked => ({ address: addressAt(i + 1), stake })));

/** The most that a validator may be off its share after this many turns, see weightedRoundRobin. */
function mostOff(turns: number): number {
  return 3 + 3.6 * Math.log(turns);
}

test('in any run of turns each validator leads in proportion to its stake', () => {
  const height = fc.bigInt(0n, 2n ** 64n - 1_000n);
  fc.assert(
    fc.property(ring, height, fc.integer({ min: 1, max: 400 }), (validators, start, turns) => {
      const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
      const led = new Map<Staked, number>(validators.map((validator) => [validator, 0]));
      for (let i = 0; i < turns; i++) {
        const leader = weightedRoundRobin(validators, start + BigInt(i), 0);
        led.set(leader, led.get(leader)! + 1);
      }
      for (const [{ stake }, count] of led) {
        const share = (turns * Number(stake)) / Number(total);
        assert.ok(Math.abs(count - share) <= mostOff(turns), `${count} turns instead of ${share}`);
        if (stake === 0n) assert.equal(count, 0);
      }
    }),
  );
});

test('over many heights the turns are off by four at most, where chance would be off by tens', () => {
  const stakes = [700n, 150n, 100n, 40n, 10n];
  const validators = stakes.map((share, i) => ({ address: addressAt(i + 1), stake: share * 15_000_000n }));
  const led = new Map<Staked, number>(validators.map((validator) => [validator, 0]));
  for (let turns = 1; turns <= 20_000; turns++) {
    const leader = weightedRoundRobin(validators, BigInt(turns), 0);
    led.set(leader, led.get(leader)! + 1);
    for (const [i, validator] of validators.entries()) {
      const off = led.get(validator)! - (turns * Number(stakes[i])) / 1000;
      assert.ok(Math.abs(off) <= 4, `validator ${i} is off by ${off} after ${turns} turns`);
    }
  }
});

test('validators of equal stake all have their turn, as in a plain round robin', () => {
  for (const count of [1, 4, 10, 100]) {
    const validators = Array.from({ length: count }, (_, i) => ({ address: addressAt(i), stake: 15_000_000_000n }));
    const leaders = new Set<Staked>();
    for (let turn = 0; turn < 2 * count; turn++) leaders.add(weightedRoundRobin(validators, 1_000n, turn));
    assert.equal(leaders.size, count, `${count} validators`);
  }
});

test('the round after has another leader, if nobody has 38 % of the stake', () => {
  fc.assert(
    fc.property(
      ring,
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.integer({ min: 0, max: 1_000 }),
      (validators, height, round) => {
        const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
        const leader = weightedRoundRobin(validators, height, round);
        fc.pre(100n * leader.stake < 38n * total);
        assert.notEqual(weightedRoundRobin(validators, height, round + 1), leader);
      },
    ),
  );
});

test('the order in which validators are given says nothing, and the list is left as it was', () => {
  fc.assert(
    fc.property(ring, fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(), (validators, height, round) => {
      const before = [...validators];
      const leader = weightedRoundRobin(validators, height, round);
      assert.equal(weightedRoundRobin(validators.toReversed(), height, round), leader);
      assert.deepEqual(validators, before);
      assert.ok(leader.stake > 0n);
    }),
  );
});

test('the turns of a known network never change', () => {
  const stakes = [30n, 15n, 40n, 15n];
  const validators = stakes.map((stake, i) => ({ address: addressAt(i + 1), stake: stake * 1_000_000_000n }));
  const turns = Array.from({ length: 20 }, (_, i) => weightedRoundRobin(validators, 1_000_000n, i).address[0]);
  // Computed apart, in Python.
  assert.equal(turns.join(''), '43133132431321314313');
});

test('a set without stake, or a view that cannot be, is refused', () => {
  const one = [{ address: addressAt(1), stake: 1n }];
  const wrong: [Staked[], bigint, number][] = [
    [[], 1n, 0],
    [[{ address: addressAt(1), stake: 0n }], 1n, 0],
    [[...one, { address: addressAt(2), stake: -1n }], 1n, 0],
    [one, -1n, 0],
    [one, 1n, -1],
    [one, 1n, 2 ** 32],
  ];
  for (const args of wrong) assert.throws(() => weightedRoundRobin(...args), { code: 'SORTITION_INVALID' });
});
