/** A message that an actor had begun with, newest last. Bodies are not in it: they may hold anything. */
interface ReportedMessage {
  readonly at: string;
  readonly from: string;
  /** `tell send`, `ask commit`, `event committed`. */
  readonly message: string;
  /** Still in hand when the actor died. */
  readonly inHand: boolean;
}

/** What is written to the directory of crash reports when an actor dies by itself. Version 1. */
export interface CrashReport {
  readonly version: 1;
  readonly time: string;
  readonly software: string;
  readonly actor: string;
  readonly incarnation: number;
  readonly reason: {
    readonly code: string;
    readonly message: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  /** Empty where nobody saw one: an exit, no memory, a stalled thread. */
  readonly stack: string;
  readonly lived_ms: number;
  /** Since the event loop last turned, ms. */
  readonly silent_ms: number;
  readonly cpu_s: number;
  readonly memory: {
    readonly heap_bytes: number;
    readonly heap_limit_bytes: number;
    readonly external_bytes: number;
    readonly process_rss_bytes: number;
  };
  /** The request that is to blame, if one is. */
  readonly blamed: string | null;
  readonly messages: readonly ReportedMessage[];
  /** What the supervisor did about it. */
  readonly decision: string;
}
