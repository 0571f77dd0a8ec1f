import { equalBytes } from '../../actors/pocket/chain/hex.ts';
import { exceedsFaults, powerOf, type Validator } from '../../actors/pocket/chain/validators.ts';
import type { Rules } from '../../actors/pocket/consensus/core/rules.ts';
import type { BrokenRules } from './broken-rules.ts';
import { BEHAVIOURS, type BehaviourName } from './byzantine/behaviours.ts';
import { Coalition } from './byzantine/coalition.ts';
import { Liar } from './byzantine/liar.ts';
import { lyingRules } from './byzantine/lie.ts';
import { Chance } from './chance.ts';
import { type Fault, type FaultCounts, isByzantine } from './faults.ts';
import { type Keys, rulesWith } from './keys.ts';
import type { NodeOptions } from './node.ts';
import type { World } from './world.ts';

/** Within this, two clocks differ by less than a validator tolerates (SETTINGS.maxClockDrift_ms), drift included. */
const SKEW_MS = 2_000;
/** A hundred times what a bad quartz does. */
const DRIFT = 0.01;

export interface Population {
  readonly coalition: Coalition;
  /** Faults that nodes are born with. */
  readonly counts: FaultCounts;
}

/** The nodes of a seed: at most a third of the keys, less one, are byzantine. */
export function populate(
  world: World,
  seed: number,
  faults: ReadonlySet<Fault>,
  broken: BrokenRules | null,
): Population {
  const { keys } = world;
  const list = keys.all;
  const counts: FaultCounts = {};
  const coalition = new Coalition();
  const clocks = Chance.of(seed, 'clocks');
  const honest = rulesWith(keys, broken?.rules(keys) ?? {});
  const roles = byzantineRoles(seed, keys, faults);
  list.forEach(({ address }, index) => {
    // Drawn whether used or not: another fault less must not set other clocks.
    const skew_ms = clocks.between(-SKEW_MS, SKEW_MS);
    const drift = (clocks.between(-100, 101) / 100) * DRIFT;
    const skewed = faults.has('skew');
    const drifts = faults.has('drift');
    if (skewed) addOne(counts, 'skew');
    if (drifts) addOne(counts, 'drift');
    const role = roles.get(index);
    const common: Omit<NodeOptions, 'rules' | 'signer'> = {
      address,
      liar: role !== undefined,
      skew_ms: skewed ? skew_ms : 0,
      drift: drifts ? drift : 0,
      manual: false,
    };
    if (role === undefined || role === 'twins') {
      const signer = broken?.signer(honest) ?? 'safe';
      world.add({ ...common, rules: honest, signer });
      if (role === 'twins') {
        world.add({ ...common, rules: honest, signer });
        addOne(counts, 'twins');
      }
      return;
    }
    const rules: Rules = role.includes('lie') ? { ...honest, ...lyingRules(coalition) } : honest;
    const node = world.add({ ...common, rules, signer: 'signs anything' });
    coalition.members.push(node);
    coalition.forges ||= role.includes('forge');
    const behaviours = role.map((name) => BEHAVIOURS[name]);
    node.mask = new Liar(node, world, Chance.of(seed, `liar ${index}`), coalition, behaviours);
    for (const name of role) addOne(counts, name);
  });
  return { coalition, counts };
}

/** Which of the keys are byzantine, and how: as many as may be, or fewer. */
function byzantineRoles(
  seed: number,
  { all, validators }: Keys,
  faults: ReadonlySet<Fault>,
): Map<number, BehaviourName[] | 'twins'> {
  const chance = Chance.of(seed, 'byzantine');
  const most = chance.happens(0.5) ? validators.list.length : chance.between(0, validators.list.length);
  const chosen: Validator[] = [];
  for (const one of chance.sample(validators.list, validators.list.length)) {
    if (chosen.length < most && !exceedsFaults(validators, powerOf(validators, [...chosen, one]))) chosen.push(one);
  }
  const roles = new Map<number, BehaviourName[] | 'twins'>();
  for (const index of chosen.map(({ address }) => all.findIndex((one) => equalBytes(one.address, address)))) {
    const names = rolesOf(seed, index).filter((name) => faults.has(name));
    if (names[0] === 'twins') roles.set(index, 'twins');
    else if (names.length > 0) roles.set(index, names.filter((name) => name !== 'twins') as BehaviourName[]);
  }
  return roles;
}

/** One role in five is that of twins; the others have one to four behaviours. */
function rolesOf(seed: number, index: number): Fault[] {
  const chance = Chance.of(seed, `role ${index}`);
  if (chance.happens(0.2)) return ['twins'];
  const names = Object.keys(BEHAVIOURS) as BehaviourName[];
  const chosen = chance.sample(names, chance.between(1, 5));
  return names.filter((name) => chosen.includes(name) && isByzantine(name));
}

function addOne(counts: FaultCounts, fault: Fault) {
  counts[fault] = (counts[fault] ?? 0) + 1;
}
