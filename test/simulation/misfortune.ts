import { MESSAGE_PROPOSE, STEP_DECIDE, STEP_PREPARE } from '../../actors/pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import {
  exceedsFaults,
  powerOf,
  type Validator,
  type ValidatorSet,
  validatorSet,
} from '../../actors/pocket/chain/validators.ts';
import type { Coalition } from './byzantine/coalition.ts';
import { Chance } from './chance.ts';
import type { Fault, FaultCounts } from './faults.ts';
import { joins, leaves } from './ledger.ts';
import type { Crash, Letter, SimulatedNode } from './node.ts';
import { CALM } from './settings.ts';
import { Siege } from './siege.ts';
import type { World } from './world.ts';

/** Before the first of them, the network has a moment to start. */
const FIRST_MS = 500;
/** In calm weather a message takes at most that long. */
const FLIGHT_MS = 30;

/** The faults that come from outside of the nodes, at their times: each kind has dice of its own. */
export class Misfortune {
  readonly world: World;
  readonly #seed: number;
  readonly #faults: ReadonlySet<Fault>;
  readonly #end_ms: number;
  /** How likely a kind of fault is part of this run: some runs have few kinds, and blocks; others have all at once. */
  readonly #density: number;
  readonly #counts: FaultCounts = {};
  readonly #siege: Siege | null;
  #over = false;
  /** What befalls the next leader that says this step: few hear it. */
  #ambush: { readonly step: number; readonly chance: Chance; strike(leader: SimulatedNode): void } | null = null;

  constructor(world: World, seed: number, faults: ReadonlySet<Fault>, duration_ms: number, coalition: Coalition) {
    this.world = world;
    this.#seed = seed;
    this.#faults = faults;
    this.#end_ms = duration_ms;
    this.#density = Chance.of(seed, 'density').pick([0.2, 0.35, 0.5, 0.9]);
    const chance = Chance.of(seed, 'siege');
    const besieged = faults.has('siege') && coalition.members.length > 0 && chance.happens(0.6);
    this.#siege = besieged ? new Siege(world, chance, coalition) : null;
    this.#weather();
    this.#partitions();
    this.#validators();
    this.#machines();
    this.#mempool();
    world.overhear = (node, letters) => this.#overhear(node, this.#siege?.overhear(node, letters) ?? letters);
  }

