import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import type { ActorDefinition } from './actor.ts';
import { portChannel } from './channel.ts';
import { ChildThread, type Death } from './child.ts';
import type { Clock } from './clock.ts';
import { type DeclaredPeers, declaredPeers, type PortBinding } from './control.ts';
import { CodedError, fromErrorRecord, toErrorRecord } from './errors.ts';
import { ActorHost, BIND_DEADLINE_ms } from './host.ts';
import { supervisorMetrics, threadMetrics } from './host-metrics.ts';
import type { LogOptions } from './logging.ts';
import { defineProtocol, type Protocol } from './protocol.ts';
import type { Random } from './random.ts';

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

/** Extra time over the host's own deadline, so that its BIND_TIMEOUT is what is reported. */
const BIND_CALL_ms = BIND_DEADLINE_ms + 1_000;

interface Child {
  readonly spec: ChildSpec;
  incarnation: number;
  thread: ChildThread | undefined;
  peers: DeclaredPeers;
  /** `starting`: its start is awaited, which reports its death; `waiting`: down until its back-off is over. */
  phase: 'starting' | 'running' | 'waiting' | 'down';
  /** Times of self-inflicted deaths within the period, ms. */
  deaths: number[];
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

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#children = options.children.map((spec) => ({
      spec,
      incarnation: 0,
      thread: undefined,
      peers: { uses: [], listens: [], observes: false },
      phase: 'down',
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
      fail: (error) => this.#giveUp(new CodedError('SUPERVISOR_FAILED', toErrorRecord(error).message)),
    });
    threadMetrics(this.#main.registry);
    this.#restarts = supervisorMetrics(this.#main.registry).restarts;
  }

  /** Starts everything. @throws the first actor's error; whatever was started is stopped again. */
  async start(): Promise<void> {
    await this.#main.start();
    await this.#main.ready();
    try {
      await this.#serial(() => this.#bringUp(this.#children));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops every actor in reverse order, each within its shutdown time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#serial(() => this.#takeDown(this.#children));
    await this.#main.stop();
  }

  /** Ends one actor's thread at once and has it replaced, as an operator would. It does not count as a crash. */
  async kill(name: string): Promise<void> {
    const child = this.#children.find(({ spec }) => spec.name === name);
    if (!child) throw new CodedError('ACTOR_UNKNOWN', `there is no actor ${name}`, { name });
    await child.thread?.terminate();
  }

  /** Resolves when no replacement is under way. */
  async settled(): Promise<void> {
    await this.#serial(async () => undefined);
  }

  status(): ChildStatus[] {
    return this.#children.map(({ spec, phase, incarnation }) => ({
      name: spec.name,
      up: phase === 'running',
      restarts: Math.max(0, incarnation - 1),
    }));
  }

  #serial(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** Starts the given actors in order and connects them; on failure they are all down again. */
  async #bringUp(children: readonly Child[]): Promise<void> {
    for (const child of children) child.phase = 'starting';
    try {
      // Threads are made and modules imported side by side; only what actors do is ordered.
      await Promise.all(children.map((child) => this.#spawn(child)));
      for (const child of children) await child.thread?.start(child.spec.start_timeout_ms);
      await this.#connect(children);
      for (const child of children) await child.thread?.ready(child.spec.start_timeout_ms);
      for (const child of children) child.phase = 'running';
    } catch (error) {
      await Promise.all(children.map((child) => detach(child)?.terminate()));
      throw error;
    }
  }

  async #takeDown(children: readonly Child[]): Promise<void> {
    for (const child of [...children].reverse()) await detach(child)?.stop(child.spec.shutdown_ms);
  }

  async #spawn(child: Child): Promise<void> {
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
      { clock: this.#options.clock, maxHeap_mb: spec.maxHeap_mb },
    );
    child.thread = thread;
    void thread.died.then((death) => this.#onDeath(child, thread, death));
    child.peers = await thread.load(spec.start_timeout_ms);
  }

  /** Makes every connection that one of the given actors takes part in. */
  async #connect(children: readonly Child[]): Promise<void> {
    const fresh = new Set(children.map(({ spec }) => spec.name));
    const ends = [this.#mainEnd(), ...this.#children.flatMap((child) => childEnd(child))];
    const bindings: Promise<unknown>[] = [];
    ends.forEach((a, position) => {
      for (const b of ends.slice(position + 1)) {
        if ((fresh.has(a.name) || fresh.has(b.name)) && (wants(a, b) || wants(b, a))) bindings.push(bindPair(a, b));
      }
    });
    await Promise.all(bindings);
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
    // A thread that was taken down on purpose is no longer the child's; one that is starting has its caller told.
    if (child.thread !== thread || child.phase === 'starting' || this.#stopping) return;
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
      this.#options.clock.after(wait_ms, replace);
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
      await this.#bringUp(affected);
      this.#options.log.info({ child: child.spec.name, with: affected.map(({ spec }) => spec.name) }, 'actor replaced');
    } catch (error) {
      if (!this.#stopping) this.#dead(child, { selfInflicted: true, reason: fromErrorRecord(toErrorRecord(error)) });
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
      this.#giveUp(
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

  /** The actor, whoever else is down, and the dependents of all of them, in start order. */
  #closure(child: Child): Child[] {
    const down = this.#children.filter(({ phase }) => phase === 'down');
    const names = new Set([child, ...down].map(({ spec }) => spec.name));
    for (const name of names) {
      const spec = this.#children.find((other) => other.spec.name === name)?.spec;
      for (const dependent of spec?.dependents ?? []) names.add(dependent);
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

/** One side of a connection to be made. */
interface End {
  readonly name: string;
  readonly incarnation: number;
  readonly peers: DeclaredPeers;
  bind(binding: PortBinding): Promise<void>;
}

function childEnd({ spec, incarnation, peers, thread }: Child): End[] {
  if (!thread) return [];
  return [{ name: spec.name, incarnation, peers, bind: (binding) => thread.bind(binding, BIND_CALL_ms) }];
}

async function bindPair(a: End, b: End): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const speaks = [...(talksTo(b, a) ? [a.name] : []), ...(talksTo(a, b) ? [b.name] : [])];
  const binding = (own: End, other: End, port: MessagePort): PortBinding => ({
    peer: other.name,
    incarnation: other.incarnation,
    port,
    speaks,
    listener: other.peers.listens.includes(own.name),
  });
  await Promise.all([a.bind(binding(a, b, port1)), b.bind(binding(b, a, port2))]);
}

/** True if the first talks to or hears the second, so that the second's protocol travels between them. */
function talksTo(a: End, b: End): boolean {
  return a.peers.uses.includes(b.name) || a.peers.listens.includes(b.name);
}

function wants(a: End, b: End): boolean {
  return a.peers.observes || talksTo(a, b);
}
