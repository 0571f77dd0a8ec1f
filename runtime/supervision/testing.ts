import { pino } from 'pino';
import { BlackBox, blackBoxMemory } from '../black-box.ts';
import type { ChildSpec, GroupSpec } from '../child-spec.ts';
import type { DeclaredActor, PortBinding } from '../control.ts';
import { CodedError } from '../errors.ts';
import { seededRandom } from '../random.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { Supervisor } from './supervisor.ts';
import { type ActorThread, type Death, type ThreadFactory, type ThreadStart, whileItLives } from './thread.ts';

/** What one life of an actor does when it is asked to; by default all goes well and at once. */
export interface Script {
  readonly load?: Conduct;
  readonly bind?: Conduct;
  readonly start?: Conduct;
  readonly ready?: Conduct;
  readonly stop?: Conduct;
  /** Time that its thread takes to end once it is told to, ms. */
  readonly ends_ms?: number;
}

/** How a step ends: well, with an error, with the death of the thread, or not at all; after some time. */
export interface Conduct {
  readonly ends: 'well' | 'error' | 'death' | 'never';
  readonly after_ms?: number;
}

const WELL: Conduct = { ends: 'well' };

/** Something that happened to a life: `start p2p`, `end consensus`. */
export interface Happening {
  readonly at_ms: number;
  readonly what: 'spawn' | 'load' | 'start' | 'bind' | 'ready' | 'stop' | 'end';
  readonly name: string;
  readonly incarnation: number;
}

/** A thread that exists in virtual time only. */
class VirtualThread implements ActorThread {
  readonly died: Promise<Death>;
  readonly box = blackBoxMemory();
  readonly #start: ThreadStart;
  readonly #world: VirtualNode;
  readonly #script: Script;
  readonly #writer: BlackBox;
  #die!: (death: Death) => void;
  #isAlive = true;
  #hangs = false;
  #ordered = false;

  constructor(start: ThreadStart, world: VirtualNode, script: Script) {
    this.#start = start;
    this.#world = world;
    this.#script = script;
    this.#writer = new BlackBox(this.box, start.names);
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.#beat();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  load(timeout_ms: number): Promise<DeclaredActor> {
    const declared = {
      uses: this.#world.usedBy(this.#start.name),
      listens: [],
      observes: false,
      vocabulary: { tell: [], ask: [], event: {} },
    };
    return this.#step('load', timeout_ms).then(() => declared);
  }

  start(timeout_ms: number): Promise<void> {
    return this.#step('start', timeout_ms);
  }

  bind({ port }: PortBinding, timeout_ms: number): Promise<void> {
    port.close();
    return this.#step('bind', timeout_ms);
  }

  ready(timeout_ms: number): Promise<void> {
    return this.#step('ready', timeout_ms);
  }

  async inject(): Promise<void> {
    this.fall('FAULT_INJECTED');
  }

  async stop(timeout_ms: number): Promise<void> {
    this.#ordered = true;
    await this.#step('stop', timeout_ms).catch(() => undefined);
    await this.terminate();
  }

  async terminate(verdict?: CodedError): Promise<void> {
    if (verdict === undefined) this.#ordered = true;
    const { ends_ms = 0 } = this.#script;
    if (ends_ms > 0) await new Promise<void>((resolve) => this.#world.clock.after(ends_ms, resolve));
    this.#end(verdict, false);
  }

  /** Dies of an error, or in order. */
  fall(code: string, orderly = false): void {
    this.#end(new CodedError(code, 'as the test wants it'), orderly);
  }

  /** Its event loop turns no more. */
  hang(): void {
    this.#hangs = true;
  }

  #beat(): void {
    if (!this.#isAlive || this.#hangs) return;
    this.#writer.beat(this.#world.clock.now(), 0);
    this.#world.clock.after(this.#start.beat_ms, () => this.#beat());
  }

  #step(what: 'load' | 'start' | 'bind' | 'ready' | 'stop', timeout_ms: number): Promise<void> {
    const { name } = this.#start;
    const { clock } = this.#world;
    const conduct = this.#script[what] ?? WELL;
    const call = (): Promise<void> =>
      new Promise((resolve, reject) => {
        if (this.#hangs || conduct.ends === 'never') return;
        clock.after(conduct.after_ms ?? 0, () => {
          if (!this.#isAlive) return;
          this.#note(what);
          if (conduct.ends === 'death') this.fall('TEST_DEATH');
          else if (conduct.ends === 'error') reject(new CodedError('TEST_ERROR', `${name} cannot ${what}`));
          else resolve();
        });
      });
    return whileItLives(call, { actor: name, what, timeout_ms, clock, died: this.died });
  }

  #end(verdict: CodedError | undefined, orderly: boolean): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#note('end');
    const reason = verdict ?? new CodedError('ACTOR_KILLED', 'by order');
    this.#die({
      selfInflicted: !this.#ordered,
      reason,
      stack: '',
      orderly: orderly && !this.#ordered,
      unforeseen: false,
    });
  }

  #note(what: Happening['what']): void {
    this.#world.note(what, this.#start.name, this.#start.incarnation);
  }
}

