import type { BlackBoxReading } from '../black-box.ts';
import type { ThreadLimits } from '../child-spec.ts';
import { CodedError } from '../errors.ts';

/** How often threads are looked at, and beat, ms: soon enough for a limit of seconds, and cheap for 28 threads on two cores. */
export const WATCH_ms = 500;

/** A look that comes later than this after the one before says more about us than about the thread. */
const LATE_LOOK_ms = 4 * WATCH_ms;

/**
 * Watches one life of one thread by what its black box says. It counts its own looks, not the clock: after a
 * process was stopped and continued, or the machine slept, every beat is old and no thread is to blame.
 */
export class Watchdog {
  readonly #actor: string;
  readonly #limits: ThreadLimits;
  #beats = -1;
  #silent_ms = 0;
  #looked_ms = Number.NaN;

  constructor(actor: string, limits: ThreadLimits) {
    this.#actor = actor;
    this.#limits = limits;
  }

  /** Returns why the thread has to be ended, or null. @param now_ms monotonic */
  look({ beats, external_bytes }: BlackBoxReading, now_ms: number): CodedError | null {
    const since_ms = now_ms - this.#looked_ms;
    this.#looked_ms = now_ms;
    if (beats !== this.#beats) this.#silent_ms = 0;
    else if (since_ms <= LATE_LOOK_ms) this.#silent_ms += since_ms;
    this.#beats = beats;
    const { stall_ms, maxExternal_mb } = this.#limits;
    if (this.#silent_ms >= stall_ms) return stalled(this.#actor, stall_ms);
    if (external_bytes > maxExternal_mb * 2 ** 20) return outOfMemory(this.#actor, external_bytes, maxExternal_mb);
    return null;
  }
}

function stalled(actor: string, stall_ms: number): CodedError {
  return new CodedError('ACTOR_STALLED', `the event loop of ${actor} did not turn for ${stall_ms} ms`, {
    actor,
    stall_ms,
  });
}

function outOfMemory(actor: string, external_bytes: number, limit_mb: number): CodedError {
  const used_mb = Math.round(external_bytes / 2 ** 20);
  return new CodedError(
    'ACTOR_OUT_OF_MEMORY',
    `${actor} holds ${used_mb} MiB in buffers, more than the ${limit_mb} MiB of supervision.max_external_mb`,
    { actor, external_bytes, limit_mb },
  );
}
