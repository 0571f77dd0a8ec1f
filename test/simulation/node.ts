import { checkRequest } from '../../actors/host/signer/core/request.ts';
import { decide, UNSIGNED_STATE } from '../../actors/host/signer/core/rules.ts';
import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import { type ConsensusMessage, consensusSignBytes, MESSAGE_VOTE } from '../../actors/pocket/chain/consensus.ts';
import type { Evidence } from '../../actors/pocket/chain/evidence.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { electionInput } from '../../actors/pocket/chain/sortition.ts';
import type { Ask, Effect, Fact, Fetch } from '../../actors/pocket/consensus/core/effect.ts';
import { isStale } from '../../actors/pocket/consensus/core/inbox.ts';
import type { Input, TimerName } from '../../actors/pocket/consensus/core/input.ts';
import type { Rules } from '../../actors/pocket/consensus/core/rules.ts';
import type { State } from '../../actors/pocket/consensus/core/state.ts';
import { begin, isWanted, step } from '../../actors/pocket/consensus/core/step.ts';
import type { Journal } from '../../actors/pocket/consensus/journal.ts';
import { toErrorRecord } from '../../runtime/errors.ts';
import { sha256 } from '../../wasm/hash.ts';
import { Disk } from './disk.ts';
import { isAuthentic, type Keys, NETWORK_ID } from './keys.ts';
import type { Weather, WorldSettings } from './settings.ts';

export interface NodeOptions {
  readonly address: Uint8Array;
  readonly rules: Rules;
  /** `forgets locks`: refuses double signatures only. `signs anything`: and remembers nothing. */
  readonly signer: 'safe' | 'forgets locks' | 'signs anything';
  readonly liar: boolean;
  /** How far its clock is off, in ms. */
  readonly skew_ms: number;
  readonly manual: boolean;
  /** Opens what its lives leave to each other; without, each begins anew. */
  readonly journal?: () => Journal;
}

/** The world around a node. */
export interface Surroundings {
  readonly now_ms: number;
  readonly keys: Keys;
  readonly settings: WorldSettings;
  readonly network: Weather;
  readonly intercept: (node: SimulatedNode, effect: Effect) => boolean;
  chance(probability: number): boolean;
  after(delay_ms: number, run: () => void): void;
  send(from: SimulatedNode, address: Uint8Array, message: ConsensusMessage): void;
  serviceTime_ms(kind: Ask['kind']): number;
  transactions(): Uint8Array[];
  fetch(from: SimulatedNode, id: number, ask: Fetch): Input;
  committed(node: SimulatedNode): void;
}

/** Services answer in the order in which they are asked, as actors do. */
type Service = 'signer' | 'utility' | 'persistence' | 'network';
const SERVICE: Record<Ask['kind'], Service> = {
  sign: 'signer',
  prove: 'signer',
  propose: 'utility',
  execute: 'utility',
  commit: 'persistence',
  load: 'persistence',
  tip: 'persistence',
  fetchBlock: 'network',
  fetchBlocks: 'network',
  fetchMetadata: 'network',
  fetchHeader: 'network',
  fetchManifest: 'network',
  fetchChunk: 'network',
  restoreBegin: 'persistence',
  restoreChunk: 'persistence',
  restoreEnd: 'persistence',
};

/** One simulated validator: the real core, the real rules of the signer, and models of the other actors. */
export class SimulatedNode {
  readonly disk: Disk;
  readonly options: NodeOptions;
  readonly facts: Fact[] = [];
  readonly evidence: Evidence[] = [];
  state: State | null = null;
  /** What was asked before the last crash is answered to nobody. */
  crashes = 0;
  readonly #world: Surroundings;
  readonly #busyUntil_ms = new Map<Service, number>();
  #journal: Journal | null = null;

  constructor(world: Surroundings, options: NodeOptions) {
    this.#world = world;
    this.options = options;
    this.disk = new Disk(world.keys.validators);
  }

  get name(): string {
    return toHex(this.options.address).slice(0, 6);
  }

  get up(): boolean {
    return this.state !== null;
  }

  start() {
    if (this.state) return;
    const { settings } = this.#world;
    const { rules, manual, address, signer } = this.options;
    const record = signer === 'signs anything' ? UNSIGNED_STATE : this.disk.safety;
    const own = { ...settings, networkId: NETWORK_ID, self: address };
    const start = { settings: own, rules, tip: this.disk.tip(), record, manual, mempool: 0 };
    this.#journal = this.options.journal?.() ?? null;
    const begun = this.#journal?.recover(start, this.#now()) ?? begin(start, this.#now());
    this.state = begun.state;
    this.#journal?.follow(begun.state);
    this.#perform(begun.effects);
  }

  /** Loses all that is not on disk. */
  crash() {
    this.state = null;
    this.#journal?.close();
    this.#journal = null;
    this.crashes++;
    this.#busyUntil_ms.clear();
  }

