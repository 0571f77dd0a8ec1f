/** Supervision as data: what a node consists of, and what is to be done when a part of it dies. */

/**
 * When an actor that ended is started again: `permanent` always; `transient` unless it ended in order (exit code 0);
 * `temporary` never.
 */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary';

/** More self-inflicted deaths of one actor than `restarts` within the period are too many. */
export interface Intensity {
  readonly restarts: number;
  readonly period_ms: number;
}

/** What a thread may use before it is taken for broken. */
export interface ThreadLimits {
  /** V8 heap, old generation, MB. */
  readonly maxHeap_mb: number;
  /** ArrayBuffers and WebAssembly memories outside of the heap, MB: V8's own limit does not count them. */
  readonly maxExternal_mb: number;
  /** Time in which the event loop must turn once, ms. */
  readonly stall_ms: number;
}

/** One actor of a node. */
export interface ChildSpec {
  readonly name: string;
  /** URL of the module whose default export is the actor's definition. */
  readonly module: string;
  /** URL of a file that holds the module with all it needs: its thread starts twice as fast as by importing it. */
  readonly bundle?: string;
  readonly config: unknown;
  readonly restart: RestartPolicy;
  /** Actors that hold state derived from this one: they are replaced with it. */
  readonly dependents: readonly string[];
  /** Time for start and for ready, each, ms. */
  readonly start_timeout_ms: number;
  /** Time for a graceful stop, ms; then the thread is ended. */
  readonly shutdown_ms: number;
  readonly limits: ThreadLimits;
}

/**
 * Actors that share a fate: a supervisor inside the supervisor. When one of them dies too often, `escalate` ends the
 * whole node with the reason; `rest` takes the group down and starts it anew after `rest_ms`, while the others go on.
 */
export interface GroupSpec {
  readonly name: string;
  /** In start order; they are stopped in reverse. */
  readonly children: readonly ChildSpec[];
  readonly intensity: Intensity;
  readonly exceeded: { readonly action: 'escalate' } | { readonly action: 'rest'; readonly rest_ms: number };
}

/** Ways to make an actor die, for operators who test their node. `terminate` ends the thread from outside. */
export const FAULTS = ['terminate', 'throw', 'reject', 'loop', 'memory', 'exit'] as const;
export type Fault = (typeof FAULTS)[number];

/** `waiting`: down until its back-off is over; `resting`: its group died too often; `ended`: not to be started again. */
export type ActorPhase = 'starting' | 'readying' | 'running' | 'waiting' | 'resting' | 'down' | 'ended';

/** What is known of the last death of an actor. */
export interface LastDeath {
  readonly at_ms: number;
  readonly code: string;
  readonly message: string;
  /** False for an order: it does not count towards the intensity. */
  readonly selfInflicted: boolean;
  /** File name of its report in the directory of crash reports, or null: an order leaves none. */
  readonly report: string | null;
}

/** State of one actor, for operators. Figures are of the present life, null while there is none. */
export interface ActorStatus {
  readonly name: string;
  readonly group: string;
  readonly dependents: readonly string[];
  readonly phase: ActorPhase;
  readonly up: boolean;
  readonly incarnation: number;
  /** Replacements so far. */
  readonly restarts: number;
  readonly uptime_ms: number | null;
  /** Time from the last death to serving again, ms. */
  readonly recovery_ms: number | null;
  readonly lastDeath: LastDeath | null;
  /** Since the event loop last turned, ms. */
  readonly silent_ms: number | null;
  readonly cpu_s: number | null;
  readonly heap_bytes: number | null;
  readonly external_bytes: number | null;
}
