import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import type { ActorDefinition } from './actor.ts';
import { portChannel } from './channel.ts';
import { ChildThread, type Death } from './child.ts';
import type { Clock } from './clock.ts';
import { type DeclaredPeers, declaredPeers, type PortBinding } from './control.ts';
import { CodedError, fromErrorRecord, hasCode, toErrorRecord } from './errors.ts';
import { ActorHost, BIND_DEADLINE_ms } from './host.ts';
import { supervisorMetrics, threadMetrics } from './host-metrics.ts';
import type { LogOptions } from './logging.ts';
import { defineProtocol, type Protocol } from './protocol.ts';
import type { Random } from './random.ts';
import { areLinked, type Party, spokenBetween } from './topology.ts';

/** One actor of a node, as data. */
export interface ChildSpec {
  readonly name: string;
  /** URL of the module whose default export is the actor's definition. */
  readonly module: string;
  readonly config: unknown;
  /** Actors that hold state derived from this one: they are replaced with it. */
  readonly dependents: readonly string[];
  /** Time for start and for ready, each, ms. */
  readonly start_timeout_ms: number;
  /** Time for a graceful stop, ms; then the thread is ended. */
  readonly shutdown_ms: number;
  readonly maxHeap_mb: number;
}

export interface SupervisorOptions {
  /** In start order; they are stopped in reverse. */
  readonly children: readonly ChildSpec[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly logOptions: LogOptions;
  /** What the main thread itself says and hears, if anything; it is connected like any actor. */
  readonly main?: ActorDefinition<Protocol, unknown>;
  /** More self-inflicted deaths of one actor than this within the period end the process. */
  readonly intensity: { readonly restarts: number; readonly period_ms: number };
}

/** The main thread's name as a peer: it reports its metrics under it. */
const MAIN = 'main';

const SILENT_MAIN: ActorDefinition<Protocol, unknown> = {
  protocol: defineProtocol(MAIN, {}),
  uses: [],
  listens: [],
  start: () => ({ tell: {}, ask: {}, stop: () => undefined }),
};

/** Wait before the second replacement within a period, ms; doubles with each further one. The first is at once. */
const BACKOFF_ms = 100;
const BACKOFF_CAP_ms = 5_000;

/** Time for a thread to end after its shutdown time, in shutdown times: its last system call may wait for a slow disk. */
const TERMINATE_SHUTDOWNS = 4;

/** Extra time over the host's own deadline, so that its BIND_TIMEOUT is what is reported. */
const BIND_CALL_ms = BIND_DEADLINE_ms + 1_000;

interface Child {
  readonly spec: ChildSpec;
  incarnation: number;
  thread: ChildThread | undefined;
  peers: DeclaredPeers;
  /**
   * `starting`: whoever starts it is told of its death; `readying`: connected, and getting ready; `waiting`: down
   * until its back-off is over.
   */
  phase: 'starting' | 'readying' | 'running' | 'waiting' | 'down';
  /** Ends the wait of `waiting`; the replacement does not come then. */
  cancelWait: () => void;
  /** Times of self-inflicted deaths within the period, ms. */
  deaths: number[];
}

/** One life of a child. */
interface Life {
  readonly child: Child;
  readonly thread: ChildThread;
}

/** The actor that a start failed of, and how. */
class Casualty extends Error {
  readonly child: Child;
  readonly death: Death;