  get counts(): FaultCounts {
    const { lost, delayed, duplicated, reordered } = this.world.network.counts;
    const counted = {
      loss: lost,
      delay: delayed,
      duplication: duplicated,
      reordering: reordered,
      siege: this.#siege?.count ?? 0,
    };
    const happened = Object.entries(counted).filter(([, count]) => count > 0);
    return { ...this.#counts, ...Object.fromEntries(happened) };
  }

  /** Calm: what is broken is repaired, and who is down starts. */
  end() {
    this.#over = true;
    this.#ambush = null;
    this.#siege?.end();
    this.world.network.weather = { ...CALM };
    this.world.network.heal();
    for (const node of this.world.nodes) {
      node.slowness_ms = 0;
      node.start();
    }
  }

  #weather() {
    const { weather } = this.world.network;
    const severity = (fault: Fault, most: number) => {
      const chance = Chance.of(this.#seed, fault);
      return this.#faults.has(fault) && chance.happens(this.#density) ? (chance.between(1, 101) / 100) * most : 0;
    };
    weather.loss = severity('loss', 0.25);
    weather.duplication = severity('duplication', 0.2);
    weather.lateness = severity('delay', 0.15);
    weather.reordering = severity('reordering', 0.5);
    weather.trouble = severity('trouble', 0.03);
    if (weather.trouble > 0) this.#count('trouble');
  }

  #partitions() {
    const { world } = this;
    const { nodes } = world;
    this.#often('partition', [300, 2_500], (chance) => {
      const what = chance.between(0, 6);
      world.network.heal();
      if (what === 0 || what > 3) return;
      this.#count('partition');
      if (what === 1) {
        const groups = new Map(nodes.map((node) => [node.index, chance.between(0, 2)]));
        world.network.split(nodes, ({ index }) => groups.get(index)!);
      } else if (what === 2) world.isolate(chance.pick(nodes));
      else {
        // What it has said still arrives.
        this.#lieInWait(chance, (leader) => world.after(FLIGHT_MS, () => !this.#over && world.isolate(leader)));
      }
    });
    this.#often('one-way', [300, 2_500], (chance) => {
      if (chance.happens(0.5)) return world.network.heal();
      const some = chance.sample(nodes, chance.between(1, 3));
      const others = chance.sample(nodes, chance.between(1, nodes.length + 1));
      const deaf = chance.happens(0.5);
      this.#count('one-way');
      for (const one of some) {
        for (const other of others) if (one !== other) world.network.cut(deaf ? other : one, deaf ? one : other);
      }
    });
  }

  /** The worst moment for a leader to fall silent is when it has told a certificate to some only. */
  #lieInWait(chance: Chance, strike: (leader: SimulatedNode) => void) {
    this.#ambush = { step: chance.between(STEP_PREPARE, STEP_DECIDE + 1), chance, strike };
  }

  #overhear(leader: SimulatedNode, letters: readonly Letter[]): readonly Letter[] {
    const ambush = this.#ambush;
    const [first, second] = letters;
    // A broadcast; what is repeated goes to one at a time.
    if (!ambush || !first || !second || first.message.step !== ambush.step) return letters;
    if (first.message.type !== MESSAGE_PROPOSE) return letters;
    this.#ambush = null;
    ambush.strike(leader);
    return ambush.chance.sample(letters, ambush.chance.between(0, letters.length));
  }

  /** Honest keys become validators and cease to be, but never so many that the byzantine ones could be too many. */
  #validators() {
    const { world } = this;
    const changes = harmlessChanges(world);
    this.#often('validators', [400, 2_500], (chance) => {
      if (changes.length === 0) return;
      this.#count('validators');
      world.pool.push(chance.pick(changes));
    });
  }

  #machines() {
    const ends = (chance: Chance, how: Crash) => {
      const end = (node: SimulatedNode) => {
        node.crash(how);
        this.world.after(chance.between(10, chance.happens(0.5) ? 200 : 2_000), () => node.start());
      };
      if (chance.happens(0.5)) return this.#lieInWait(chance, end);
      const { nodes } = this.world;
      const some = chance.happens(0.25) ? nodes : chance.sample(nodes, chance.between(1, 3));
      for (const node of some) end(node);
    };
    this.#often('crash', [500, 4_000], (chance) => {
      this.#count('crash');
      ends(chance, chance.happens(0.5) ? 'actor' : 'process');
    });
    this.#often('power', [800, 5_000], (chance) => {
      this.#count('power');
      ends(chance, 'power');
    });
    this.#often('slow-disk', [500, 3_000], (chance) => {
      this.#count('slow-disk');
      const node = chance.pick(this.world.nodes);
      node.slowness_ms = chance.between(50, 800);
      this.world.after(chance.between(500, 3_000), () => {
        node.slowness_ms = 0;
      });
    });
  }

  /** Not a fault: transactions shorten the wait for a block. */
  #mempool() {
    const chance = Chance.of(this.#seed, 'mempool');
    for (let at_ms = FIRST_MS; at_ms < this.#end_ms; at_ms += chance.between(300, 2_000)) {
      const transactions = chance.between(0, 2);
      this.world.after(at_ms, () => {
        for (const node of this.world.nodes) node.input({ kind: 'mempool', transactions });
      });
    }
  }

  /** Lets a fault happen at times drawn from its own dice. */
  #often(fault: Fault, [least_ms, most_ms]: readonly [number, number], happen: (chance: Chance) => void) {
    const chance = Chance.of(this.#seed, fault);
    if (!this.#faults.has(fault) || !chance.happens(this.#density)) return;
    for (
      let at_ms = FIRST_MS + chance.between(0, most_ms);
      at_ms < this.#end_ms;
      at_ms += chance.between(least_ms, most_ms)
    ) {
      const at = Chance.of(this.#seed, `${fault} ${at_ms}`);
      this.world.after(at_ms, () => {
        this.world.trace.note(this.world.now_ms, '--', fault);
        happen(at);
      });
    }
  }

  #count(fault: Fault) {
    this.#counts[fault] = (this.#counts[fault] ?? 0) + 1;
  }
}

/** Transactions of which any may happen in any order. */
function mayFail(set: ValidatorSet, faulty: readonly { readonly address: Uint8Array }[]): boolean {
  return exceedsFaults(set, powerOf(set, faulty));
}

function harmlessChanges(world: World): Uint8Array[] {
  const { all, validators } = world.keys;
  const byzantine = world.nodes.filter(({ options }) => options.liar).map(({ options }) => options);
  const isHonest = ({ address }: Validator) => !byzantine.some((one) => equalBytes(one.address, address));
  const isMember = ({ address }: Validator) => validators.byAddress(toHex(address)) !== undefined;
  const changes = all.flatMap((one, index) => (isMember(one) ? [] : [joins(index), leaves(index)]));
  let staying = [...validators.list];
  for (const one of validators.list.filter(isHonest)) {
    const without = staying.filter((other) => other !== one);
    if (without.length === 0 || mayFail(validatorSet(without), byzantine)) continue;
    staying = without;
    const index = all.findIndex(({ address }) => equalBytes(address, one.address));
    changes.push(leaves(index), joins(index));
  }
  return changes;
}
