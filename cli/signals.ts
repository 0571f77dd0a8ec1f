/** With npm in between, one Ctrl-C arrives twice: from the terminal and from npm. Repeats this close are one. */
const REPEAT_ms = 1_000;

/**
 * Turns signals into decisions: the first asks for a graceful stop, repeats within a second are the same
 * wish, and a later one means at once.
 */
export class StopSignals {
  readonly #onStop: () => void;
  readonly #onForce: () => void;
  readonly #now: () => number;
  #first_ms: number | null = null;

  constructor(handlers: { stop: () => void; force: () => void; now?: () => number }) {
    this.#onStop = handlers.stop;
    this.#onForce = handlers.force;
    this.#now = handlers.now ?? Date.now;
  }

  receive(): void {
    const now = this.#now();
    if (this.#first_ms === null) {
      this.#first_ms = now;
      this.#onStop();
    } else if (now - this.#first_ms > REPEAT_ms) {
      this.#onForce();
    }
  }

  /** Listens to the process's signals; returns how to stop listening. */
  attach(signals: readonly NodeJS.Signals[]): () => void {
    const handler = (): void => this.receive();
    for (const signal of signals) process.on(signal, handler);
    return () => {
      for (const signal of signals) process.off(signal, handler);
    };
  }
}
