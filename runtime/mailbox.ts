import { LANES, type Lane } from './protocol.ts';

/** One message waiting for its handler. `run` never rejects; it does the handling and the answering. */
export interface Letter {
  readonly lane: Lane;
  run(): Promise<void> | undefined;
}

/** Messages handled before the thread looks at its ports and timers again: a few hundred µs of small handlers. */
const TURN_MESSAGES = 64;

/**
 * Serves the lanes of one actor: highest lane first, messages of a lane started in order, at most
 * `parallel[lane]` in hand. It holds no bound of its own: what may be in it is bounded by the windows that
 * links give to their senders (link.ts).
 */
export class Mailbox {
  readonly #queues: Record<Lane, Letter[]> = { control: [], consensus: [], sync: [], bulk: [] };
  readonly #busy: Record<Lane, number> = { control: 0, consensus: 0, sync: 0, bulk: 0 };
  readonly #schedule: (task: () => void) => void;
  #parallel: Partial<Record<Lane, number>> = {};
  #open = false;
  #scheduled = false;

  constructor(schedule: (task: () => void) => void) {
    this.#schedule = schedule;
  }

  /** Starts delivery; until then letters wait. */
  open(parallel: Partial<Record<Lane, number>>): void {
    this.#parallel = parallel;
    this.#open = true;
    this.#wake();
  }

  /** Ends delivery for good and forgets what waits. */
  close(): void {
    this.#open = false;
    for (const lane of LANES) this.#queues[lane].length = 0;
  }

  put(letter: Letter): void {
    this.#queues[letter.lane].push(letter);
    this.#wake();
  }

  /** Messages waiting in a lane. */
  depth(lane: Lane): number {
    return this.#queues[lane].length;
  }

  #wake(): void {
    if (this.#scheduled || !this.#open) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    for (let served = 0; served < TURN_MESSAGES; served++) {
      const letter = this.#next();
      if (!letter) return;
      this.#serve(letter);
    }
    this.#wake();
  }

  #next(): Letter | undefined {
    if (!this.#open) return undefined;
    for (const lane of LANES) {
      if (this.#queues[lane].length > 0 && this.#busy[lane] < (this.#parallel[lane] ?? 1)) {
        return this.#queues[lane].shift();
      }
    }
    return undefined;
  }

  #serve(letter: Letter): void {
    const pending = letter.run();
    if (!pending) return;
    this.#busy[letter.lane]++;
    const done = (): void => {
      this.#busy[letter.lane]--;
      this.#wake();
    };
    pending.then(done, done);
  }
}