  input(input: Input) {
    if (!this.state) return;
    this.#journal?.append(this.state, input, this.#now());
    const effects = step(this.state, input, this.#now());
    this.#journal?.follow(this.state);
    this.#perform(effects);
  }

  receive(message: ConsensusMessage) {
    if (!this.state || isStale(this.state, message)) return;
    if (isAuthentic(this.#world.keys, message)) this.input({ kind: 'message', message });
  }

  #now(): number {
    return this.#world.now_ms + this.options.skew_ms;
  }

  #perform(effects: readonly Effect[]) {
    for (const effect of effects) {
      if (!this.state) return;
      if (this.#world.intercept(this, effect)) this.#do(effect);
    }
  }

  #do(effect: Effect) {
    const world = this.#world;
    const life = this.crashes;
    switch (effect.kind) {
      case 'ask':
        this.#serve(effect.id, effect.ask);
        return;
      case 'send':
        world.send(this, effect.to, effect.message);
        return;
      case 'broadcast':
        for (const { address } of world.keys.validators.list) world.send(this, address, effect.message);
        return;
      case 'setTimer': {
        const input: Input = { kind: 'timer', timer: effect.timer as TimerName, token: effect.token };
        world.after(effect.delay_ms, () => life === this.crashes && this.input(input));
        return;
      }
      case 'evidence':
        this.evidence.push(effect.evidence);
        return;
      case 'fact':
        this.facts.push(effect.fact);
        return;
      case 'fatal':
        throw new Error(`${this.name}: ${effect.code} ${effect.message}`);
    }
  }

  #serve(id: number, ask: Ask) {
    const world = this.#world;
    const service = SERVICE[ask.kind];
    const start_ms = Math.max(world.now_ms, this.#busyUntil_ms.get(service) ?? 0) + world.serviceTime_ms(ask.kind);
    if (service !== 'network') this.#busyUntil_ms.set(service, start_ms);
    const life = this.crashes;
    world.after(start_ms - world.now_ms, () => {
      // Half of the crashes are of the consensus actor alone: what it asked the others for happens all the same.
      if (life !== this.crashes && world.chance(0.5)) return;
      const answer = this.#answer(id, ask);
      if (answer.kind === 'committed') world.committed(this);
      world.after(world.chance(0.1) ? 5 : 0, () => {
        if (life === this.crashes && this.state && isWanted(this.state, id)) this.input(answer);
      });
    });
  }

  #answer(id: number, ask: Ask): Input {
    try {
      if (this.#world.chance(this.#world.network.trouble)) throw new Error('the actor is in trouble');
      return this.#result(id, ask);
    } catch (error) {
      const { code, message } = toErrorRecord(error);
      return { kind: 'failed', id, code, message };
    }
  }

  #result(id: number, ask: Ask): Input {
    const { disk } = this;
    switch (ask.kind) {
      case 'sign':
        return { kind: 'signed', id, signature: this.#sign(ask.request) };
      case 'prove':
        return { kind: 'proved', id, proof: this.#world.keys.prove(this.options.address, drawInput(ask)) };
      case 'propose':
        return { kind: 'proposed', id, block: disk.propose(ask, this.#world.transactions()) };
      case 'execute':
        disk.execute(ask.block);
        return { kind: 'executed', id };
      case 'commit':
        disk.commit(ask.blockHash, ask.commitQc);
        return { kind: 'committed', id, validators: disk.tip().validators };
      case 'load':
        return { kind: 'block', id, block: disk.find(ask.blockHash) };
      case 'tip':
        return { kind: 'tip', id, tip: disk.tip() };
      case 'restoreBegin':
      case 'restoreChunk':
      case 'restoreEnd':
        throw new Error('no node of the simulation has a snapshot');
      default:
        return this.#world.fetch(this, id, ask);
    }
  }

  #sign(request: SignRequest): Uint8Array {
    const { address, signer } = this.options;
    const checked = checkRequest(request);
    const justify = request.type === MESSAGE_VOTE ? null : request.justify;
    const bytes = consensusSignBytes({ ...request, justify, networkId: NETWORK_ID });
    if (signer === 'signs anything') return this.#world.keys.sign(address, bytes);
    const decision = decide(this.disk.safety, checked, sha256(bytes));
    if (decision.kind === 'repeat') return decision.signature;
    const signature = this.#world.keys.sign(address, bytes);
    const next = decision.next(signature);
    this.disk.safety = signer === 'safe' ? next : { ...next, lockedQc: null };
    return signature;
  }
}

function drawInput({ height, round, parentHash }: Extract<Ask, { kind: 'prove' }>): Uint8Array {
  return electionInput({ networkId: NETWORK_ID, height, round, parentHash });
}
