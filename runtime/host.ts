import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { ActorDefinition, Behaviour, Context, Envelope, Observation, Peer } from './actor.ts';
import type { Channel } from './channel.ts';
import type { Clock } from './clock.ts';
import { CodedError, toErrorRecord } from './errors.ts';
import { type HostMetrics, hostMetrics } from './host-metrics.ts';
import { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import type { Lane, Protocol } from './protocol.ts';
import type { Random } from './random.ts';
import { frameCodec, OP, type Op, type WireEnvelope } from './wire.ts';

/** What of the world an actor's host is given; threads and the single-thread host differ in nothing else. */
export interface HostEnvironment {
  readonly name: string;
  readonly incarnation: number;
  readonly config: unknown;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Runs a task at the end of this event-loop turn. */
  schedule(task: () => void): void;
  /** Ends the actor: it is in a state that must not go on. */
  fail(error: unknown): void;
}

/** One end of a connection to be made. */
export interface Binding {
  readonly peer: string;
  /** Life of the peer's end. */
  readonly incarnation: number;
  readonly channel: Channel;
  /** Names of the actors whose protocols travel on this link: this one, the peer, or both. */
  readonly speaks: readonly string[];
  /** True if the peer listens to this actor's events. */
  readonly listener: boolean;
}

/** Time for the other end of a new binding to say hello, ms: a port posted to a dying thread never does. */
export const BIND_DEADLINE_ms = 5_000;

/** Time for a thread to report its metrics, ms; a scrape waits for the slowest. */
const OBSERVE_DEADLINE_ms = 1_000;

type Specs = Readonly<Record<string, { readonly lane: Lane }>>;

interface Numbered {
  readonly list: readonly { readonly key: string; readonly lane: Lane }[];
  readonly index: ReadonlyMap<string, number>;
}

const numberings = new WeakMap<Specs, Numbered>();

/** Numbers the tells, asks or events of a protocol in order of declaration: both ends count alike. */
function numbered(specs: Specs): Numbered {
  let numbering = numberings.get(specs);
  if (!numbering) {
    const list = Object.entries(specs).map(([key, spec]) => ({ key, lane: spec.lane }));
    numbering = { list, index: new Map(list.map((spec, position) => [spec.key, position])) };
    numberings.set(specs, numbering);
  }
  return numbering;
}

type Handler = (body: object, envelope: Envelope) => unknown;

interface Route {
  readonly lane: Lane;
  readonly handler: Handler;
}

interface Arrival {
  readonly envelope: WireEnvelope;
  /** What the sender spent on it. */
  readonly weight: number;
}

/** Runs one actor: its links, its mailbox, its life from start to stop. */
export class ActorHost {
  readonly #definition: ActorDefinition<Protocol, unknown>;
  readonly #environment: HostEnvironment;
  readonly #registry = new Registry();
  readonly #mailbox: Mailbox;
  readonly #metrics: HostMetrics;
  readonly #links = new Map<string, { link: Link; listener: boolean }>();
  readonly #protocols: ReadonlyMap<string, Protocol>;
  #behaviour: Behaviour<Protocol> | undefined;
  #isReady = false;

  constructor(definition: ActorDefinition<Protocol, unknown>, environment: HostEnvironment) {
    this.#definition = definition;
    this.#environment = environment;
    this.#mailbox = new Mailbox((task) => environment.schedule(task));
    this.#metrics = hostMetrics(this.#registry, (lane) => this.#mailbox.depth(lane));
    const known = [definition.protocol, ...definition.uses, ...definition.listens];
    this.#protocols = new Map(known.map((protocol) => [protocol.name, protocol]));
  }

  get registry(): Registry {
    return this.#registry;
  }

  /** Builds the actor; messages wait until `ready`. */
  async start(): Promise<void> {
    this.#behaviour = await this.#definition.start(this.#context());
  }

  /** Connects one peer; resolves when its present life has answered. A former link to it is closed. */
  bind(binding: Binding): Promise<void> {
    this.#links.get(binding.peer)?.link.close();
    return new Promise((resolve, reject) => {
      const { clock } = this.#environment;
      const cancel = clock.after(BIND_DEADLINE_ms, () =>
        reject(
          new CodedError('BIND_TIMEOUT', `${binding.peer} did not answer a new connection`, { peer: binding.peer }),
        ),
      );
      const link = this.#link(binding, () => {
        cancel();
        resolve();
        if (this.#isReady) this.#behaviour?.rebound?.(binding.peer);
      });
      this.#links.set(binding.peer, { link, listener: binding.listener });
    });
  }

  /** Lets the actor talk to its peers and opens its mailbox. */
  async ready(): Promise<void> {
    await this.#behaviour?.ready?.();
    this.#isReady = true;
    this.#mailbox.open(this.#behaviour?.parallel ?? {});
  }

  /** Stops the actor; afterwards nothing is delivered. */
  async stop(): Promise<void> {
    this.#mailbox.close();
    await this.#behaviour?.stop();
    for (const { link } of this.#links.values()) link.close();
  }

  #link(binding: Binding, acknowledged: () => void): Link {
    const { name, incarnation, clock, schedule } = this.#environment;
    const protocols = binding.speaks.flatMap((spoken) => this.#protocols.get(spoken) ?? []);
    const link: Link = new Link({
      peer: binding.peer,
      own: incarnation,
      theirs: binding.incarnation,
      channel: binding.channel,
      codec: frameCodec(protocols),
      clock,
      schedule: (task) => schedule(task),
      events: {
        receive: (envelope, weight) => this.#receive(binding.peer, link, { envelope, weight }),
        acknowledged,
        closed: () => this.#environment.log.debug({ peer: binding.peer, actor: name }, 'link closed'),
        dropped: (lane, reason) => this.#metrics.dropped(lane, reason),
      },
    });
    return link;
  }

  #context(): Context<Protocol, unknown> {
    const { name, incarnation, config, clock, random, log } = this.#environment;
    const events = numbered(this.#definition.protocol.emit);
    return {
      name,
      incarnation,
      config,
      clock,
      random,
      log,
      metrics: this.#registry,
      peer: (protocol) => this.#peer(protocol),
      emit: (type, body, trace = '') => {
        const index = events.index.get(type)!;
        for (const { link, listener } of this.#links.values()) {
          if (listener) link.tell(OP.event, index, events.list[index]!.lane, body, trace);
        }
      },
      observe: () => this.#observe(),
      fail: (error) => this.#environment.fail(error),
    };
  }

  #peer<Q extends Protocol>(protocol: Q): Peer<Q> {
    const tells = numbered(protocol.tell);
    const asks = numbered(protocol.ask);
    const link = (): Link | undefined => this.#links.get(protocol.name)?.link;
    const dropped = (lane: Lane): false => {
      this.#metrics.dropped(lane, 'peer_down');
      return false;
    };
    return {
      tell(type, body, trace = '') {
        const index = tells.index.get(type)!;
        const { lane } = tells.list[index]!;
        return link()?.tell(OP.tell, index, lane, body, trace) ?? dropped(lane);
      },
      ask(type, body, options) {
        const index = asks.index.get(type)!;
        const { lane } = asks.list[index]!;
        const timeout_ms = options?.timeout_ms ?? protocol.ask[type]!.timeout_ms;
        const target = link();
        const answer = target
          ? target.ask(OP.ask, index, lane, body, { timeout_ms, trace: options?.trace ?? '' })
          : Promise.reject(
              new CodedError('ACTOR_RESTARTED', `${protocol.name} is down; ask again`, { peer: protocol.name }),
            );
        return answer as Promise<never>;
      },
      get ready() {
        return link()?.ready ?? false;
      },
    };
  }

  async #observe(): Promise<Observation[]> {
    const own = { actor: this.#environment.name, metrics: await this.#registry.getMetricsAsJSON() };
    const asked = [...this.#links].map(async ([actor, { link }]): Promise<Observation[]> => {
      const options = { timeout_ms: OBSERVE_DEADLINE_ms, trace: '' };
      try {
        const reply = (await link.ask(OP.observe, 0, 'control', {}, options)) as { metrics: Observation['metrics'] };
        return [{ actor, metrics: reply.metrics }];
      } catch {
        return []; // a thread that is down or late is left out, as `observe` says
      }
    });
    return [own, ...(await Promise.all(asked)).flat()];
  }

  #receive(from: string, link: Link, arrival: Arrival): void {
    const { op, type } = arrival.envelope;
    const route = op === OP.observe ? this.#observeRoute() : this.#route(from, op, type);
    if (!route) {
      this.#environment.fail(
        new CodedError('MESSAGE_UNKNOWN', `${from} sent a message that is not declared`, { op, type }),
      );
      return;
    }
    this.#mailbox.put({ lane: route.lane, run: () => this.#handle(from, link, arrival, route) });
  }

  #observeRoute(): Route {
    return { lane: 'control', handler: async () => ({ metrics: await this.#registry.getMetricsAsJSON() }) };
  }

  #route(from: string, op: Op, type: number): Route | undefined {
    const behaviour = this.#behaviour;
    if (!behaviour) return undefined;
    if (op === OP.event) {
      const spec = numbered(this.#protocols.get(from)?.emit ?? {}).list[type];
      const handler = spec && (behaviour.on?.[from] as Record<string, Handler> | undefined)?.[spec.key];
      return spec && { lane: spec.lane, handler: handler ?? (() => undefined) };
    }
    const { protocol } = this.#definition;
    const spec = numbered(op === OP.ask ? protocol.ask : protocol.tell).list[type];
    const handlers = (op === OP.ask ? behaviour.ask : behaviour.tell) as Record<string, Handler>;
    return spec && { lane: spec.lane, handler: handlers[spec.key]! };
  }

  #handle(from: string, link: Link, { envelope: wire, weight }: Arrival, route: Route): Promise<void> | undefined {
    const { clock } = this.#environment;
    if (wire.deadline_ms > 0 && clock.now() > wire.deadline_ms) {
      this.#metrics.dropped(route.lane, 'asker_gave_up');
      link.finished(route.lane, weight);
      return undefined;
    }
    const now_us = Number(clock.monotonic_ns() / 1000n);
    this.#metrics.hop(from, Math.max(0, now_us - wire.sent_us) / 1e6);
    this.#metrics.handled(route.lane);
    const envelope = { from, trace: wire.trace, deadline_ms: wire.deadline_ms === 0 ? Infinity : wire.deadline_ms };
    const answer = (reply: unknown): void => {
      link.finished(route.lane, weight);
      if (wire.id !== 0) link.reply(wire.id, (reply ?? {}) as object, wire.trace);
    };
    const refuse = (error: unknown): void => {
      link.finished(route.lane, weight);
      if (wire.id !== 0) link.refuse(wire.id, toErrorRecord(error), wire.trace);
      else this.#environment.fail(error);
    };
    try {
      const result = route.handler(wire.body as object, envelope);
      if (result instanceof Promise) return result.then(answer, refuse);
      answer(result);
    } catch (error) {
      refuse(error);
    }
    return undefined;
  }
}
