import type { BlackBoxReading } from '../black-box.ts';
import type { ThreadLimits } from '../child-spec.ts';
import { CodedError } from '../errors.ts';

/** How often threads are looked at, and beat, ms: soon enough for a limit of seconds, and cheap for 28 threads on two cores. */
export const WATCH_ms = 500;

/** Looks in a row that see too much memory: what is garbage already is counted until it is collected. */
const OVER_LOOKS = 2;

/**
 * Watches one life of one thread by what its black box says. It counts its own looks, not the clock: after a
 * process was stopped and continued, or the machine slept, every beat is old and no thread is to blame.
 */
export class Watchdog {
  readonly #actor: string;
  readonly #limits: ThreadLimits;
  #beats = -1;
  #silent_ms = 0;
  #over = 0;
  #looked_ms = Number.POSITIVE_INFINITY;

  constructor(actor: string, limits: ThreadLimits) {
    this.#actor = actor;
    this.#limits = limits;
  }

  /** Returns why the thread has to be ended, or null. @param now_ms monotonic */
  look({ beats, external_bytes }: BlackBoxReading, now_ms: number): CodedError | null {
    const since_ms = Math.max(0, now_ms - this.#looked_ms);
    this.#looked_ms = now_ms;
    const isSilent = beats === this.#beats;
    this.#beats = beats;
    const { stall_ms, maxExternal_mb } = this.#limits;
    // A look that comes late says more about us than about the thread.
    this.#silent_ms = isSilent ? this.#silent_ms + Math.min(since_ms, WATCH_ms) : 0;
    if (this.#silent_ms >= stall_ms) return stalled(this.#actor, stall_ms);
    if (external_bytes <= maxExternal_mb * 2 ** 20) this.#over = 0;
    else if (!isSilent && ++this.#over >= OVER_LOOKS) return outOfMemory(this.#actor, external_bytes, maxExternal_mb);
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
