import {
  type ConsensusMessage,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  STEP_COMMIT,
  STEP_DECIDE,
  STEP_NEWROUND,
  STEP_PRECOMMIT,
  STEP_PREPARE,
} from '../../actors/pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import { seededRandom } from '../../runtime/random.ts';
import { modelKeys, rulesWith } from './keys.ts';
import type { SimulatedNode } from './node.ts';
import type { Command } from './script.ts';
import { World } from './world.ts';

const STEPS: Readonly<Record<string, number>> = {
  newround: STEP_NEWROUND,
  prepare: STEP_PREPARE,
  precommit: STEP_PRECOMMIT,
  commit: STEP_COMMIT,
  decide: STEP_DECIDE,
};
const TYPES: Readonly<Record<string, number>> = { proposal: MESSAGE_PROPOSE, vote: MESSAGE_VOTE };
/** How long an expectation without `within` is waited for. */
const AT_ONCE_MS = 0;
const MOST_NODES = 22;

/** Messages that do not arrive. */
interface Drop {
  readonly step: number | null;
  readonly type: number | null;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** A network that does what a script says: docs/develop/simulation.md has the commands. */
export class Stage {
  #world: World | null = null;
  readonly #drops: Drop[] = [];
  /** Contents of what was signed and sent, by key and place. */
  readonly #said = new Map<string, string>();
  /** Keys that signed two contents for one place. */
  readonly #doubleSigners = new Set<string>();

