import type { Intensity } from '../child-spec.ts';
import type { Random } from '../random.ts';

/** Wait before the second replacement within a period, ms; doubles with each further one. The first is at once. */
const BACKOFF_ms = 100;
const BACKOFF_CAP_ms = 5_000;
/** Part of a wait that is left to chance: actors that died of one cause do not come back in step. */
const JITTER = 0.5;

/** What a death means for the actor that died. */
export interface Reckoning {
  /** Deaths within the period, this one included. */
  readonly deaths: number;
  /** True if that is more than the intensity allows. */
  readonly exceeded: boolean;
  /** Wait before the replacement, ms. */
  readonly wait_ms: number;
}

/** Counts the self-inflicted deaths of one actor: intensity and back-off, as in Erlang/OTP. */
export class RestartBudget {
  readonly #intensity: Intensity;
  readonly #random: Random;
  /** Times within the period, ms; never more than the intensity allows, and one. */
  #deaths: number[] = [];

  constructor(intensity: Intensity, random: Random) {
    this.#intensity = intensity;
    this.#random = random;
  }

  count(now_ms: number): Reckoning {
    const { restarts, period_ms } = this.#intensity;
    this.#deaths = [...this.#deaths.filter((time) => time > now_ms - period_ms), now_ms];
    const deaths = this.#deaths.length;
    const exceeded = deaths > restarts;
    if (exceeded) this.#deaths.shift();
    const full_ms = deaths < 2 ? 0 : Math.min(BACKOFF_CAP_ms, BACKOFF_ms * 2 ** (deaths - 2));
    return { deaths, exceeded, wait_ms: Math.round(full_ms * (1 - JITTER * this.#random.fraction())) };
  }

  /** Begins anew: its group has rested. */
  reset(): void {
    this.#deaths = [];
  }
}
