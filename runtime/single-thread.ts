import { pino } from 'pino';
import type { ActorDefinition } from './actor.ts';
import { memoryChannels } from './channel.ts';
import { declaredPeers } from './control.ts';
import { CodedError } from './errors.ts';
import { ActorHost } from './host.ts';
import type { Protocol } from './protocol.ts';
import { seededRandom } from './random.ts';
import { areLinked, type Party, spokenBetween } from './topology.ts';
import { VirtualClock } from './virtual-clock.ts';

/** An actor to be run, and the configuration it gets. It is known by its protocol's name, once per host. */
export interface HostedActor {
  readonly definition: ActorDefinition<Protocol, never>;
  readonly config: unknown;
}

interface Member extends Party {
  readonly actor: HostedActor;
  incarnation: number;
  host: ActorHost | undefined;
}

/**
 * Runs actors in this thread, in virtual time, over the same links and frames as between threads. One seed
 * gives one run: tasks happen in the order they were asked for, and no real clock or randomness is read.
 * For simulations and for tests of actors; it replaces nothing on its own (see `restart`).
 */
export class SingleThreadHost {
  readonly clock: VirtualClock;
  readonly #members: readonly Member[];
  readonly #seed: bigint;
  readonly #tasks: (() => void)[] = [];
  #failure: unknown;

  constructor(actors: readonly HostedActor[], options: { seed: bigint; start_ms?: number }) {
    this.clock = new VirtualClock(options.start_ms ?? 0);
    this.#seed = options.seed;
    this.#members = actors.map((actor) => {
      const definition = actor.definition as unknown as ActorDefinition<Protocol, unknown>;
      const { name } = definition.protocol;
      return { name, peers: declaredPeers(definition), actor, incarnation: 0, host: undefined };
    });
  }

  /** Starts and connects all actors in order. */
  async start(): Promise<void> {
    await this.#bringUp(this.#members);
  }

  /** Lets `duration_ms` of virtual time pass. @throws what an actor failed with. */
  async advance(duration_ms: number): Promise<void> {
    const end = this.clock.now() + duration_ms;
    await this.#drain();
    for (let due = this.clock.next(); due !== undefined && due <= end; due = this.clock.next()) {
      this.clock.step();
      await this.#drain();
    }
    this.clock.moveTo(end);
    this.#rethrow();
  }

  /** Ends an actor: for its peers it is a crash, its links close and its queue is lost. Its own `stop` is run, so that no timer of it lives on. */
  async kill(name: string): Promise<void> {
    const member = this.#member(name);
    const { host } = member;
    member.host = undefined;
    await host?.stop();
    await this.#drain();
  }

  /** Gives a killed actor its next life. */
  async restart(name: string): Promise<void> {
    await this.#bringUp([this.#member(name)]);
  }

  async stop(): Promise<void> {
    for (const member of [...this.#members].reverse()) await this.kill(member.name);
  }

  #member(name: string): Member {
    const member = this.#members.find((one) => one.name === name);
    if (!member) throw new CodedError('ACTOR_UNKNOWN', `there is no actor ${name}`, { name });
    return member;
  }

  async #bringUp(members: readonly Member[]): Promise<void> {
    for (const member of members) {
      member.incarnation++;
      member.host = this.#host(member);
      await this.#settle(member.host.start());
    }
    await this.#settle(this.#connect(new Set(members)));
    for (const member of members) await this.#settle(member.host!.ready());
    await this.#drain();
    this.#rethrow();
  }

  #host(member: Member): ActorHost {
    const { definition, config } = member.actor;
    const position = BigInt(this.#members.indexOf(member));
    return new ActorHost(definition as unknown as ActorDefinition<Protocol, unknown>, {
      name: definition.protocol.name,
      incarnation: member.incarnation,
      config,
      clock: this.clock,
      random: seededRandom(this.#seed ^ (position << 32n) ^ BigInt(member.incarnation)),
      log: pino({ level: 'silent' }),
      schedule: (task) => this.#tasks.push(task),
      fail: (error) => {
        this.#failure ??= error;
      },
    });
  }

  async #connect(fresh: ReadonlySet<Member>): Promise<void> {
    const up = this.#members.filter(({ host }) => host !== undefined);
    const bindings: Promise<void>[] = [];
    up.forEach((a, position) => {
      for (const b of up.slice(position + 1)) {
        if ((fresh.has(a) || fresh.has(b)) && areLinked(a, b)) bindings.push(...this.#bindPair(a, b));
      }
    });
    await Promise.all(bindings);
  }

  #bindPair(a: Member, b: Member): Promise<void>[] {
    const channels = memoryChannels((task) => this.#tasks.push(task));
    const speaks = spokenBetween(a, b);
    const end = (own: Member, other: Member, index: 0 | 1): Promise<void> =>
      own.host!.bind({
        peer: other.name,
        incarnation: other.incarnation,
        channel: channels[index],
        speaks,
        listener: other.peers.listens.includes(own.name),
      });
    return [end(a, b, 0), end(b, a, 1)];
  }

  /** Runs tasks, and virtual time where needed, until the promise settles. */
  async #settle<T>(promise: Promise<T>): Promise<T> {
    let pending = true;
    const watched = promise.finally(() => {
      pending = false;
    });
    watched.catch(() => undefined); // reported by the await below
    for (await this.#drain(); pending && !this.#failure; await this.#drain()) {
      if (!this.clock.step()) break;
    }
    this.#rethrow();
    return watched;
  }

  /** Runs all that can happen at this moment. */
  async #drain(): Promise<void> {
    do {
      for (const task of this.#tasks.splice(0)) task();
      // A macrotask of the real loop lets every promise that is ready run its reactions.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#tasks.length > 0);
  }

  #rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }
}
