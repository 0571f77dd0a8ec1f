import type { Clock } from './clock.ts';

interface Timer {
  readonly due_ms: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that moves only when told. Timers due at the same moment run in the order they were set. */
export class VirtualClock implements Clock {
  #now_ms: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(start_ms = 0) {
    this.#now_ms = start_ms;
  }

  now(): number {
    return this.#now_ms;
  }

  monotonic_ns(): bigint {
    return BigInt(Math.round(this.#now_ms * 1e6));
  }

  after(delay_ms: number, callback: () => void): () => void {
    const timer = { due_ms: this.#now_ms + Math.max(0, delay_ms), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** When the next timer is due, ms; undefined if there is none. */
  next(): number | undefined {
    return this.#first()?.due_ms;
  }

  /** Moves to the next timer and runs it; false if there is none. */
  step(): boolean {
    const timer = this.#first();
    if (!timer) return false;
    this.#timers.delete(timer);
    this.#now_ms = timer.due_ms;
    timer.callback();
    return true;
  }

  /** Moves time without running timers; only forward and not past the next one. */
  moveTo(time_ms: number): void {
    const limit = this.next() ?? Number.POSITIVE_INFINITY;
    this.#now_ms = Math.max(this.#now_ms, Math.min(time_ms, limit));
  }

  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.due_ms < first.due_ms || (timer.due_ms === first.due_ms && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}
