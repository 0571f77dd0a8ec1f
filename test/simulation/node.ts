import type { SafetyState } from '../../actors/host/signer/core/rules.ts';
import type { SignRequest } from '../../actors/host/signer/protocol.ts';
import {
  type ConsensusMessage,
  consensusSignBytes,
  MESSAGE_VOTE,
  type SignedView,
} from '../../actors/pocket/chain/consensus.ts';
import type { Evidence } from '../../actors/pocket/chain/evidence.ts';
import { equalBytes } from '../../actors/pocket/chain/hex.ts';
import { electionInput } from '../../actors/pocket/chain/sortition.ts';
import type { SyncedBlock } from '../../actors/pocket/chain/sync.ts';
import type { ValidatorSet } from '../../actors/pocket/chain/validators.ts';
import { votersAt } from '../../actors/pocket/consensus/core/certificates.ts';
import type { Ask, Effect, Fact, Fetch } from '../../actors/pocket/consensus/core/effect.ts';
import { isStale } from '../../actors/pocket/consensus/core/inbox.ts';
import type { Input, TimerName } from '../../actors/pocket/consensus/core/input.ts';
import type { Rules } from '../../actors/pocket/consensus/core/rules.ts';
import type { State } from '../../actors/pocket/consensus/core/state.ts';
import { begin, isWanted, step } from '../../actors/pocket/consensus/core/step.ts';
import type { Journal } from '../../actors/pocket/consensus/journal.ts';
import { toErrorRecord } from '../../runtime/errors.ts';
import type { Chance } from './chance.ts';
import { Disk, GENESIS_MS } from './disk.ts';
import { Violation } from './judge.ts';
import { type Keys, NETWORK_ID } from './keys.ts';
import type { WorldSettings } from './settings.ts';
import { type SignerModel, safeSigner, signsAnything } from './signer.ts';

export interface NodeOptions {
  readonly address: Uint8Array;
  readonly rules: Rules;
  readonly signer: 'safe' | 'signs anything' | SignerModel;
  /** Its key is a byzantine one: nothing that it does breaks an invariant. */
  readonly liar: boolean;
  /** How far its clock is off, in ms. */
  readonly skew_ms: number;
  /** How much faster its clock runs: 0.01 is a hundredth. */
  readonly drift?: number;
  readonly manual: boolean;
  /** Opens what its lives leave to each other; without, each begins anew. */
  readonly journal?: () => Journal;
}

/** A message on its way to one validator. */
export interface Letter {
  readonly to: Uint8Array;
  readonly message: ConsensusMessage;
}

/** What every message says. */
type MessagePlace = Pick<ConsensusMessage, 'type' | 'height' | 'round' | 'step' | 'blockHash'>;

/** What a byzantine node does with what its core says, hears and serves. */
export interface Mask {
  says(letters: readonly Letter[]): readonly Letter[];
  hears(message: ConsensusMessage): void;
  serves(blocks: readonly SyncedBlock[]): SyncedBlock[];
}

/** How a node ends: its consensus actor alone, its process, or its machine, which forgets what is not synced. */
export type Crash = 'actor' | 'process' | 'power';

/** The world around a node. */
export interface Surroundings {
  readonly now_ms: number;
  readonly keys: Keys;
  readonly settings: WorldSettings;
  /** What its own actors do, and what its crash leaves. */
  readonly chance: Chance;
  readonly trouble: number;
  readonly intercept: (node: SimulatedNode, effect: Effect) => boolean;
  after(delay_ms: number, run: () => void): void;
  post(from: SimulatedNode, letters: readonly Letter[]): void;
  /** True if one of these validators signed it. */
  isAuthentic(validators: ValidatorSet, message: ConsensusMessage): boolean;
  /** Signs with a validator's key. */
  sign(node: SimulatedNode, view: SignedView): Uint8Array;
  transactions(): Uint8Array[];
  fetch(from: SimulatedNode, id: number, ask: Fetch): Input;
  /** A signature left its signer. */
  released(node: SimulatedNode, request: SignRequest): void;
  committed(node: SimulatedNode): void;
  stepped(node: SimulatedNode, what: string, message: ConsensusMessage | null): void;
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

/** How long a healthy disk takes to sync: something small, and a block. */
const SYNC_MS = [1, 8] as const;
const COMMIT_MS = [20, 40] as const;

/** Something that a service has begun: what it answers once it is on the disk. */
interface Work {
  readonly durable: boolean;
  finish(): Input;
}

/** One simulated validator: the real core, the real rules of the signer, and models of the other actors. */
export class SimulatedNode {
  readonly disk: Disk;
  readonly options: NodeOptions;
  readonly index: number;
  readonly name: string;
  readonly facts: Fact[] = [];
  readonly evidence: Evidence[] = [];
  state: State | null = null;
  mask: Mask | null = null;
  /** How much longer its disk takes to sync. */
  slowness_ms = 0;
  crashes = 0;
  readonly #world: Surroundings;
  readonly #signer: SignerModel;
  readonly #busyUntil_ms = new Map<Service, number>();
  /** The latest token of each. */
  readonly #timers = new Map<TimerName, number>();
  /** What the actors of an ended process had under way happens no more. */
  #process = 0;
  #journal: Journal | null = null;

