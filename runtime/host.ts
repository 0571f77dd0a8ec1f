import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { ActorDefinition, Behaviour, Context, Envelope, Observation, Peer } from './actor.ts';
import { BlackBox, type BoxedMessage, blackBoxMemory } from './black-box.ts';
import type { Channel } from './channel.ts';
import { afterAwake, type Clock } from './clock.ts';
import type { Notice, Quarantined } from './control.ts';
import { CodedError, isTrap, toErrorRecord } from './errors.ts';
import { fingerprint } from './fingerprint.ts';
import { type HostMetrics, hostMetrics } from './host-metrics.ts';
import { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import type { Lane, Protocol } from './protocol.ts';
import { Quarantine } from './quarantine.ts';
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
  /** What only an actor on a thread of its own has. */
  readonly thread?: ThreadTies;
}

/** What ties a thread to its supervisor, besides the control calls. */
interface ThreadTies {
  /** Is told of every message that is handled. */
  readonly box: BlackBox;
  /** Requests that are not to be handled. */
  readonly quarantine: readonly Quarantined[];
  notify(notice: Notice): void;
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

/**
 * Name by which a message is known in another life, 0 for one that cannot be told from others: without content it is
 * the same as every other of its kind, and metrics are the runtime's own ask.
 */
function nameOf({ op, type, body }: WireEnvelope): number {
  if (op === OP.observe || Object.keys(body as object).length === 0) return 0;
  return fingerprint(op, type, body);
}

/** Runs one actor: its links, its mailbox, its life from start to stop. */
export class ActorHost {
  readonly #definition: ActorDefinition<Protocol, unknown>;
  readonly #environment: HostEnvironment;
  readonly #registry = new Registry();
  readonly #mailbox: Mailbox;
  readonly #metrics: HostMetrics;
  readonly #links = new Map<string, { link: Link; incarnation: number; listener: boolean }>();
  readonly #protocols: ReadonlyMap<string, Protocol>;
  readonly #box: BlackBox;
  readonly #quarantine: Quarantine;
  #behaviour: Behaviour<Protocol> | undefined;
  #isReady = false;
  /** Peers replaced while the actor gets ready; it hears of them afterwards. */
  #reboundEarly: Set<string> | undefined;

