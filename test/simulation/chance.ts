import { type Random, seededRandom } from '../../runtime/random.ts';

/** Dice over a source of randomness. */
export class Chance {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * A stream of its own for each purpose of a seed: what one fault draws does not change what another one does, so
   * that a run without the one still has the other at the same moments.
   */
  static of(seed: number, purpose: string): Chance {
    let mixed = BigInt(seed) << 32n;
    for (const letter of purpose) mixed = (mixed * 31n + BigInt(letter.charCodeAt(0))) & ((1n << 64n) - 1n);
    return new Chance(seededRandom(mixed));
  }

  /** True with that probability; certain outcomes draw nothing. */
  happens(probability: number): boolean {
    return probability > 0 && (probability >= 1 || this.#random.fraction() < probability);
  }

  /** An integer from `low` up to, not including, `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#random.fraction() * (high - low));
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length)]!;
  }

  /** `count` of the list, in any order. */
  sample<T>(list: readonly T[], count: number): T[] {
    const rest = [...list];
    return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(this.between(0, rest.length), 1)[0]!);
  }
}