  constructor(world: Surroundings, options: NodeOptions, index: number, name: string) {
    this.#world = world;
    this.options = options;
    this.index = index;
    this.name = name;
    this.disk = new Disk(world.keys.validators, world.keys.all);
    const { signer, rules } = options;
    if (signer === 'safe') this.#signer = safeSigner(rules);
    else this.#signer = signer === 'signs anything' ? signsAnything : signer;
  }

  get up(): boolean {
    return this.state !== null;
  }

  /** What it remembers to have signed. */
  get record(): SafetyState {
    return this.disk.record.value;
  }

  start() {
    if (this.state) return;
    const { settings } = this.#world;
    const { rules, manual, address } = this.options;
    const own = { ...settings, networkId: NETWORK_ID, self: address };
    const start = { settings: own, rules, tip: this.disk.tip(), record: this.record, manual, mempool: 0 };
    this.#journal = this.options.journal?.() ?? null;
    const begun = this.#journal?.recover(start, this.#now_ms()) ?? begin(start, this.#now_ms());
    this.state = begun.state;
    this.#journal?.follow(begun.state);
    this.#world.stepped(this, 'starts', null);
    this.#perform(begun.effects);
  }

  crash(how: Crash = 'process') {
    if (this.state) this.#world.stepped(this, `ends: ${how}`, null);
    this.state = null;
    this.#journal?.close();
    this.#journal = null;
    this.crashes++;
    if (how === 'actor') return;
    this.#process++;
    this.#busyUntil_ms.clear();
    const { chance } = this.#world;
    this.disk.interrupt(() => chance.happens(0.5));
    if (how === 'power') this.disk.record.lose(chance.happens(0.5));
  }

  input(input: Input) {
    if (!this.state) return;
    this.#world.stepped(this, input.kind, null);
    this.#take(input);
  }

  receive(message: ConsensusMessage) {
    if (
      !this.state ||
      isStale(this.state, message) ||
      !this.#world.isAuthentic(votersAt(this.state, message.height), message)
    )
      return;
    this.#world.stepped(this, 'hears', message);
    this.mask?.hears(message);
    this.#take({ kind: 'message', message });
  }

  #take(input: Input) {
    if (!this.state) return;
    this.#journal?.append(this.state, input, this.#now_ms());
    const effects = step(this.state, input, this.#now_ms());
    this.#journal?.follow(this.state);
    this.#perform(effects);
  }

