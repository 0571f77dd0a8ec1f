import type { Logger } from 'pino';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import type { Clock } from './clock.ts';
import type { Lane, MessageOf, Protocol, ReplyOf, RequestOf } from './protocol.ts';
import type { Random } from './random.ts';

/** What came with a message besides its body. */
export interface Envelope {
  /** Name of the actor that sent it. */
  readonly from: string;
  /** Trace context of the work this message belongs to (W3C trace id, or empty). */
  readonly trace: string;
  /** When the asker gives up, in ms of the clock; Infinity for a tell. Work past it is wasted. */
  readonly deadline_ms: number;
}

/** The caller's end of another actor. Sending never blocks and never throws for a dead or slow peer. */
export interface Peer<P extends Protocol> {
  /**
   * Sends one way, at most once. Returns false when the message was dropped because the peer is down or its
   * window and the waiting room before it are full: the sender slows down or repeats, as its protocol says.
   */
  tell<K extends keyof P['tell'] & string>(type: K, body: MessageOf<P['tell'][K]>, trace?: string): boolean;
  /**
   * Sends a request and resolves with the reply.
   * @throws CodedError ACTOR_RESTARTED (peer died, or is down), MAILBOX_FULL, DEADLINE_EXCEEDED, or the peer's own.
   */
  ask<K extends keyof P['ask'] & string>(
    type: K,
    body: RequestOf<P['ask'][K]>,
    options?: { timeout_ms?: number; trace?: string },
  ): Promise<ReplyOf<P['ask'][K]>>;
  /** False while the peer's window is used up: the moment to stop taking work from the network. */
  readonly ready: boolean;
}

/** All that an actor is given. Nothing else of the world is visible to it through the runtime. */
export interface Context<P extends Protocol, C> {
  readonly name: string;
  /** Counts the lives of this actor, from 1. Above 1: this is a restart. */
  readonly incarnation: number;
  readonly config: C;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Metrics of this actor; telemetry collects them and adds the label `actor`. */
  readonly metrics: Registry;
  /** The end of a peer named in the definition's `uses`. */
  peer<Q extends Protocol>(protocol: Q): Peer<Q>;
  /** Sends an event to every actor that listens to it. */
  emit<K extends keyof P['emit'] & string>(type: K, body: MessageOf<P['emit'][K]>, trace?: string): void;
  /**
   * Metrics of every thread of the node, dead ones left out. Only for an actor that declares `observes`.
   */
  observe(): Promise<Observation[]>;
  /** Ends this actor with the error, to be replaced by the supervisor: for a state that must not go on. */
  fail(error: unknown): void;
}

/** Metrics of one thread, in prom-client's JSON form (`Registry.getMetricsAsJSON`). */
export interface Observation {
  readonly actor: string;
  /** The life of the actor that counted this: the next one begins at 0. */
  readonly incarnation: number;
  readonly metrics: MetricObjectWithValues<MetricValue<string>>[];
}

type Tells<P extends Protocol> = {
  [K in keyof P['tell']]: (body: MessageOf<P['tell'][K]>, envelope: Envelope) => void | Promise<void>;
};
type Asks<P extends Protocol> = {
  [K in keyof P['ask']]: (
    body: RequestOf<P['ask'][K]>,
    envelope: Envelope,
  ) => ReplyOf<P['ask'][K]> | Promise<ReplyOf<P['ask'][K]>>;
};
export type Listener<Q extends Protocol> = {
  [K in keyof Q['emit']]?: (body: MessageOf<Q['emit'][K]>, envelope: Envelope) => void | Promise<void>;
};

/**
 * A running actor. Messages of one lane start in order, and by default each is awaited before the next; a
 * higher lane overtakes a lower one between messages and while a lower one awaits. A handler of an ask that
 * throws fails the ask; a handler of a tell or event that throws ends the actor.
 */
export interface Behaviour<P extends Protocol> {
  readonly tell: Tells<P>;
  readonly ask: Asks<P>;
  /** Handlers of other actors' events, by the emitter's name; made with `listen`. */
  readonly on?: Readonly<Record<string, Listener<Protocol>>>;
  /** How many messages of a lane may be in hand at once; 1 where absent. Above 1 the handlers interleave at awaits. */
  readonly parallel?: Partial<Record<Lane, number>>;
  /**
   * Called once when every peer is connected, after `start`; messages are delivered from here on.
   * The place to ask peers for what the state is rebuilt from.
   */
  ready?(): void | Promise<void>;
  /** Called after a peer was replaced and connected again: what was asked or told of it may be lost. */
  rebound?(peer: string): void;
  /** Releases what the actor holds. It has the child's shutdown time; after that the thread is ended. */
  stop(): void | Promise<void>;
}

/** Types the handlers of one emitter's events for `Behaviour.on`. */
export function listen<Q extends Protocol>(protocol: Q, handlers: Listener<Q>): Record<string, Listener<Protocol>> {
  return { [protocol.name]: handlers as Listener<Protocol> };
}

/** What an actor module exports as `default`. */
export interface ActorDefinition<P extends Protocol, C> {
  readonly protocol: P;
  /** Peers this actor tells or asks. */
  readonly uses: readonly Protocol[];
  /** Peers whose events it listens to. */
  readonly listens: readonly Protocol[];
  /** True if it may ask every other thread for its metrics (`Context.observe`). */
  readonly observes?: boolean;
  /** Builds the actor. Peers may be down or not yet connected: `ready` is where to talk to them. */
  start(context: Context<P, C>): Behaviour<P> | Promise<Behaviour<P>>;
}

/** Types an actor's definition; C is the shape of its configuration. */
export function defineActor<P extends Protocol, C>(definition: ActorDefinition<P, C>): ActorDefinition<P, C> {
  return definition;
}
