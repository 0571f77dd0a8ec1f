import type { Rules } from '../../actors/pocket/consensus/core/rules.ts';
import { seededRandom } from '../../runtime/random.ts';
import { type Keys, modelKeys, realKeys, rulesWith } from './keys.ts';
import type { NodeOptions, SimulatedNode } from './node.ts';
import { CALM } from './settings.ts';
import { World } from './world.ts';

/** Blocks that every node must still commit once the faults are over. */
const BLOCKS_AFTER = 3;
/** Ample for rounds that grew long while the faults lasted. */
const RECOVERY_MS = 300_000;

export interface Scenario {
  readonly seed: number;
  readonly validators: number;
  /** One validator runs twice with one key, ignores locks and prepared blocks, and signs anything. */
  readonly liar?: boolean;
  /** A known mistake, made by all nodes: the simulation must find it. */
  readonly broken?: (keys: Keys) => Partial<Rules>;
  /** The signer of the honest nodes. */
  readonly signer?: NodeOptions['signer'];
  /** How long crashes, partitions and loss go on, in ms of virtual time. */
  readonly faults_ms?: number;
  readonly real?: boolean;
}

export interface Outcome {
  seed: number;
  height: number;
  crashes: number;
  /** Virtual time from the end of the faults until all had committed three more blocks. */
  recovery_ms: number;
}

/** Faults at random, then calm. @throws ForkError, or an error if the network does not recover. */
export function simulate(scenario: Scenario): Outcome {
  const { seed, validators, liar = false, faults_ms = 20_000 } = scenario;
  const keys = scenario.real ? realKeys(validators) : modelKeys(validators);
  const world = new World(keys, seededRandom(BigInt(seed)));
  populate(world, scenario, liar);
  plan(world, faults_ms);
  world.run(faults_ms);
  return recover(world, seed);
}

function populate(world: World, scenario: Scenario, liar: boolean) {
  const { keys } = world;
  const broken = scenario.broken?.(keys) ?? {};
  keys.validators.list.forEach(({ address }, index) => {
    const isLiar = liar && index === 0;
    const lies: Partial<Rules> = { highest: () => null, mayPrepare: () => true };
    for (let twin = 0; twin < (isLiar ? 2 : 1); twin++) {
      world.add({
        address,
        rules: rulesWith(keys, isLiar ? { ...broken, ...lies } : broken),
        signer: isLiar ? 'signs anything' : (scenario.signer ?? 'safe'),
        liar: isLiar,
        skew_ms: world.between(-200, 200),
        manual: false,
      });
    }
  });
  for (const node of world.nodes) world.after(world.between(0, 1_000), () => node.start());
}

function plan(world: World, faults_ms: number) {
  world.network = {
    loss: world.chance(0.7) ? world.between(0, 25) / 100 : 0,
    duplication: world.between(0, 20) / 100,
    lateness: world.between(0, 20) / 100,
    trouble: world.chance(0.3) ? 0.02 : 0,
  };
  const { nodes } = world;
  const crash = (some: readonly SimulatedNode[]) => {
    for (const node of some) {
      node.crash();
      world.after(world.between(10, 3_000), () => node.start());
    }
  };
  for (let at_ms = 1_500; at_ms < faults_ms; at_ms += world.between(200, 3_000)) {
    const fault = world.between(0, 7);
    world.after(at_ms, () => {
      if (fault < 2) crash([nodes[world.between(0, nodes.length)]!]);
      else if (fault === 2) crash(nodes);
      else if (fault === 3) world.split(2);
      else if (fault === 4) world.split(1);
      else if (fault === 5) world.cutDecider = true;
      else for (const node of nodes) node.input({ kind: 'mempool', transactions: world.between(0, 2) });
    });
  }
}

function recover(world: World, seed: number): Outcome {
  world.network = { ...CALM };
  world.cutDecider = false;
  world.split(1);
  for (const node of world.nodes) node.start();
  const { honest } = world;
  const goal = BLOCKS_AFTER + Math.max(...honest.map(({ disk }) => disk.committed.length));
  const began_ms = world.now_ms;
  if (!world.run(RECOVERY_MS, () => honest.every(({ disk }) => disk.committed.length >= goal))) {
    const places = honest.map(({ name, disk, state }) => `${name} ${disk.committed.length}/${state?.view.round}`);
    throw new Error(`stuck before height ${goal}: ${places.join(', ')}`);
  }
  return {
    seed,
    height: goal,
    crashes: sum(world.nodes.map((node) => node.crashes)),
    recovery_ms: world.now_ms - began_ms,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
