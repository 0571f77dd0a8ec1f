import type { ConsensusMessage } from '../../actors/pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import type { Ask, Effect, Fetch } from '../../actors/pocket/consensus/core/effect.ts';
import type { Input } from '../../actors/pocket/consensus/core/input.ts';
import { CodedError } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import { GENESIS_MS } from './disk.ts';
import type { Keys } from './keys.ts';
import { type NodeOptions, SimulatedNode, type Surroundings } from './node.ts';
import { CALM, SETTINGS, type Weather, type WorldSettings } from './settings.ts';

interface Task {
  at_ms: number;
  order: number;
  run: () => void;
}

/** Two honest nodes committed different blocks at one height. */
export class ForkError extends Error {}

/** Virtual time, the network, and the nodes on it. One seed, one run. */
export class World implements Surroundings {
  now_ms = GENESIS_MS;
  network: Weather = { ...CALM };
  readonly keys: Keys;
  readonly settings: WorldSettings;
  readonly nodes: SimulatedNode[] = [];
  /** Decides whether an effect happens; a test may crash nodes in it. */
  intercept: (node: SimulatedNode, effect: Effect) => boolean = () => true;
  /** The next node to be first at a height is cut off before anyone else hears of the decision. */
  cutDecider = false;
  readonly #random: Random;
  readonly #tasks: Task[] = [];
  /** Group of a node while the network is split. */
  readonly #groups = new Map<SimulatedNode, number>();
  readonly #chain: string[] = [];
  #order = 0;
  #transactions = 0;

  constructor(keys: Keys, random: Random, settings: Partial<WorldSettings> = {}) {
    this.keys = keys;
    this.#random = random;
    this.settings = { ...SETTINGS, ...settings };
  }

  add(options: NodeOptions): SimulatedNode {
    const node = new SimulatedNode(this, options);
    this.nodes.push(node);
    return node;
  }

  get honest(): SimulatedNode[] {
    return this.nodes.filter(({ options }) => !options.liar);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.#random.fraction() * (high - low));
  }

  after(delay_ms: number, run: () => void) {
    const task = { at_ms: this.now_ms + Math.max(0, delay_ms), order: this.#order++, run };
    this.#tasks.push(task);
    for (let at = this.#tasks.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, this.#tasks[parent]!)) break;
      this.#tasks[at] = this.#tasks[parent]!;
      this.#tasks[parent] = task;
      at = parent;
    }
  }

  /** Runs until the time is over or `done`; false if the time was over first. */
  run(duration_ms: number, done: () => boolean = () => false): boolean {
    const end_ms = this.now_ms + duration_ms;
    while (!done()) {
      const next = this.#tasks[0];
      if (!next || next.at_ms > end_ms) {
        this.now_ms = end_ms;
        return false;
      }
      this.#pop();
      this.now_ms = next.at_ms;
      next.run();
    }
    return true;
  }

  #pop() {
    const last = this.#tasks.pop()!;
    const size = this.#tasks.length;
    if (size === 0) return;
    for (let at = 0; ; ) {
      let child = 2 * at + 1;
      if (child + 1 < size && isBefore(this.#tasks[child + 1]!, this.#tasks[child]!)) child++;
      this.#tasks[at] = last;
      if (child >= size || !isBefore(this.#tasks[child]!, last)) return;
      this.#tasks[at] = this.#tasks[child]!;
      at = child;
    }
  }

  /** Splits the network at random, or joins it. */
  split(groups: number) {
    this.#groups.clear();
    for (const node of this.nodes) this.#groups.set(node, this.between(0, groups));
  }

  isolate(...nodes: SimulatedNode[]) {
    for (const node of this.nodes) this.#groups.set(node, nodes.includes(node) ? 1 : 0);
  }

  reaches(from: SimulatedNode, to: SimulatedNode): boolean {
    return (this.#groups.get(from) ?? 0) === (this.#groups.get(to) ?? 0);
  }

  send(from: SimulatedNode, address: Uint8Array, message: ConsensusMessage) {
    if (equalBytes(from.options.address, address)) return;
    const copies = this.chance(this.network.duplication) ? 2 : 1;
    for (const to of this.nodes) {
      if (!equalBytes(to.options.address, address)) continue;
      // Of two nodes with one key each hears about half.
      if (to.options.liar && this.chance(0.4)) continue;
      for (let copy = 0; copy < copies; copy++) this.#deliver(from, to, message);
    }
  }

  #deliver(from: SimulatedNode, to: SimulatedNode, message: ConsensusMessage) {
    if (!this.reaches(from, to) || this.chance(this.network.loss)) return;
    const delay_ms = this.chance(this.network.lateness) ? this.between(50, 1_000) : this.between(1, 50);
    this.after(delay_ms, () => this.reaches(from, to) && to.receive(message));
  }

  serviceTime_ms(kind: Ask['kind']): number {
    return kind === 'commit' ? this.between(2, 20) : this.between(0, 8);
  }

  transactions(): Uint8Array[] {
    return Array.from({ length: this.between(0, 3) }, () => {
      const number = this.#transactions++;
      return Uint8Array.of(number >> 16, (number >> 8) & 255, number & 255);
    });
  }

  fetch(from: SimulatedNode, id: number, ask: Fetch): Input {
    const to = this.nodes.find((node) => equalBytes(node.options.address, ask.from) && node.up);
    if (!to || !this.reaches(from, to) || this.chance(this.network.loss)) {
      throw new CodedError('PEER_UNREACHABLE', 'no answer');
    }
    if (ask.kind === 'fetchBlock') return { kind: 'block', id, block: to.disk.find(ask.blockHash) };
    if (ask.kind === 'fetchMetadata') {
      const { height: maxHeight, blockHash: tipHash } = to.disk.tip();
      return { kind: 'metadata', id, metadata: { minHeight: 1n, maxHeight, tipHash, snapshots: [] } };
    }
    if (ask.kind !== 'fetchBlocks') throw new CodedError('PEER_UNREACHABLE', 'no snapshots here');
    const first = Number(ask.height) - 1;
    const blocks = to.disk.committed.slice(first, first + ask.count).map(({ bytes, commitQc }) => {
      const falsified = to.options.liar && this.chance(0.5);
      return { block: bytes, commitQc: falsified ? (to.disk.committed[0]?.commitQc ?? commitQc) : commitQc };
    });
    return { kind: 'blocks', id, blocks };
  }

  /** The one thing that must never happen. */
  committed(node: SimulatedNode) {
    if (node.options.liar) return;
    const at = node.disk.committed.length - 1;
    const hash = toHex(node.disk.committed[at]!.hash);
    if (this.cutDecider && this.#chain[at] === undefined) {
      this.cutDecider = false;
      this.isolate(node);
    }
    this.#chain[at] ??= hash;
    if (this.#chain[at] !== hash) throw new ForkError(`fork at height ${at + 1}, found by ${node.name}`);
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);
}
