import { GENESIS_MS } from './disk.ts';

interface Task {
  readonly at_ms: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: what is due, in order of time and then of entry, in a binary heap. */
export class Timeline {
  now_ms = GENESIS_MS;
  readonly #tasks: Task[] = [];
  #order = 0;

  after(delay_ms: number, run: () => void) {
    const task = { at_ms: this.now_ms + Math.max(0, delay_ms), order: this.#order++, run };
    this.#tasks.push(task);
    for (let at = this.#tasks.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, this.#tasks[parent]!)) break;
      this.#tasks[at] = this.#tasks[parent]!;
      this.#tasks[parent] = task;
      at = parent;
    }
  }

  /** Runs until the time is over or `done`; false if the time was over first. */
  run(duration_ms: number, done: () => boolean = () => false): boolean {
    const end_ms = this.now_ms + duration_ms;
    while (!done()) {
      const next = this.#tasks[0];
      if (!next || next.at_ms > end_ms) {
        this.now_ms = end_ms;
        return false;
      }
      this.#pop();
      this.now_ms = next.at_ms;
      next.run();
    }
    return true;
  }

  #pop() {
    const last = this.#tasks.pop()!;
    const size = this.#tasks.length;
    if (size === 0) return;
    for (let at = 0; ; ) {
      let child = 2 * at + 1;
      if (child + 1 < size && isBefore(this.#tasks[child + 1]!, this.#tasks[child]!)) child++;
      this.#tasks[at] = last;
      if (child >= size || !isBefore(this.#tasks[child]!, last)) return;
      this.#tasks[at] = this.#tasks[child]!;
      at = child;
    }
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);
}