  constructor(child: Child, death: Death) {
    super(death.reason.message, { cause: death.reason });
    this.child = child;
    this.death = death;
  }
}

/** State of one actor, for operators. */
export interface ChildStatus {
  readonly name: string;
  readonly up: boolean;
  /** Replacements so far. */
  readonly restarts: number;
}

/**
 * Starts the actors of a node on their threads, connects them, and replaces the ones that die, together with
 * their declared dependents. Changes are made one at a time, in the order their causes were seen.
 */
export class Supervisor {
  /** Settles when the supervisor has given up, with the reason; stays open otherwise. */
  readonly failed: Promise<CodedError>;
  readonly #options: SupervisorOptions;
  readonly #children: readonly Child[];
  readonly #mainDefinition: ActorDefinition<Protocol, unknown>;
  readonly #main: ActorHost;
  readonly #restarts: Counter<'actor' | 'reason'>;
  #giveUp!: (reason: CodedError) => void;
  #work: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Ends the start that is under way: what it waits for may never come. */
  #interrupt: (reason: Error) => void = () => undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#children = options.children.map((spec) => ({
      spec,
      incarnation: 0,
      thread: undefined,
      peers: { uses: [], listens: [], observes: false },
      phase: 'down',
      cancelWait: () => undefined,
      deaths: [],
    }));
    this.failed = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    this.#mainDefinition = options.main ?? SILENT_MAIN;
    this.#main = new ActorHost(this.#mainDefinition, {
      name: MAIN,
      incarnation: 1,
      config: {},
      clock: options.clock,
      random: options.random,
      log: options.log,
      schedule: (task) => setImmediate(task),
      fail: (error) => this.#surrender(new CodedError('SUPERVISOR_FAILED', toErrorRecord(error).message)),
    });
    threadMetrics(this.#main.registry);
    this.#restarts = supervisorMetrics(this.#main.registry).restarts;
  }

  /** Starts everything. @throws the first actor's error; whatever was started is stopped again. */
  async start(): Promise<void> {
    await this.#main.start();
    await this.#main.ready();
    try {
      await this.#serial(() => this.#bringUp(this.#children, (lives) => this.#allReady(lives)));
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

  /** Ends one actor's thread at once and has it replaced, as an operator would. It does not count as a crash. */
  async kill(name: string): Promise<void> {
    const child = this.#children.find(({ spec }) => spec.name === name);
    if (!child) throw new CodedError('ACTOR_UNKNOWN', `there is no actor ${name}`, { name });
    await child.thread?.terminate();
  }

  status(): ChildStatus[] {
    return this.#children.map(({ spec, phase, incarnation }) => ({
      name: spec.name,
      up: phase === 'running',
      restarts: Math.max(0, incarnation - 1),
    }));
  }

  /** Nothing is started or replaced from here on. */
  #cease(reason: CodedError): void {
    this.#stopping = true;
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
      await Promise.all(children.map((child) => detach(child)?.terminate()));
      throw error;
    } finally {
      this.#interrupt = () => undefined;
    }
  }

  /** Its own threads only: once they are ended by an interruption, every further step fails and is not heard. */
  async #startAll(children: readonly Child[]): Promise<Life[]> {
    const lives = children.map((child) => ({ child, thread: this.#spawn(child) }));
    // Threads are made and modules imported side by side; only what actors do is ordered.
    await Promise.all(
      lives.map(({ child, thread }) =>
        blaming(child, async () => {
          child.peers = await thread.load(child.spec.start_timeout_ms);
        }),
      ),
    );
    for (const { child, thread } of lives) await blaming(child, () => thread.start(child.spec.start_timeout_ms));
    await this.#connect(children);
    return lives;
  }

  /** The first start: whoever does not get ready fails it. */
  async #allReady(lives: readonly Life[]): Promise<void> {
    for (const { child, thread } of lives) await blaming(child, () => thread.ready(child.spec.start_timeout_ms));
    for (const { child } of lives) child.phase = 'running';
  }

  /**
   * Lets replaced actors get ready, in order. Other changes go on meanwhile: one of these may wait for a peer that
   * dies, and would hold up that peer's replacement.
   */
  async #getReady(lives: readonly Life[]): Promise<void> {
    for (const { child, thread } of lives) {
      if (child.thread !== thread) continue;
      try {
        await thread.ready(child.spec.start_timeout_ms);
        if (child.thread === thread) child.phase = 'running';
      } catch (error) {
        void this.#serial(() => this.#end({ child, thread }, casualty(child, error).death));
      }
    }
    this.#options.log.info({ children: lives.map(({ child }) => child.spec.name) }, 'actors replaced');
  }

  /** Ends a life that came to nothing, unless its end was seen already. */
  async #end({ child, thread }: Life, death: Death): Promise<void> {
    if (child.thread !== thread || this.#stopping) return;
    await detach(child)?.terminate();
    this.#dead(child, death);
  }

  async #takeDown(children: readonly Child[]): Promise<void> {
    for (const child of [...children].reverse()) await detach(child)?.stop(child.spec.shutdown_ms);
  }

  #spawn(child: Child): ChildThread {
    const { spec } = child;
    child.incarnation++;
    const thread = new ChildThread(
      {
        name: spec.name,
        incarnation: child.incarnation,
        module: spec.module,
        config: spec.config,
        log: this.#options.logOptions,
      },
      {
        clock: this.#options.clock,
        maxHeap_mb: spec.maxHeap_mb,
        terminate_ms: TERMINATE_SHUTDOWNS * spec.shutdown_ms,
        onStuck: (reason) => this.#surrender(reason),
      },
    );
    child.thread = thread;
    void thread.died.then((death) => this.#onDeath(child, thread, death));
    return thread;
  }

  /** Makes every connection that one of the given actors takes part in. */
  async #connect(children: readonly Child[]): Promise<void> {
    const fresh = new Set(children.map(({ spec }) => spec.name));
    const ends = [this.#mainEnd(), ...this.#children.flatMap((child) => childEnd(child))];
    const bindings: Promise<unknown>[] = [];
    ends.forEach((a, position) => {
      for (const b of ends.slice(position + 1)) {
        if ((fresh.has(a.name) || fresh.has(b.name)) && areLinked(a, b)) {
          bindings.push(this.#bindPair(a, b).catch((error: unknown) => this.#notBound(fresh, error)));
        }
      }
    });
    await Promise.all(bindings);
  }

  /** A peer that was there before and did not answer is stuck, or died: it is replaced, and connected then. */
  async #notBound(fresh: ReadonlySet<string>, error: unknown): Promise<void> {
    const peer = error instanceof Casualty && !fresh.has(error.child.spec.name) ? error : undefined;
    if (!peer) throw error;
    const { thread } = peer.child;
    if (thread) await this.#end({ child: peer.child, thread }, peer.death);
  }

  async #bindPair(a: End, b: End): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const speaks = spokenBetween(a, b);
    const bind = (own: End, other: End, port: MessagePort): Promise<void> =>
      own
        .bind({
          peer: other.name,
          incarnation: other.incarnation,
          port,
          speaks,
          listener: other.peers.listens.includes(own.name),
        })
        .catch((error: unknown) => {
          // Whoever does not answer a new connection is stuck, not the one that waits for it.
          const culprit = hasCode(error, 'BIND_TIMEOUT') ? other : own;
          throw culprit.child ? casualty(culprit.child, error) : error;
        });
    await Promise.all([bind(a, b, port1), bind(b, a, port2)]);
  }

  #mainEnd(): End {
    return {
      name: MAIN,
      incarnation: 1,
      peers: declaredPeers(this.#mainDefinition),
      bind: ({ port, ...binding }) => this.#main.bind({ ...binding, channel: portChannel(port) }),
    };
  }

  #onDeath(child: Child, thread: ChildThread, death: Death): void {
    // A thread that was taken down on purpose is no longer the child's.
    if (child.thread !== thread || this.#stopping) return;
    if (child.phase === 'starting') {
      this.#interrupt(new Casualty(child, death));
      return;
    }
    detach(child);
    this.#dead(child, death);
  }

  /** Has a dead actor replaced, now or when its back-off is over. */
  #dead(child: Child, death: Death): void {
    const actor = child.spec.name;
    this.#options.log.error({ child: actor, code: death.reason.code, reason: death.reason.message }, 'actor died');
    const wait_ms = this.#account(child, death);
    if (wait_ms === undefined) return;
    const replace = (): void => {
      child.phase = 'down';
      void this.#serial(() => this.#replace(child, death));
    };
    if (wait_ms > 0) {
      child.phase = 'waiting';
      child.cancelWait = this.#options.clock.after(wait_ms, replace);
    } else {
      replace();
    }
  }

  /** Replaces a dead actor, its dependents, and whoever else is down. */
  async #replace(child: Child, death: Death): Promise<void> {
    if (this.#stopping || child.phase !== 'down') return;
    const affected = this.#closure(child);
    await this.#takeDown(affected);
    for (const { spec } of affected) this.#restarts.inc({ actor: spec.name, reason: death.reason.code });
    try {
      await this.#bringUp(affected, async (lives) => {
        for (const life of lives) life.child.phase = 'readying';
        void this.#getReady(lives);
      });
    } catch (error) {
      // The others, down again, come up with the one that the start failed of.
      const failed = error instanceof Casualty ? error : casualty(child, error);
      if (!this.#stopping) this.#dead(failed.child, failed.death);
    }
  }

  /** Counts a death; the wait before the replacement, ms, or undefined when the supervisor gives up. */
  #account(child: Child, death: Death): number | undefined {
    if (!death.selfInflicted) return 0;
    const { clock, intensity } = this.#options;
    const now = clock.now();
    child.deaths = [...child.deaths.filter((time) => time > now - intensity.period_ms), now];
    const recent = child.deaths.length;
    if (recent > intensity.restarts) {
      const { name } = child.spec;
      this.#surrender(
        new CodedError(
          'INTENSITY_EXCEEDED',
          `${name} died ${recent} times within ${intensity.period_ms} ms, last of ${death.reason.code}: ${death.reason.message}`,
          { actor: name, deaths: recent, period_ms: intensity.period_ms },
        ),
      );
      return undefined;
    }
    return recent < 2 ? 0 : Math.min(BACKOFF_CAP_ms, BACKOFF_ms * 2 ** (recent - 2));
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
        if (phase === 'waiting' && member?.peers.uses.includes(spec.name)) names.add(spec.name);
      }
    }
    return this.#children.filter(({ spec }) => names.has(spec.name));
  }
}

/** Takes the thread from its child, so that its end is not taken for a death. */
function detach(child: Child): ChildThread | undefined {
  const { thread } = child;
  child.thread = undefined;
  child.phase = 'down';
  return thread;
}

function casualty(child: Child, error: unknown): Casualty {
  return new Casualty(child, { selfInflicted: true, reason: fromErrorRecord(toErrorRecord(error)) });
}

/** Does one step of an actor's start. @throws Casualty */
async function blaming(child: Child, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw casualty(child, error);
  }
}

function stopped(): CodedError {
  return new CodedError('SUPERVISOR_STOPPED', 'the node was stopped while its actors were starting');
}

/** One side of a connection to be made. */
interface End extends Party {
  /** Absent for the main thread. */
  readonly child?: Child;
  readonly incarnation: number;
  bind(binding: PortBinding): Promise<void>;
}

function childEnd(child: Child): End[] {
  const { spec, incarnation, peers, thread } = child;
  if (!thread) return [];
  return [{ name: spec.name, child, incarnation, peers, bind: (binding) => thread.bind(binding, BIND_CALL_ms) }];
}