  /** Runs a command. @returns what it puts out. @throws if it does not hold, or is no command */
  run({ words }: Command): string[] {
    const [name = '', ...rest] = words;
    const silent = (done: unknown): string[] => {
      void done;
      return [];
    };
    switch (name) {
      case 'nodes':
        return silent(this.#nodes(rest));
      case 'twin':
        return silent(this.#twin(this.#node(rest[0])));
      case 'run':
        return silent(this.#on.run(duration_ms(rest[0])));
      case 'crash':
        return silent(this.#each(rest, (node) => node.crash('process')));
      case 'power':
        return silent(this.#each(rest, (node) => node.crash('power')));
      case 'restart':
        return silent(this.#each(rest, (node) => node.start()));
      case 'partition':
        return silent(this.#partition(rest));
      case 'cut':
        return silent(this.#cut(rest));
      case 'heal':
        return silent(this.#heal());
      case 'drop':
        return silent(this.#drops.push(this.#dropOf(rest)));
      case 'expect':
        return silent(this.#expect(rest));
      case 'status':
        return this.#on.nodes.map(statusOf);
      default:
        throw new Error(`no such command: ${name}`);
    }
  }

  get #on(): World {
    if (!this.#world) throw new Error('begin with nodes N');
    return this.#world;
  }

  #nodes([count, word, seed = '1']: readonly string[]) {
    if (this.#world) throw new Error('there are nodes already');
    const validators = Number(count);
    if (!(validators >= 1 && validators <= MOST_NODES) || (word !== undefined && word !== 'seed')) {
      throw new Error(`nodes N [seed S], with N from 1 to ${MOST_NODES}`);
    }
    const world = new World(modelKeys(validators), seededRandom(BigInt(seed)));
    this.#world = world;
    world.twinDeafness = 0;
    world.network.filter = (from, to, message) =>
      this.#passes(world.nodes[from.index]!, world.nodes[to.index]!, message);
    for (const { address } of world.keys.all) this.#add(world, address, false).start();
  }

  #add(world: World, address: Uint8Array, liar: boolean): SimulatedNode {
    return world.add({ address, rules: rulesWith(world.keys), signer: 'safe', liar, skew_ms: 0, manual: false });
  }

  /** Replaces a node by two that have its key: honest both, and each with a disk of its own. */
  #twin(node: SimulatedNode) {
    if (node.disk.committed.length > 0) throw new Error('make twins before the first block');
    this.#add(this.#on, node.options.address, true).start();
  }

  /** Everything that is sent passes here. */
  #passes(from: SimulatedNode, to: SimulatedNode, message: ConsensusMessage): boolean {
    const { height, round, step, type, blockHash } = message;
    if (blockHash) {
      const key = this.#nameOf(message.address);
      const place = `${key} ${height}/${round}/${step}/${type}`;
      const content = toHex(blockHash);
      if ((this.#said.get(place) ?? content) !== content) this.#doubleSigners.add(key);
      this.#said.set(place, content);
    }
    return !this.#drops.some(
      (drop) =>
        (drop.step === null || drop.step === step) &&
        (drop.type === null || drop.type === type) &&
        (drop.from.length === 0 || drop.from.includes(from.name)) &&
        (drop.to.length === 0 || drop.to.includes(to.name)),
    );
  }

  #partition(words: readonly string[]) {
    const groups = words.join(' ').split('|');
    const group = new Map<number, number>();
    groups.forEach((names, index) => {
      for (const name of names.split(' ').filter((one) => one !== '')) group.set(this.#node(name).index, index);
    });
    this.#on.network.split(this.#on.nodes, ({ index }) => group.get(index) ?? -1 - index);
  }

  /** `cut a to b c`: these do not hear it any more. */
  #cut(words: readonly string[]) {
    const to = words.indexOf('to');
    if (to < 1) throw new Error('cut NAMES to NAMES');
    for (const from of words.slice(0, to)) {
      for (const other of words.slice(to + 1)) this.#on.network.cut(this.#node(from), this.#node(other));
    }
  }

  #heal() {
    this.#on.network.heal();
    this.#drops.length = 0;
  }

  /** `drop [STEP] [proposal|vote] [from NAMES] [to NAMES]` */
  #dropOf(words: readonly string[]): Drop {
    let step: number | null = null;
    let type: number | null = null;
    const names: Record<'from' | 'to', string[]> = { from: [], to: [] };
    let side: 'from' | 'to' | null = null;
    for (const word of words) {
      if (word === 'from' || word === 'to') side = word;
      else if (side) names[side].push(this.#node(word).name);
      else if (word in STEPS) step = STEPS[word]!;
      else if (word in TYPES) type = TYPES[word]!;
      else throw new Error(`drop does not know "${word}"`);
    }
    return { step, type, ...names };
  }

  /** `expect WHAT [on NAMES] [within TIME]` */
  #expect(words: readonly string[]) {
    const [what = '', ...rest] = words;
    const within = rest.indexOf('within');
    const limit_ms = within < 0 ? AT_ONCE_MS : duration_ms(rest[within + 1]);
    const head = within < 0 ? rest : rest.slice(0, within);
    const on = head.indexOf('on');
    const subject = on < 0 ? head : head.slice(0, on);
    const nodes = on < 0 ? this.#on.nodes.filter(({ up }) => up) : head.slice(on + 1).map((name) => this.#node(name));
    const holds = this.#expectation(what, subject);
    const missing = () => nodes.filter((node) => holds(node) !== true);
    this.#on.run(limit_ms, () => missing().length === 0);
    const [first] = missing();
    if (first) throw new Error(`expected ${words.join(' ')}, but ${holds(first)}`);
  }

  /** True, or what is the case instead. */
  #expectation(what: string, [subject = '']: readonly string[]): (node: SimulatedNode) => true | string {
    switch (what) {
      case 'height':
        return (node) =>
          node.disk.committed.length >= Number(subject) || `${node.name} has ${node.disk.committed.length}`;
      case 'round':
        return (node) => viewOf(node).round === Number(subject) || `${node.name} is in ${viewOf(node).round}`;
      case 'leader':
        return (node) => {
          const leader = this.#nameOf(viewOf(node).leader.address);
          return leader === subject || `${node.name} follows ${leader}`;
        };
      case 'locked':
        return (node) => (node.state?.lockedQc != null) === (subject !== 'no') || `${node.name}: ${statusOf(node)}`;
      case 'prepared':
        return (node) => (node.state?.prepareQc != null) === (subject !== 'no') || `${node.name}: ${statusOf(node)}`;
      case 'equivocation':
        return (node) => reports(node, this.#node(subject).options.address) || `${node.name} has not reported one`;
      case 'double-sign':
        return () => this.#doubleSigners.has(subject) || `only ${[...this.#doubleSigners].join(' ') || 'nobody'} did`;
      default:
        throw new Error(`nothing to expect of "${what}"`);
    }
  }

  #each(names: readonly string[], act: (node: SimulatedNode) => void) {
    for (const name of names) act(this.#node(name));
  }

  #node(name: string | undefined): SimulatedNode {
    const found = this.#on.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`no node "${name}"; there are ${this.#on.nodes.map((node) => node.name).join(' ')}`);
    return found;
  }

  #nameOf(address: Uint8Array): string {
    return this.#on.nodes.find(({ options }) => equalBytes(options.address, address))?.name ?? '?';
  }
}

function viewOf(node: SimulatedNode) {
  if (!node.state) throw new Error(`${node.name} is down`);
  return node.state.view;
}

function reports(node: SimulatedNode, address: Uint8Array): boolean {
  return node.facts.some((fact) => fact.fact === 'equivocation' && fact.address === toHex(address));
}

/** A node in a line: what it has committed, where it is, what it holds on to. */
function statusOf(node: SimulatedNode): string {
  const committed = node.disk.committed.length;
  if (!node.state) return `${node.name}: ${committed} blocks, down`;
  const { height, view, prepareQc, lockedQc } = node.state;
  const held = [prepareQc && `prepared in ${prepareQc.qc.round}`, lockedQc && `locked in ${lockedQc.qc.round}`];
  const place = `${committed} blocks, height ${height} round ${view.round} step ${view.step}`;
  return [`${node.name}: ${place}`, ...held.filter((one) => one)].join(', ');
}

/** `2s` or `500ms`. */
function duration_ms(text: string | undefined): number {
  const match = /^(\d+)(ms|s)$/.exec(text ?? '');
  if (!match) throw new Error(`a time is written 2s or 500ms, not "${text}"`);
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
}
