import type { Clock } from '../../../runtime/clock.ts';
import type { Mempool } from './core/mempool.ts';
import type { Intake } from './intake.ts';

/** Time for the gossip mesh to form after a connection, and for more connections to come, ms. */
const SETTLE_MS = 2_000;
/** The oldest transactions sent again: some blocks' worth, half a megabyte. The rest follows by being committed. */
const MAX_SENT = 2_000;

/**
 * What is gossiped while nobody is connected reaches nobody. So when a validator connects, the oldest accepted
 * transactions travel again; whoever has them ignores them.
 */
export class Regossip {
  readonly #clock: Clock;
  readonly #mempool: Mempool;
  readonly #intake: Intake;
  #validators = 0;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, mempool: Mempool, intake: Intake) {
    this.#clock = clock;
    this.#mempool = mempool;
    this.#intake = intake;
  }

  /** Takes note of how many validators are connected now. */
  connected(validators: number): void {
    const more = validators > this.#validators;
    this.#validators = validators;
    if (!more || this.#cancel !== null) return;
    this.#cancel = this.#clock.after(SETTLE_MS, () => {
      this.#cancel = null;
      this.#send();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  #send(): void {
    const oldest = this.#mempool.page(0, MAX_SENT);
    const accepted = oldest.filter(({ hashHex }) => this.#mempool.isJournaled(hashHex));
    this.#intake.spread(accepted.map(({ bytes }) => bytes));
  }
}
