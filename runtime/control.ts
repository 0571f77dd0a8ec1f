import type { MessagePort } from 'node:worker_threads';
import type { ActorDefinition } from './actor.ts';
import type { Fault } from './child-spec.ts';
import type { ErrorRecord } from './errors.ts';
import type { LogOptions } from './logging.ts';
import type { Protocol } from './protocol.ts';

/** A request that killed former lives of the actor: this one does not touch it. */
export interface Quarantined {
  readonly fingerprint: number;
  /** When it is let through again, ms since the epoch. */
  readonly until_ms: number;
}

/** What a thread is started with. */
export interface WorkerStart {
  readonly name: string;
  readonly incarnation: number;
  /** URL of the module whose default export is the actor's definition. */
  readonly module: string;
  readonly config: unknown;
  readonly log: LogOptions;
  /** Memory of its black box. */
  readonly box: SharedArrayBuffer;
  /** Names of everybody in the node: the box writes numbers. */
  readonly names: readonly string[];
  readonly quarantine: readonly Quarantined[];
  /** How often its event loop says that it turns, ms. */
  readonly beat_ms: number;
}

/** Whom an actor wants to be connected to, by name. */
export interface DeclaredPeers {
  readonly uses: readonly string[];
  readonly listens: readonly string[];
  readonly observes: boolean;
}

/** What an actor says of itself once its module is loaded. */
export interface DeclaredActor extends DeclaredPeers {
  /** Names of the messages that it may get, by kind and number; those of events by emitter. */
  readonly vocabulary: {
    readonly tell: readonly string[];
    readonly ask: readonly string[];
    readonly event: Readonly<Record<string, readonly string[]>>;
  };
}

/** Reads the declaration off a definition. */
export function declaredPeers(definition: ActorDefinition<Protocol, unknown>): DeclaredPeers {
  return {
    uses: definition.uses.map((protocol) => protocol.name),
    listens: definition.listens.map((protocol) => protocol.name),
    observes: definition.observes ?? false,
  };
}

/** Reads all that the supervisor needs off a definition. */
export function declaredActor(definition: ActorDefinition<Protocol, unknown>): DeclaredActor {
  const { protocol, listens } = definition;
  return {
    ...declaredPeers(definition),
    vocabulary: {
      tell: Object.keys(protocol.tell),
      ask: Object.keys(protocol.ask),
      event: Object.fromEntries(listens.map(({ name, emit }) => [name, Object.keys(emit)])),
    },
  };
}

/** One end of a connection, as it is handed to a thread. */
export interface PortBinding {
  readonly peer: string;
  readonly incarnation: number;
  readonly port: MessagePort;
  readonly speaks: readonly string[];
  readonly listener: boolean;
}

/** What a thread tells the supervisor without being asked. */
export type Notice =
  /** The connection to a peer broke, though nobody here closed it. */
  | { readonly notice: 'portClosed'; readonly peer: string; readonly incarnation: number }
  /** A quarantined request came again, and was refused. `body` is msgpack, `text` for people; both cut to a limit. */
  | {
      readonly notice: 'deadLetter';
      readonly fingerprint: number;
      readonly body: Uint8Array;
      readonly text: string;
    };

/** True for a notice; everything else on the port is comlink's. */
export function isNotice(message: unknown): message is Notice {
  return typeof message === 'object' && message !== null && 'notice' in message;
}

/** The outcome of a control call. Comlink would strip an error of its code, so errors travel as data. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord };

/** What the supervisor can tell a thread to do, in the order of an actor's life. Served over comlink. */
export interface WorkerControl {
  /** Imports the module and says whom it wants to be connected to. */
  load(): Promise<Outcome<DeclaredActor>>;
  start(): Promise<Outcome<void>>;
  /** Resolves when the other end has answered. (Not `bind`: comlink gives that name a meaning of its own.) */
  connect(binding: PortBinding): Promise<Outcome<void>>;
  ready(): Promise<Outcome<void>>;
  /** Has the thread do something deadly after it has answered. */
  inject(fault: Exclude<Fault, 'terminate'>): Promise<Outcome<void>>;
  stop(): Promise<Outcome<void>>;
}