/** A supervisor whose actors and whose time are virtual. */
export class VirtualNode {
  readonly clock = new VirtualClock(1_000_000);
  readonly supervisor: Supervisor;
  readonly happenings: Happening[] = [];
  /** Actors of which a life was begun while another one was alive: there must be none. */
  readonly doubles: string[] = [];
  /** What the supervisor gave up with, if it did. */
  failure: CodedError | null = null;
  /** What the life of an actor does; set by tests. */
  script: (name: string, incarnation: number) => Script = () => ({});
  readonly #threads = new Map<string, VirtualThread[]>();
  readonly #uses: Readonly<Record<string, readonly string[]>>;

  /** @param uses whom each actor asks, by name */
  constructor(groups: readonly GroupSpec[], uses: Readonly<Record<string, readonly string[]>> = {}, seed = 1n) {
    this.#uses = uses;
    const threads: ThreadFactory = (start) => this.#spawn(start);
    this.supervisor = new Supervisor({
      groups,
      clock: this.clock,
      random: seededRandom(seed),
      log: pino({ level: 'silent' }),
      logOptions: { level: 'silent' },
      software: 'test',
      crashes: null,
      deadLetters: null,
      threads,
    });
    void this.supervisor.failed.then((reason) => {
      this.failure = reason;
    });
  }

  usedBy(name: string): readonly string[] {
    return this.#uses[name] ?? [];
  }

  note(what: Happening['what'], name: string, incarnation: number): void {
    this.happenings.push({ at_ms: this.clock.now(), what, name, incarnation });
  }

  /** Names in the order in which this happened to them. */
  order(what: Happening['what'], since = 0): string[] {
    return this.happenings
      .slice(since)
      .filter((one) => one.what === what)
      .map(({ name }) => name);
  }

  /** The present life of an actor, if one is alive. */
  thread(name: string): VirtualThread | undefined {
    return this.living(name)[0];
  }

  /** All lives of an actor that are alive: never more than one. */
  living(name: string): VirtualThread[] {
    return (this.#threads.get(name) ?? []).filter(({ isAlive }) => isAlive);
  }

  phase(name: string): string | undefined {
    return this.supervisor.status().find((one) => one.name === name)?.phase;
  }

  incarnation(name: string): number {
    return this.supervisor.status().find((one) => one.name === name)?.incarnation ?? 0;
  }

  /** Lets virtual time pass, and all that happens in it. */
  async advance(duration_ms: number): Promise<void> {
    const end_ms = this.clock.now() + duration_ms;
    await settle();
    for (let due = this.clock.next(); due !== undefined && due <= end_ms; due = this.clock.next()) {
      this.clock.step();
      await settle();
    }
    this.clock.moveTo(end_ms);
  }

  /** Lets time pass until the promise settles. @throws what it rejects with, or if it does not within an hour */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const watched = promise.finally(() => {
      done = true;
    });
    watched.catch(() => undefined); // reported by the caller
    const limit_ms = this.clock.now() + 3_600_000;
    for (await settle(); !done && this.clock.now() < limit_ms; await settle()) this.clock.step();
    if (!done) throw new Error('it did not settle within an hour');
    return watched;
  }

  #spawn(start: ThreadStart): ActorThread {
    this.note('spawn', start.name, start.incarnation);
    const thread = new VirtualThread(start, this, this.script(start.name, start.incarnation));
    if (this.living(start.name).length > 0) this.doubles.push(start.name);
    const lives = this.#threads.get(start.name) ?? [];
    this.#threads.set(start.name, [...lives, thread]);
    return thread;
  }
}

/** A macrotask of the real loop lets every promise that is ready run its reactions; twice, for those of a port. */
async function settle(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A child of which all is usual that is not given. */
export function virtualChild(name: string, options: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name,
    module: 'virtual',
    config: {},
    restart: 'permanent',
    dependents: [],
    start_timeout_ms: 10_000,
    shutdown_ms: 1_000,
    limits: { maxHeap_mb: 64, maxExternal_mb: 4_096, stall_ms: 5_000 },
    ...options,
  };
}

/** A group of which all is usual that is not given. */
export function virtualGroup(children: readonly ChildSpec[], options: Partial<GroupSpec> = {}): GroupSpec {
  return {
    name: 'all',
    children,
    intensity: { restarts: 3, period_ms: 60_000 },
    exceeded: { action: 'escalate' },
    ...options,
  };
}
