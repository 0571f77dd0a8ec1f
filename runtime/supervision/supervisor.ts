import type { Logger } from 'pino';
import type { ActorDefinition, Behaviour, Context } from '../actor.ts';
import { readFigures } from '../black-box.ts';
import { portChannel } from '../channel.ts';
import type { ActorStatus, Fault, GroupSpec } from '../child-spec.ts';
import type { Clock } from '../clock.ts';
import { declaredPeers, type Notice } from '../control.ts';
import { CodedError, toErrorRecord } from '../errors.ts';
import { ActorHost } from '../host.ts';
import { threadMetrics } from '../host-metrics.ts';
import type { LogOptions } from '../logging.ts';
import { type MainProtocol, mainProtocol } from '../main-protocol.ts';
import type { Protocol } from '../protocol.ts';
import type { Random } from '../random.ts';
import { type Child, createChild, detach, serves, statusOf } from './child.ts';
import { DeathRecords } from './death-records.ts';
import { type Decision, decide } from './decision.ts';
import { blaming, Casualty, failureOf, type Life } from './life.ts';
import { mainBehaviour } from './main-actor.ts';
import { type SupervisorMetrics, supervisorMetrics } from './metrics.ts';
import { BindFailure, type End, Switchboard } from './switchboard.ts';
import { type ActorThread, type Death, type ThreadFactory, WorkerThread } from './thread.ts';
import { WATCH_ms, Watchdog } from './watchdog.ts';

/** Whom the main thread talks to besides those that talk to it, and who is told once it may. */
export interface MainPart {
  readonly uses: readonly Protocol[];
  readonly observes: boolean;
  started(context: Context<MainProtocol, unknown>): void;
}

export interface SupervisorOptions {
  /** In start order; they are stopped in reverse. */
  readonly groups: readonly GroupSpec[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly logOptions: LogOptions;
  /** Version of the software, for reports. */
  readonly software: string;
  /** Directories of crash reports and dead letters; null: none are kept. */
  readonly crashes: string | null;
  readonly deadLetters: string | null;
  readonly main?: MainPart;
  /** What actors run on: worker threads, or a simulation of them. */
  readonly threads?: ThreadFactory;
}

const onWorkerThread: ThreadFactory = (start, options) => new WorkerThread(start, options);

const NO_MAIN_PART: MainPart = { uses: [], observes: false, started: () => undefined };

/** Time for a thread to end after its shutdown time, in shutdown times: its last system call may wait for a slow disk. */
const TERMINATE_SHUTDOWNS = 4;

/** A port closes when its owner dies, and we hear of the death a moment later: only then is it a broken connection. */
const PORT_GRACE_ms = 1_000;

/** A restart by order is waited for: for start and for getting ready. */
const RESTART_STARTS = 2;
const RESTART_LOOK_ms = 50;

/** A thread that lives answers an order at once, or is stalled. */
const ORDER_ms = 5_000;

/**
 * Starts the actors of a node on their threads, connects them, watches them, and replaces the ones that die,
 * together with their declared dependents. Changes are made one at a time, in the order their causes were seen.
 */
export class Supervisor {
  /** Settles when the supervisor has given up, with the reason; stays open otherwise. */
  readonly failed: Promise<CodedError>;
  readonly #options: SupervisorOptions;
  readonly #children: readonly Child[];
  readonly #names: readonly string[];
  readonly #main: ActorHost;
  readonly #switchboard: Switchboard;
  readonly #metrics: SupervisorMetrics;
  readonly #records: DeathRecords;
  #giveUp!: (reason: CodedError) => void;
  #work: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Settles when nothing is started or replaced any more: whoever waits for an actor need not go on. */
  readonly #ceased: Promise<void>;
  #endWaits!: () => void;
  #cancelWatch: () => void = () => undefined;
  /** Ends of rests to come, by group. */
  readonly #wakes = new Map<GroupSpec, () => void>();
  /** Ends the start that is under way: what it waits for may never come. */
  #interrupt: (reason: Error) => void = () => undefined;

