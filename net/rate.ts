export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at_ms: number;
}

/**
 * A token bucket for each key. The map is bounded: when it is full the key that was quiet longest is forgotten,
 * which gives it a full bucket.
 */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #maxKeys: number;
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, maxKeys: number) {
    this.#rate = rate;
    this.#maxKeys = maxKeys;
  }

  /** Takes `amount` tokens of the key if it has them. */
  take(key: string, amount: number, now_ms: number): boolean {
    const bucket = this.#refilled(key, now_ms);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (bucket.tokens < amount) return false;
    bucket.tokens -= amount;
    return true;
  }

  #refilled(key: string, now_ms: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#rate.burst, at_ms: now_ms };
    const passed_ms = Math.max(0, now_ms - bucket.at_ms);
    bucket.tokens = Math.min(this.#rate.burst, bucket.tokens + (passed_ms * this.#rate.perSecond) / 1_000);
    bucket.at_ms = now_ms;
    return bucket;
  }
}
