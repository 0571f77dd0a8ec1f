import type { Clock } from '../../../runtime/clock.ts';
import { verify } from '../../../wasm/ed25519.ts';
import { LruMap } from '../../../wasm/lru.ts';
import type { Prepared } from './core/prepared.ts';
import type { UtilityMetrics } from './metrics.ts';

/** Verdicts remembered, by transaction hash: some blocks' worth beyond the mempool. About 10 MB. */
const REMEMBERED = 65_536;
/** Work done before the thread looks at its ports again, in valid signatures (100 µs each): about 4 ms. */
const SLICE = 40;
/** A bad signature is checked twice, the second time in JavaScript. */
const INVALID_COST = 14;
/** Decoding, hashing and encoding again to compare cost about as much as verifying. */
const DECODING_COST = 1;

/** Verifies each signature once, and gives the thread away between slices of work. */
export class Verifier {
  readonly #clock: Clock;
  readonly #metrics: UtilityMetrics;
  /** The hash covers the signature, so a verdict holds for ever. */
  readonly #verdicts = new LruMap<string, boolean>(REMEMBERED);

  constructor(clock: Clock, metrics: UtilityMetrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Handles the items in order, one slice after the other. */
  async each<T>(items: readonly T[], work: (item: T, index: number) => void): Promise<void> {
    let spent = 0;
    for (const [index, item] of items.entries()) {
      if (spent >= SLICE) {
        await this.#pause();
        spent = 0;
      }
      this.#cost = DECODING_COST;
      work(item, index);
      spent += this.#cost;
    }
  }

  /** True if the signature is valid. Called inside `each`. */
  isValid(prepared: Prepared): boolean {
    const known = this.#verdicts.get(prepared.hashHex);
    if (known !== undefined) {
      this.#metrics.signatures.inc({ result: 'known' });
      return known;
    }
    const { publicKey, signature } = prepared.transaction;
    const valid = verify(publicKey, prepared.signed, signature);
    this.#cost += valid ? 1 : INVALID_COST;
    this.#metrics.signatures.inc({ result: valid ? 'valid' : 'invalid' });
    this.#verdicts.set(prepared.hashHex, valid);
    return valid;
  }

  /** What the item in hand has cost. `work` is synchronous, so two loops that take turns do not mix it up. */
  #cost = 0;

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(0, resolve));
  }
}
