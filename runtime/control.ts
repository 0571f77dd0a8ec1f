import type { MessagePort } from 'node:worker_threads';
import type { ActorDefinition } from './actor.ts';
import type { ErrorRecord } from './errors.ts';
import type { LogOptions } from './logging.ts';
import type { Protocol } from './protocol.ts';

/** What a thread is started with. */
export interface WorkerStart {
  readonly name: string;
  readonly incarnation: number;
  /** URL of the module whose default export is the actor's definition. */
  readonly module: string;
  readonly config: unknown;
  readonly log: LogOptions;
}

/** Whom an actor wants to be connected to, by name. */
export interface DeclaredPeers {
  readonly uses: readonly string[];
  readonly listens: readonly string[];
  readonly observes: boolean;
}

/** Reads the declaration off a definition. */
export function declaredPeers(definition: ActorDefinition<Protocol, unknown>): DeclaredPeers {
  return {
    uses: definition.uses.map((protocol) => protocol.name),
    listens: definition.listens.map((protocol) => protocol.name),
    observes: definition.observes ?? false,
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

/** The outcome of a control call. Comlink would strip an error of its code, so errors travel as data. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord };

/** What the supervisor can tell a thread to do, in the order of an actor's life. Served over comlink. */
export interface WorkerControl {
  /** Imports the module and says whom it wants to be connected to. */
  load(): Promise<Outcome<DeclaredPeers>>;
  start(): Promise<Outcome<void>>;
  /** Resolves when the other end has answered. (Not `bind`: comlink gives that name a meaning of its own.) */
  connect(binding: PortBinding): Promise<Outcome<void>>;
  ready(): Promise<Outcome<void>>;
  stop(): Promise<Outcome<void>>;
}
