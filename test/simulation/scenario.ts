import { seededRandom } from '../../runtime/random.ts';
import { type BrokenRules, type BrokenRulesName, brokenRules } from './broken-rules.ts';
import { Chance } from './chance.ts';
import { ALL_FAULTS, addCounts, type Fault, type FaultCounts } from './faults.ts';
import { Violation } from './judge.ts';
import { type Membership, modelKeys, realKeys } from './keys.ts';
import { Misfortune } from './misfortune.ts';
import { populate } from './population.ts';
import type { WorldSettings } from './settings.ts';
import { World } from './world.ts';

/** Blocks that every node must still commit once the faults are over. */
const BLOCKS_AFTER = 3;
/** Ample for rounds that grew long while the faults lasted, and for as many bad leaders as there may be. */
const RECOVERY_MS = 90_000;
/** Who has not come after the others by then is not coming. */
const BLOCKS_BEHIND = 60;

export interface Scenario {
  readonly seed: number;
  /** Validators; one number, or the least and the most. */
  readonly nodes: number | readonly [number, number];
  /** What may go wrong; all of it unless said otherwise. */
  readonly faults?: readonly Fault[];
  /** A known mistake, made by all honest nodes: the simulation must find it. */
  readonly rules?: BrokenRulesName | null;
  /** How long faults go on, in ms of virtual time; drawn from the seed unless given. */
  readonly faults_ms?: number;
  /** Signatures by Ed25519. */
  readonly real?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly validators: number;
  /** Heights that honest nodes committed. */
  readonly height: number;
  /** Inputs that cores took. */
  readonly steps: number;
  readonly faults: FaultCounts;
  /** Virtual time from the end of the faults until all had committed three more blocks. */
  readonly recovery_ms: number;
  /** Digest of all that happened. */
  readonly digest: string;
}

/** A scenario with nothing left to the seed but the dice of its run. */
export interface Drawn extends Required<Scenario> {
  readonly nodes: number;
}

/** A run that ended in a violation: how it was, and the end of its history. */
export class FailedRun extends Error {
  readonly scenario: Drawn;
  readonly violation: Violation;
  /** Virtual time from the start, in ms. */
  readonly at_ms: number;
  readonly steps: number;
  /** Heights that honest nodes had committed. */
  readonly height: number;
  /** The last events, oldest first. */
  readonly history: readonly string[];

  constructor(scenario: Drawn, violation: Violation, world: World, began_ms: number) {
    super(`seed ${scenario.seed}: ${violation.message}`, { cause: violation });
    this.name = 'FailedRun';
    this.scenario = scenario;
    this.violation = violation;
    this.at_ms = world.now_ms - began_ms;
    this.steps = world.steps;
    this.height = world.judge.height;
    this.history = world.trace.last(HISTORY);
  }
}

const HISTORY = 60;

/**
 * Faults at random, then calm. The same scenario is always the same run.
 * @param broken the mistake of the scenario, or one that has no name
 * @throws FailedRun
 */
export function simulate(scenario: Scenario, broken: BrokenRules | null = mistakeOf(scenario)): Outcome {
  const drawn = draw(scenario);
  const { seed, nodes, faults_ms, real } = drawn;
  const own = Chance.of(seed, 'scenario');
  const settings = drawSettings(own);
  const faults = new Set(drawn.faults);
  const keys = (real ? realKeys : modelKeys)(nodes, drawMembership(own, faults));
  const world = new World(keys, seededRandom(BigInt(seed)), settings);
  const began_ms = world.now_ms;
  try {
    const { coalition, counts } = populate(world, seed, faults, broken);
    const starts = Chance.of(seed, 'starts');
    for (const node of world.nodes) world.after(starts.between(0, 300), () => node.start());
    const misfortune = new Misfortune(world, seed, faults, faults_ms, coalition);
    world.run(faults_ms);
    misfortune.end();
    const calm_ms = world.now_ms;
    recover(world);
    addCounts(counts, misfortune.counts);
    return {
      seed,
      validators: nodes,
      height: world.judge.height,
      steps: world.steps,
      faults: counts,
      recovery_ms: world.now_ms - calm_ms,
      digest: world.trace.digest(),
    };
  } catch (error) {
    if (error instanceof Violation) throw new FailedRun(drawn, error, world, began_ms);
    throw error;
  }
}

/** In one run of three votes have weights. Keys wait to be validators only where they can become some. */
function drawMembership(chance: Chance, faults: ReadonlySet<Fault>): Membership {
  const weighted = chance.happens(0.3);
  const powers = Array.from({ length: 64 }, () => BigInt(chance.between(1, 6)));
  const waiting = chance.between(0, 3);
  return {
    waiting: faults.has('validators') ? waiting : 0,
    powerOf: (index) => (weighted ? (powers[index % powers.length] ?? 1n) : 1n),
  };
}

function mistakeOf({ rules = null }: Scenario): BrokenRules | null {
  return rules === null ? null : brokenRules[rules];
}

function draw(scenario: Scenario): Drawn {
  const { seed, faults = ALL_FAULTS, rules = null, real = false } = scenario;
  const [least, most] = typeof scenario.nodes === 'number' ? [scenario.nodes, scenario.nodes] : scenario.nodes;
  const nodes = Chance.of(seed, 'nodes').between(least, most + 1);
  const faults_ms = scenario.faults_ms ?? Chance.of(seed, 'time').between(3_000, 8_000);
  return { seed, nodes, faults, rules, faults_ms, real };
}

/** Quick rounds, so that much happens in a short time. */
function drawSettings(chance: Chance): Partial<WorldSettings> {
  const timeout_ms = chance.between(300, 1_200);
  const blockInterval_ms = chance.between(100, 400);
  return {
    blockInterval_ms,
    emptyBlockInterval_ms: blockInterval_ms + chance.between(0, 400),
    timeout_ms,
    election: chance.happens(0.4) ? 'sortition' : 'round_robin',
    timeoutCap_ms: 5_000,
    resend_ms: chance.between(250, 600),
  };
}

/** All honest nodes go on together. @throws Violation */
function recover(world: World) {
  const { honest } = world;
  const goal = BLOCKS_AFTER + Math.max(...honest.map(({ disk }) => disk.committed.length));
  const there = () => honest.every(({ disk }) => disk.committed.length >= goal);
  const calm_ms = world.now_ms;
  world.run(RECOVERY_MS, () => there() || world.judge.height >= goal + BLOCKS_BEHIND);
  if (there()) return;
  const places = honest.map(({ name, disk, state }) => `${name} ${disk.committed.length}/${state?.view.round}`);
  const after_ms = world.now_ms - calm_ms;
  throw new Violation('liveness', `not all reach height ${goal} in ${after_ms} ms of calm: ${places.join(', ')}`);
}

/** How a run fails; null if it does not. */
export function failure(scenario: Scenario): FailedRun | null {
  try {
    simulate(scenario);
  } catch (error) {
    if (error instanceof FailedRun) return error;
    throw error;
  }
  return null;
}
