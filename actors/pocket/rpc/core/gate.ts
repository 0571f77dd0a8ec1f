import { CodedError } from '../../../../runtime/errors.ts';

/** Admits work up to a limit, counted in pieces or bytes, and refuses the rest at once: there is no queue. */
export class Gate {
  #used = 0;
  readonly #limit: number;
  readonly #key: string;

  /** @param key configuration key of the limit, named to whoever is refused */
  constructor(limit: number, key: string) {
    this.#limit = limit;
    this.#key = key;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a share and returns what gives it back; giving back twice counts once. @throws RPC_BUSY */
  enter(cost = 1): () => void {
    // A single piece over the limit passes when nothing else is in work: it could otherwise never pass.
    if (this.#used > 0 && this.#used + cost > this.#limit) {
      throw new CodedError('RPC_BUSY', `too much in work (${this.#key} is ${this.#limit}): repeat shortly`, {
        limit: this.#limit,
      });
    }
    this.#used += cost;
    let held = true;
    return () => {
      if (held) this.#used -= cost;
      held = false;
    };
  }

  /** Runs a piece of work inside the gate. @throws RPC_BUSY */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
