/** Time as a parameter: a node runs on the system clock, a simulation on a virtual one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Nanoseconds from an arbitrary origin shared by all threads of a process; never goes back. */
  monotonic_ns(): bigint;
  /** Calls back once after `delay_ms`; the returned function cancels. */
  after(delay_ms: number, callback: () => void): () => void;
}

/**
 * Calls back after `delay_ms` in which this process could have acted: in two halves, so that after it was suspended the
 * second half is still to come, and whoever has an answer on the way can deliver it. The returned function cancels.
 */
export function afterAwake(clock: Clock, delay_ms: number, callback: () => void): () => void {
  let cancel = clock.after(delay_ms / 2, () => {
    cancel = clock.after(delay_ms / 2, callback);
  });
  return () => cancel();
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic_ns: () => process.hrtime.bigint(),
  after(delay_ms, callback) {
    const timer = setTimeout(callback, delay_ms);
    return () => clearTimeout(timer);
  },
};