  constructor(definition: ActorDefinition<Protocol, unknown>, environment: HostEnvironment) {
    this.#definition = definition;
    this.#environment = environment;
    this.#mailbox = new Mailbox((task) => environment.schedule(task));
    this.#metrics = hostMetrics(this.#registry, (lane) => this.#mailbox.depth(lane));
    const known = [definition.protocol, ...definition.uses, ...definition.listens];
    this.#protocols = new Map(known.map((protocol) => [protocol.name, protocol]));
    // Where nobody reads it, the box is written all the same: one path is simpler than two.
    this.#box = environment.thread?.box ?? new BlackBox(blackBoxMemory(), []);
    this.#quarantine = new Quarantine(environment.thread?.quarantine ?? [], (notice) =>
      environment.thread?.notify(notice),
    );
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
      const cancel = afterAwake(clock, BIND_DEADLINE_ms, () =>
        reject(
          new CodedError('BIND_TIMEOUT', `${binding.peer} did not answer a new connection`, { peer: binding.peer }),
        ),
      );
      const link = this.#link(binding, () => {
        cancel();
        resolve();
        if (this.#isReady) this.#behaviour?.rebound?.(binding.peer);
        else this.#reboundEarly?.add(binding.peer);
      });
      this.#links.set(binding.peer, { link, incarnation: binding.incarnation, listener: binding.listener });
    });
  }

  /** Lets the actor talk to its peers and opens its mailbox. */
  async ready(): Promise<void> {
    const rebound = new Set<string>();
    this.#reboundEarly = rebound;
    await this.#behaviour?.ready?.();
    this.#isReady = true;
    this.#mailbox.open(this.#behaviour?.parallel ?? {});
    for (const peer of rebound) this.#behaviour?.rebound?.(peer);
  }

  /** Stops the actor; afterwards nothing is delivered. */
  async stop(): Promise<void> {
    this.#mailbox.close();
    await this.#behaviour?.stop();
    for (const { link } of this.#links.values()) link.close();
  }

  #link(binding: Binding, acknowledged: () => void): Link {
    const { incarnation, clock, schedule } = this.#environment;
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
        closed: (byUs) => this.#closed(binding, link, byUs),
        dropped: (lane, reason) => this.#metrics.dropped(lane, reason),
      },
    });
    return link;
  }

  /** A port that closes by itself means that the peer died, or that the connection broke: the supervisor knows. */
  #closed({ peer, incarnation }: Binding, link: Link, byUs: boolean): void {
    const { log, name, thread } = this.#environment;
    log.debug({ peer, actor: name, byUs }, 'link closed');
    if (!byUs && this.#links.get(peer)?.link === link) thread?.notify({ notice: 'portClosed', peer, incarnation });
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
    const { name, incarnation } = this.#environment;
    const own = { actor: name, incarnation, metrics: await this.#registry.getMetricsAsJSON() };
    const asked = [...this.#links].map(async ([actor, { link, incarnation }]): Promise<Observation[]> => {
      const options = { timeout_ms: OBSERVE_DEADLINE_ms, trace: '' };
      try {
        const reply = (await link.ask(OP.observe, 0, 'control', {}, options)) as { metrics: Observation['metrics'] };
        return [{ actor, incarnation, metrics: reply.metrics }];
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
    const now_ms = clock.now();
    if (wire.deadline_ms > 0 && now_ms > wire.deadline_ms) {
      this.#metrics.dropped(route.lane, 'asker_gave_up');
      link.finished(route.lane, weight);
      return undefined;
    }
    const boxed = { from, op: wire.op, type: wire.type, fingerprint: nameOf(wire) };
    const refusal = this.#quarantine.refusal(boxed, wire.body, now_ms);
    if (refusal) {
      this.#metrics.dropped(route.lane, 'dead_letter');
      link.finished(route.lane, weight);
      if (wire.id !== 0) link.refuse(wire.id, toErrorRecord(refusal), wire.trace);
      return undefined;
    }
    const now_us = Number(clock.monotonic_ns() / 1000n);
    this.#metrics.hop(from, Math.max(0, now_us - wire.sent_us) / 1e6);
    this.#metrics.handled(route.lane);
    return this.#run(link, { envelope: wire, weight }, route, boxed);
  }

  #run(link: Link, { envelope: wire, weight }: Arrival, route: Route, boxed: BoxedMessage): Promise<void> | undefined {
    const { clock, fail } = this.#environment;
    const entry = this.#box.begin(boxed, clock.now());
    const answer = (reply: unknown): void => {
      this.#box.ends(entry);
      link.finished(route.lane, weight);
      if (wire.id !== 0) link.reply(wire.id, (reply ?? {}) as object, wire.trace);
    };
    const refuse = (error: unknown): void => {
      const ends = wire.id === 0 || isTrap(error);
      if (ends) this.#box.blame(entry);
      this.#box.ends(entry);
      link.finished(route.lane, weight);
      if (wire.id !== 0) link.refuse(wire.id, toErrorRecord(error), wire.trace);
      if (ends) fail(error);
    };
    try {
      const envelope = {
        from: boxed.from,
        trace: wire.trace,
        deadline_ms: wire.deadline_ms === 0 ? Infinity : wire.deadline_ms,
      };
      const result = route.handler(wire.body as object, envelope);
      if (result instanceof Promise) {
        this.#box.waits(entry);
        return result.then(answer, refuse);
      }
      answer(result);
    } catch (error) {
      refuse(error);
    }
    return undefined;
  }
}