  constructor(options: SupervisorOptions) {
    const { clock, random, log, groups, main = NO_MAIN_PART } = options;
    this.#options = options;
    this.#children = groups.flatMap((group) => group.children.map((spec) => createChild(spec, group, random)));
    this.#names = [mainProtocol.name, ...this.#children.map(({ spec }) => spec.name)];
    this.failed = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    this.#ceased = new Promise((resolve) => {
      this.#endWaits = resolve;
    });
    const definition = this.#mainDefinition(main);
    this.#main = new ActorHost(definition, {
      name: mainProtocol.name,
      incarnation: 1,
      config: {},
      clock,
      random,
      log,
      schedule: (task) => setImmediate(task),
      fail: (error) => this.#surrender(new CodedError('SUPERVISOR_FAILED', toErrorRecord(error).message)),
    });
    threadMetrics(this.#main.registry);
    this.#metrics = supervisorMetrics(this.#main.registry);
    this.#records = new DeathRecords(options, this.#names, this.#metrics);
    this.#switchboard = new Switchboard(this.#mainEnd(definition), this.#children);
  }

  /** Starts everything. @throws the first actor's error; whatever was started is stopped again. */
  async start(): Promise<void> {
    await this.#main.start();
    await this.#main.ready();
    try {
      await this.#serial(() => this.#bringUp(this.#children, (lives) => this.#allReady(lives)));
      this.#watch();
    } catch (error) {
      await this.stop();
      throw error instanceof Casualty ? error.death.reason : error;
    }
  }

  /** Stops every actor in reverse order, each within its shutdown time; ends a start that is under way. */
  async stop(): Promise<void> {
    this.#cease(stopped());
    await this.#serial(() => this.#takeDown(this.#children));
    await this.#main.stop();
  }

  /**
   * Has one actor die, as an operator would; it is replaced. `terminate` ends its thread from outside and does not
   * count as a crash; the other ways happen inside of it, and are one. Resolves when it is done or ordered.
   * @throws ACTOR_UNKNOWN, ACTOR_DOWN
   */
  async kill(name: string, by: Fault = 'terminate'): Promise<void> {
    const { thread } = this.#child(name);
    if (!thread) throw new CodedError('ACTOR_DOWN', `${name} is down at the moment: look again`, { name });
    if (by === 'terminate') return thread.terminate();
    await thread.inject(by, ORDER_ms);
  }

  /**
   * Stops one actor in order and starts it anew, with its dependents; resolves when they serve. Brings one back that
   * waits, rests or has ended, too.
   * @throws ACTOR_UNKNOWN, SUPERVISOR_STOPPED, ACTOR_DOWN (it did not come back)
   */
  async restart(name: string): Promise<void> {
    const child = this.#child(name);
    const affected = this.#closure(child);
    await this.#serial(() => this.#replace(child, 'ORDERED'));
    const { clock } = this.#options;
    const until_ms = clock.now() + RESTART_STARTS * child.spec.start_timeout_ms;
    while (affected.some(({ phase }) => phase !== 'running')) {
      if (this.#stopping) throw stopped();
      const lost = affected.find(({ phase }) => phase === 'ended' || phase === 'resting');
      if (lost || clock.now() > until_ms) throw notBack(lost ?? child);
      await new Promise<void>((resolve) => clock.after(RESTART_LOOK_ms, resolve));
    }
    if (this.#stopping) throw stopped();
  }

  status(): ActorStatus[] {
    const now_ms = this.#options.clock.now();
    return this.#children.map((child) => statusOf(child, now_ms));
  }

  #child(name: string): Child {
    const child = this.#children.find(({ spec }) => spec.name === name);
    if (child) return child;
    throw new CodedError('ACTOR_UNKNOWN', `there is no actor ${name}: there are ${this.#names.slice(1).join(', ')}`, {
      name,
    });
  }

  #mainDefinition({ uses, observes, started }: MainPart): ActorDefinition<Protocol, unknown> {
    return {
      protocol: mainProtocol,
      uses,
      listens: [],
      observes,
      start: (context): Behaviour<Protocol> => {
        started(context as unknown as Context<MainProtocol, unknown>);
        return mainBehaviour(() => this.status());
      },
    };
  }

  #mainEnd(definition: ActorDefinition<Protocol, unknown>): End {
    return {
      name: mainProtocol.name,
      incarnation: 1,
      peers: declaredPeers(definition),
      bind: ({ port, ...binding }) => this.#main.bind({ ...binding, channel: portChannel(port) }),
    };
  }

  /** Nothing is started or replaced from here on. */
  #cease(reason: CodedError): void {
    this.#stopping = true;
    this.#endWaits();
    this.#cancelWatch();
    for (const cancel of this.#wakes.values()) cancel();
    for (const child of this.#children) child.cancelWait();
    this.#interrupt(reason);
  }

  #surrender(reason: CodedError): void {
    this.#cease(reason);
    this.#giveUp(reason);
  }

  #serial(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** A change that nobody waits for. What it does not expect is a defect, and must not leave actors down in silence. */
  #change(work: () => Promise<void>): void {
    this.#serial(work).catch((error: unknown) => {
      if (!this.#stopping) this.#surrender(new CodedError('SUPERVISOR_FAILED', toErrorRecord(error).message));
    });
  }

  /** Looks at every thread that serves, again and again. */
  #watch(): void {
    this.#cancelWatch = this.#options.clock.after(WATCH_ms, () => {
      const now_ms = Number(this.#options.clock.monotonic_ns() / 1_000_000n);
      for (const { phase, thread, watchdog } of this.#children) {
        // Until it serves, the time for its start is what it is measured by.
        if (phase !== 'running' || !thread) continue;
        const verdict = watchdog.look(readFigures(thread.box), now_ms);
        if (verdict) void thread.terminate(verdict);
      }
      this.#watch();
    });
  }

  /**
   * Starts the given actors in order, connects them and does what comes `last`; on failure they are all down again.
   * @throws Casualty of whom it failed
   */
  async #bringUp(children: readonly Child[], last: (lives: Life[]) => Promise<void>): Promise<void> {
    if (this.#stopping) throw stopped();
    for (const child of children) {
      child.cancelWait();
      child.phase = 'starting';
    }
    const interrupted = new Promise<never>((_, reject) => {
      this.#interrupt = reject;
    });
    try {
      await Promise.race([this.#startAll(children).then(last), interrupted]);
    } catch (error) {
      await Promise.all(children.map((child) => this.#detach(child)?.terminate()));
      throw error;
    } finally {
      this.#interrupt = () => undefined;
    }
  }

  /** Its own threads only: once they are ended by an interruption, it comes to nothing, and that is not heard. */
  async #startAll(children: readonly Child[]): Promise<Life[]> {
    const lives = children.map((child): Life => ({ child, thread: this.#spawn(child) }));
    // Threads are made and modules imported side by side; only what actors do is ordered.
    await Promise.all(
      lives.map((life) =>
        blaming(life, async () => {
          life.child.declared = await life.thread.load(life.child.spec.start_timeout_ms);
        }),
      ),
    );
    for (const life of lives) await blaming(life, () => life.thread.start(life.child.spec.start_timeout_ms));
    await this.#connect(lives);
    if (lives.some(({ child, thread }) => child.thread !== thread)) throw stopped();
    return lives;
  }

  /** The first start: whoever does not get ready fails it. */
  async #allReady(lives: readonly Life[]): Promise<void> {
    for (const life of lives) await blaming(life, () => life.thread.ready(life.child.spec.start_timeout_ms));
    for (const { child } of lives) serves(child, this.#options.clock.now());
  }

  /**
   * Lets replaced actors get ready, in order. Other changes go on meanwhile: one of these may wait for a peer that
   * dies, and would hold up that peer's replacement.
   */
  async #getReady(lives: readonly Life[]): Promise<void> {
    for (const life of lives) {
      const { child, thread } = life;
      if (child.thread !== thread) continue;
      try {
        await thread.ready(child.spec.start_timeout_ms);
        if (child.thread === thread) this.#serves(child);
      } catch (error) {
        this.#change(() => this.#end(life, failureOf(error)));
      }
    }
  }

  #serves(child: Child): void {
    serves(child, this.#options.clock.now());
    const { recovery_ms, incarnation, spec } = child;
    if (recovery_ms !== null) this.#metrics.recovery.observe({ actor: spec.name }, recovery_ms / 1_000);
    this.#options.log.info({ child: spec.name, incarnation, recovery_ms }, 'actor serves again');
  }

  /** Ends a life that came to nothing, unless its end was seen already. */
  async #end(life: Life, death: Death): Promise<void> {
    if (life.child.thread !== life.thread || this.#stopping) return;
    await Promise.race([this.#detach(life.child)?.terminate(), this.#ceased]);
    if (!this.#stopping) this.#dead(life, death);
  }

  async #takeDown(children: readonly Child[]): Promise<void> {
    for (const child of [...children].reverse()) await this.#detach(child)?.stop(child.spec.shutdown_ms);
  }

  #detach(child: Child): ActorThread | undefined {
    return detach(child, this.#options.clock.now());
  }

  #spawn(child: Child): ActorThread {
    const { spec } = child;
    const { clock, logOptions, threads = onWorkerThread } = this.#options;
    child.incarnation++;
    child.born_ms = clock.now();
    child.watchdog = new Watchdog(spec.name, spec.limits);
    const thread = threads(
      {
        name: spec.name,
        incarnation: child.incarnation,
        module: spec.module,
        config: spec.config,
        log: logOptions,
        names: this.#names,
        quarantine: this.#records.quarantine(spec.name),
        beat_ms: WATCH_ms,
      },
      {
        entry: spec.bundle,
        clock,
        maxHeap_mb: spec.limits.maxHeap_mb,
        terminate_ms: TERMINATE_SHUTDOWNS * spec.shutdown_ms,
        onStuck: (reason) => this.#surrender(reason),
        onNotice: (notice) => {
          if (child.thread === thread) this.#onNotice(child, notice);
        },
      },
    );
    child.thread = thread;
    void thread.died.then((death) => this.#onDeath(child, thread, death));
    return thread;
  }

  async #connect(lives: readonly Life[]): Promise<void> {
    const fresh = new Set(lives.map(({ child }) => child));
    const bindings = this.#switchboard.connect(new Set(lives.map(({ child }) => child.spec.name)));
    await Promise.all(bindings.map((binding) => binding.catch((error: unknown) => this.#notBound(fresh, error))));
  }

  /** A peer that was there before and did not answer is stuck, or died: it is replaced, and connected then. */
  async #notBound(fresh: ReadonlySet<Child>, error: unknown): Promise<void> {
    if (!(error instanceof BindFailure)) throw error;
    const { culprit, cause } = error;
    if (fresh.has(culprit.child)) throw new Casualty(culprit, failureOf(cause));
    await this.#end(culprit, failureOf(cause));
  }

  #onNotice(child: Child, notice: Notice): void {
    if (notice.notice === 'portClosed') {
      const peer = this.#children.find(({ spec }) => spec.name === notice.peer);
      // Of a life that is over, the connection is over too.
      if (!peer || peer.incarnation === notice.incarnation) this.#onPortClosed(child.spec.name, notice.peer);
    } else this.#records.complete(child.spec.name, notice);
  }

  /** Two that live are connected again, unless they were meanwhile. */
  #onPortClosed(a: string, b: string): void {
    const generation = this.#switchboard.generation(a, b);
    this.#options.clock.after(PORT_GRACE_ms, () => {
      this.#change(async () => {
        if (this.#stopping || this.#switchboard.generation(a, b) !== generation) return;
        const ends = this.#children.filter(({ spec }) => spec.name === a || spec.name === b);
        if (ends.some(({ thread }) => !thread)) return;
        this.#options.log.warn({ between: [a, b] }, 'a connection between two actors broke: connecting them again');
        this.#metrics.rebinds.inc();
        const made = this.#switchboard.reconnect(a, b).catch((error: unknown) => this.#notBound(new Set(), error));
        await Promise.race([made, this.#ceased]);
      });
    });
  }

  #onDeath(child: Child, thread: ActorThread, death: Death): void {
    // A thread that was taken down on purpose is no longer the child's.
    if (child.thread !== thread || this.#stopping) return;
    if (child.phase === 'starting') {
      this.#interrupt(new Casualty({ child, thread }, death));
      return;
    }
    this.#detach(child);
    this.#dead({ child, thread }, death);
  }

  /** Has a dead actor replaced, now or when its back-off is over, or not at all. */
  #dead(life: Life, death: Death): void {
    const { child } = life;
    const { log } = this.#options;
    const decision = decide(child, death, this.#options.clock.now());
    child.lastDeath = this.#records.record(life, death, decision.words);
    const { code, message } = death.reason;
    const { report } = child.lastDeath;
    const facts = { child: child.spec.name, code, reason: message, report, decision: decision.words };
    if (death.selfInflicted) log.error(facts, 'actor died');
    else log.warn(facts, 'actor was ended');
    this.#carryOut(child, decision, code);
  }

  #carryOut(child: Child, decision: Decision, code: string): void {
    switch (decision.action) {
      case 'replace':
        this.#replaceAfter(child, decision.wait_ms, code);
        return;
      case 'rest':
        this.#change(() => this.#rest(child.group, decision.rest_ms, code));
        return;
      case 'leave':
        child.phase = 'ended';
        return;
      case 'surrender':
        this.#surrender(decision.reason);
    }
  }

  #replaceAfter(child: Child, wait_ms: number, code: string): void {
    const replace = (): void => {
      child.phase = 'down';
      this.#change(() => this.#replace(child, code));
    };
    if (wait_ms === 0) {
      replace();
    } else {
      child.phase = 'waiting';
      child.cancelWait = this.#options.clock.after(wait_ms, replace);
    }
  }

  /** Takes a group down and starts it anew after its rest. */
  async #rest(group: GroupSpec, rest_ms: number, code: string): Promise<void> {
    if (this.#stopping) return;
    const members = this.#children.filter((child) => child.group === group && child.phase !== 'ended');
    await this.#takeDown(members);
    for (const child of members) {
      child.budget.reset();
      child.phase = 'resting';
    }
    this.#metrics.resting.set({ group: group.name }, 1);
    this.#wakes.get(group)?.();
    this.#wakes.set(
      group,
      this.#options.clock.after(rest_ms, () => {
        this.#awake(group);
        const rested = members.find(({ phase }) => phase === 'down');
        if (rested) this.#change(() => this.#replace(rested, code));
      }),
    );
  }

  /** A group of which somebody is started rests no more. */
  #awake(group: GroupSpec): void {
    this.#wakes.get(group)?.();
    this.#wakes.delete(group);
    this.#metrics.resting.set({ group: group.name }, 0);
    for (const child of this.#children) if (child.group === group && child.phase === 'resting') child.phase = 'down';
  }

  /** Replaces an actor, its dependents, and whoever else is down, group by group. */
  async #replace(child: Child, code: string): Promise<void> {
    if (this.#stopping || (code !== 'ORDERED' && child.phase !== 'down')) return;
    if (this.#wakes.has(child.group)) this.#awake(child.group);
    const affected = this.#closure(child);
    await this.#takeDown(affected);
    for (const { spec } of affected) this.#metrics.restarts.inc({ actor: spec.name, reason: code });
    for (const group of this.#options.groups) {
      const members = affected.filter((one) => one.group === group);
      if (members.length > 0) await this.#revive(members);
    }
  }

  /** A group that cannot be started does not keep the others down. */
  async #revive(members: readonly Child[]): Promise<void> {
    try {
      await this.#bringUp(members, async (lives) => {
        for (const life of lives) life.child.phase = 'readying';
        void this.#getReady(lives);
      });
    } catch (error) {
      if (this.#stopping) return;
      if (!(error instanceof Casualty)) throw error;
      // The others, down again, come up with the one that the start failed of, or without it if it does not.
      this.#dead(error.life, error.death);
      const other = members.find(({ phase }) => phase === 'down');
      if (error.life.child.phase === 'ended' && other)
        this.#change(() => this.#replace(other, error.death.reason.code));
    }
  }

  /**
   * The actor, whoever else is down, the dependents of all of them, and those they talk to that wait for their
   * back-off to end: without these they could not get ready. In start order.
   */
  #closure(child: Child): Child[] {
    const down = this.#children.filter(({ phase }) => phase === 'down');
    const names = new Set([child, ...down].map(({ spec }) => spec.name));
    for (const name of names) {
      const member = this.#children.find((other) => other.spec.name === name);
      for (const dependent of member?.spec.dependents ?? []) names.add(dependent);
      for (const { spec, phase } of this.#children) {
        if (phase === 'waiting' && member?.declared.uses.includes(spec.name)) names.add(spec.name);
      }
    }
    return this.#children.filter((one) => names.has(one.spec.name) && (one === child || isRevived(one)));
  }
}

/** Those that rest or have ended do not come back because of somebody else. */
function isRevived({ phase }: Child): boolean {
  return phase !== 'ended' && phase !== 'resting';
}

function notBack({ spec, phase }: Child): CodedError {
  return new CodedError('ACTOR_DOWN', `${spec.name} did not come back, it is ${phase}: see its crash report`, {
    name: spec.name,
    phase,
  });
}

function stopped(): CodedError {
  return new CodedError('SUPERVISOR_STOPPED', 'the node was stopped while its actors were starting');
}
