import type { Logger } from 'pino';
import { backoff_ms } from '../../../../net/backoff.ts';
import type { Peer } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { toErrorRecord } from '../../../../runtime/errors.ts';
import type { Random } from '../../../../runtime/random.ts';
import { toHex } from '../../chain/hex.ts';
import type { Validator, ValidatorSet } from '../../chain/validators.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';

export interface ValidatorWatchOptions {
  readonly persistence: Peer<PersistenceProtocol>;
  /** Those of the genesis: they have to do until persistence answers. */
  readonly genesis: ValidatorSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  changed(): void;
}

/**
 * Who the validators are, as the chain goes on. Those of the set before the present one count, too: a peer may be a
 * block behind, or we may.
 */
export class ValidatorWatch {
  readonly #options: ValidatorWatchOptions;
  #current: ReadonlySet<string>;
  #previous: ReadonlySet<string>;
  /** The height whose block was the last one heard of; null while that is not known. */
  #height: bigint | null = null;
  #failures = 0;
  #asking = false;
  #stopped = false;
  #cancel: () => void = () => undefined;

  constructor(options: ValidatorWatchOptions) {
    this.#options = options;
    this.#current = new Set(options.genesis.list.map(({ address }) => toHex(address)));
    this.#previous = this.#current;
  }

  /** True for the hex address of a validator of the next height, or of the set before. */
  has(address: string): boolean {
    return this.#current.has(address) || this.#previous.has(address);
  }

  /** True for the hex address of a validator of the next height. */
  isCurrent(address: string): boolean {
    return this.#current.has(address);
  }

  /** Asks persistence where the chain stands, until it answers. */
  start(): void {
    if (this.#asking || this.#stopped) return;
    this.#asking = true;
    void this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** A block is committed. @param validators null: the same as before */
  committed(height: bigint, validators: readonly Validator[] | null): void {
    const isNext = this.#height !== null && height === this.#height + 1n;
    this.#height = height;
    if (validators !== null) this.#enter(validators);
    // What changed in between was not told.
    else if (!isNext) this.start();
  }

  async #ask(): Promise<void> {
    const { persistence, clock, random, log } = this.#options;
    try {
      const { height, voters, validators } = await persistence.ask('tip', {});
      if (this.#stopped) return;
      this.#asking = false;
      this.#failures = 0;
      if (this.#height !== null && height < this.#height) return;
      this.#height = height;
      this.#enter(voters);
      this.#enter(validators);
    } catch (error) {
      if (this.#stopped) return;
      log.debug(toErrorRecord(error), 'the validators are not known yet; asking again');
      this.#cancel = clock.after(backoff_ms(this.#failures++, random.fraction()), () => void this.#ask());
    }
  }

  #enter(validators: readonly Validator[]): void {
    const next = new Set(validators.map(({ address }) => toHex(address)));
    if (next.size === this.#current.size && [...next].every((address) => this.#current.has(address))) return;
    this.#previous = this.#current;
    this.#current = next;
    this.#options.changed();
  }
}