  /** A message with a signature of its key, whatever its signer would say. */
  forge(content: MessagePlace & Partial<ConsensusMessage>): ConsensusMessage {
    const message = { block: null, justify: null, proof: null, timeout: null, ...content, networkId: NETWORK_ID };
    return { ...message, address: this.options.address, signature: this.#world.sign(this, message) };
  }

  #now_ms(): number {
    const { skew_ms, drift = 0 } = this.options;
    return Math.round(GENESIS_MS + (this.#world.now_ms - GENESIS_MS) * (1 + drift) + skew_ms);
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
        this.#say([{ to: effect.to, message: effect.message }]);
        return;
      case 'broadcast': {
        const others = world.keys.all.filter(({ address }) => !equalBytes(address, this.options.address));
        this.#say(others.map(({ address }) => ({ to: address, message: effect.message })));
        return;
      }
      case 'setTimer': {
        const { timer, token } = effect;
        this.#timers.set(timer, token);
        const delay_ms = Math.ceil(effect.delay_ms / (1 + (this.options.drift ?? 0)));
        world.after(delay_ms, () => {
          if (life === this.crashes && this.#timers.get(timer) === token) this.input({ kind: 'timer', timer, token });
        });
        return;
      }
      case 'cancelTimer':
        this.#timers.delete(effect.timer);
        return;
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

  #say(letters: readonly Letter[]) {
    this.#world.post(this, this.mask ? this.mask.says(letters) : letters);
  }

  /** A service takes the question when it has done what it was asked before, and syncs before it answers. */
  #serve(id: number, ask: Ask) {
    const world = this.#world;
    const { chance } = world;
    const service = SERVICE[ask.kind];
    const begin_ms = Math.max(world.now_ms, this.#busyUntil_ms.get(service) ?? 0) + chance.between(0, 8);
    // A block is more than a record: the leader says DECIDE while it commits.
    const [least_ms, most_ms] = ask.kind === 'commit' ? COMMIT_MS : SYNC_MS;
    const sync_ms = chance.between(least_ms, most_ms) + this.slowness_ms;
    if (service !== 'network') this.#busyUntil_ms.set(service, begin_ms + sync_ms);
    const life = this.crashes;
    const process = this.#process;
    const answer = (input: Input) => {
      if (life === this.crashes && this.state && isWanted(this.state, id)) this.input(input);
    };
    world.after(begin_ms - world.now_ms, () => {
      if (process !== this.#process) return;
      const work = attempt(id, () => {
        if (chance.happens(world.trouble)) throw new Error('the actor is in trouble');
        return this.#begin(id, ask);
      });
      if (!work.durable) return answer(work.finish());
      world.after(sync_ms, () => {
        if (process === this.#process) answer(attempt(id, () => fixed(work.finish())).finish());
      });
    });
  }

  #begin(id: number, ask: Ask): Work {
    const { disk } = this;
    switch (ask.kind) {
      case 'sign':
        return this.#sign(id, ask.request);
      case 'prove':
        return fixed({ kind: 'proved', id, proof: this.#world.keys.prove(this.options.address, drawInput(ask)) });
      case 'propose': {
        const block = disk.build(ask, this.#world.transactions());
        return this.#transaction(
          () => disk.stage(block),
          () => ({ kind: 'proposed', id, block }),
        );
      }
      case 'execute':
        disk.check(ask.block);
        return this.#transaction(
          () => disk.stage(ask.block),
          () => ({ kind: 'executed', id }),
        );
      case 'commit': {
        disk.committable(ask.blockHash);
        const { length } = disk.committed;
        const change = () => {
          disk.commit(ask.blockHash, ask.commitQc);
          if (disk.committed.length > length) this.#world.committed(this);
        };
        return this.#transaction(change, () => ({ kind: 'committed', id, validators: disk.tip().validators }));
      }
      case 'load':
        return fixed({ kind: 'block', id, block: disk.find(ask.blockHash) });
      case 'tip':
        return fixed({ kind: 'tip', id, tip: disk.tip() });
      case 'restoreBegin':
      case 'restoreChunk':
      case 'restoreEnd':
        throw new Error('no node of the simulation has a snapshot');
      default:
        return fixed(this.#world.fetch(this, id, ask));
    }
  }

  #transaction(change: () => void, answer: () => Input): Work {
    const end = this.disk.begin(change);
    return {
      durable: true,
      finish() {
        end();
        return answer();
      },
    };
  }

  /** Decide, write, sync, release: a crash can come between any two of them. */
  #sign(id: number, request: SignRequest): Work {
    const { record } = this.disk;
    const justify = request.type === MESSAGE_VOTE ? null : request.justify;
    const view = { ...request, justify, networkId: NETWORK_ID };
    const decision = this.#signer.decide(record.value, request, consensusSignBytes(view), this.disk);
    const signature = decision.kind === 'repeat' ? decision.signature : this.#world.sign(this, view);
    const release = (): Input => {
      this.#world.released(this, request);
      return { kind: 'signed', id, signature };
    };
    if (decision.kind === 'repeat') return { durable: false, finish: release };
    record.write(decision.next(signature));
    if (!this.#signer.persistsFirst) {
      this.#syncLater();
      return { durable: false, finish: release };
    }
    return {
      durable: true,
      finish() {
        record.sync();
        return release();
      },
    };
  }

  /** What a disk does by itself with what nobody syncs. */
  #syncLater() {
    const process = this.#process;
    this.#world.after(this.#world.chance.between(100, 3_000), () => {
      if (process === this.#process) this.disk.record.sync();
    });
  }
}

function fixed(answer: Input): Work {
  return { durable: false, finish: () => answer };
}

/** What throws is answered as a failure. */
function attempt(id: number, run: () => Work): Work {
  try {
    return run();
  } catch (error) {
    if (error instanceof Violation) throw error;
    const { code, message } = toErrorRecord(error);
    return fixed({ kind: 'failed', id, code, message });
  }
}

function drawInput({ height, round, parentHash }: Extract<Ask, { kind: 'prove' }>): Uint8Array {
  return electionInput({ networkId: NETWORK_ID, height, round, parentHash });
}
