import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import { type ConsensusMessage, consensusSignBytes, type SignedView } from '../../actors/pocket/chain/consensus.ts';
import { equalBytes } from '../../actors/pocket/chain/hex.ts';
import type { ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import type { Effect, Fetch } from '../../actors/pocket/consensus/core/effect.ts';
import type { Input } from '../../actors/pocket/consensus/core/input.ts';
import { CodedError } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import { Chance } from './chance.ts';
import { Judge, Violation } from './judge.ts';
import { Door, type Keys } from './keys.ts';
import { Network } from './network.ts';
import { type Letter, type NodeOptions, SimulatedNode, type Surroundings } from './node.ts';
import { SETTINGS, type WorldSettings } from './settings.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

/** Virtual time, the network, the nodes on it, and the judge of all they do. One seed, one run. */
export class World implements Surroundings {
  readonly keys: Keys;
  readonly settings: WorldSettings;
  readonly chance: Chance;
  readonly network: Network;
  readonly judge: Judge;
  readonly trace = new Trace();
  readonly nodes: SimulatedNode[] = [];
  /** Inputs that cores took. */
  steps = 0;
  /** How likely one of two nodes with one key does not hear what is sent to the key: each gets about half. */
  twinDeafness = 0.4;
  /** Decides whether an effect happens; a test may crash nodes in it. */
  intercept: (node: SimulatedNode, effect: Effect) => boolean = () => true;
  /** Sees what a node posts, and says which of it gets as far as the network. */
  overhear: (node: SimulatedNode, letters: readonly Letter[]) => readonly Letter[] = (_, letters) => letters;
  readonly #timeline = new Timeline();
  readonly #door: Door;
  /** Who hears what is sent to an address: addresses are objects that all of a world share. */
  readonly #receivers = new WeakMap<Uint8Array, readonly SimulatedNode[]>();
  /** What the next proposer puts into its block. */
  readonly pool: Uint8Array[] = [];
  #transactions = 0;

  constructor(keys: Keys, random: Random, settings: Partial<WorldSettings> = {}) {
    this.keys = keys;
    this.chance = new Chance(random);
    this.network = new Network(this.#timeline, this.chance);
    this.judge = new Judge(keys.validators);
    this.#door = new Door(keys);
    this.settings = { ...SETTINGS, ...settings };
  }

  get now_ms(): number {
    return this.#timeline.now_ms;
  }

  get trouble(): number {
    return this.network.weather.trouble;
  }

  get honest(): SimulatedNode[] {
    return this.nodes.filter(({ options }) => !options.liar);
  }

  /** Before the first message is sent. Nodes are named by letters in the order of addresses; a twin has a stroke. */
  add(options: NodeOptions): SimulatedNode {
    const place = this.keys.all.findIndex(({ address }) => equalBytes(address, options.address));
    const letter = String.fromCharCode('a'.charCodeAt(0) + place);
    const twins = this.nodes.filter((node) => equalBytes(node.options.address, options.address));
    const node = new SimulatedNode(this, options, this.nodes.length, letter + "'".repeat(twins.length));
    this.nodes.push(node);
    return node;
  }

  after(delay_ms: number, run: () => void) {
    this.#timeline.after(delay_ms, run);
  }

  /**
   * Runs until the time is over or `done`; false if the time was over first.
   * @throws Violation: of an invariant, or because a core threw
   */
  run(duration_ms: number, done?: () => boolean): boolean {
    try {
      return this.#timeline.run(duration_ms, done);
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation('crash', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  /** These nodes hear each other, and the others each other. */
  isolate(...nodes: SimulatedNode[]) {
    this.network.split(this.nodes, (node) => (nodes.includes(this.nodes[node.index]!) ? 1 : 0));
  }

  post(from: SimulatedNode, letters: readonly Letter[]) {
    for (const { to: address, message } of this.overhear(from, letters)) {
      const receivers = this.#receiversOf(address);
      for (const to of receivers) {
        if (to === from || (receivers.length > 1 && this.chance.happens(this.twinDeafness))) continue;
        this.network.carry(from, to, message, () => to.receive(message));
      }
    }
  }

  #receiversOf(address: Uint8Array): readonly SimulatedNode[] {
    const known = this.#receivers.get(address);
    if (known) return known;
    const receivers = this.nodes.filter((node) => equalBytes(node.options.address, address));
    this.#receivers.set(address, receivers);
    return receivers;
  }

  isAuthentic(validators: ValidatorSet, message: ConsensusMessage): boolean {
    return this.#door.isAuthentic(validators, message);
  }

  sign(node: SimulatedNode, view: SignedView): Uint8Array {
    const { address } = node.options;
    const signature = this.keys.sign(address, consensusSignBytes(view));
    this.judge.made(address, view, signature);
    return signature;
  }

  transactions(): Uint8Array[] {
    const own = Array.from({ length: this.chance.between(0, 3) }, () => {
      const number = this.#transactions++;
      return Uint8Array.of(0, number >> 16, (number >> 8) & 255, number & 255);
    });
    return [...this.pool.splice(0), ...own];
  }

  fetch(from: SimulatedNode, id: number, ask: Fetch): Input {
    const to = this.#receiversOf(ask.from).find((node) => node.up);
    if (!to || !this.network.serves(from, to)) throw new CodedError('PEER_UNREACHABLE', 'no answer');
    if (ask.kind === 'fetchBlock') return { kind: 'block', id, block: to.disk.find(ask.blockHash) };
    if (ask.kind === 'fetchMetadata') {
      const { height: maxHeight, blockHash: tipHash } = to.disk.tip();
      return { kind: 'metadata', id, metadata: { minHeight: 1n, maxHeight, tipHash, snapshots: [] } };
    }
    if (ask.kind !== 'fetchBlocks') throw new CodedError('PEER_UNREACHABLE', 'no snapshots here');
    const first = Number(ask.height) - 1;
    const blocks = to.disk.committed
      .slice(first, first + ask.count)
      .map(({ bytes, commitQc }) => ({ block: bytes, commitQc }));
    return { kind: 'blocks', id, blocks: to.mask ? to.mask.serves(blocks) : blocks };
  }

  released(node: SimulatedNode, request: SignRequest) {
    this.judge.released(node, request);
  }

  committed(node: SimulatedNode) {
    this.trace.note(this.now_ms, node.name, `commits height ${node.disk.committed.length}`);
    this.judge.committed(node);
  }

  stepped(node: SimulatedNode, what: string, message: ConsensusMessage | null) {
    this.steps++;
    this.trace.note(this.now_ms, node.name, what, message);
  }
}
