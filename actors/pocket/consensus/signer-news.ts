import type { Logger } from 'pino';
import type { Peer } from '../../../runtime/actor.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import type { ShownHeader, SignerProtocol } from '../../host/signer/protocol.ts';
import { decodeValidatorSet } from '../chain/validators.ts';
import type { PersistenceProtocol } from '../persistence/protocol.ts';
import { persist } from './asking.ts';

export interface NewsParts {
  readonly signer: Peer<SignerProtocol>;
  readonly persistence: Peer<PersistenceProtocol>;
  readonly clock: Clock;
  readonly log: Logger;
  isWanted(): boolean;
}

/**
 * Tells the signer what it cannot see itself: which headers changed the set of validators, so that it can tell the
 * certificates of the new set, and which certificates name its key, so that it finds out when somebody else signs with it.
 */
export class SignerNews {
  readonly #parts: NewsParts;
  /** Ends when all that was shown before is shown: a change is believed on the one before it. */
  #last: Promise<void> = Promise.resolve();
  #refuses = false;

  constructor(parts: NewsParts) {
    this.#parts = parts;
  }

  /** Shows every change that the chain has made since the signer was told last. */
  follow(): Promise<void> {
    return this.#inTurn(async () => {
      const { signer, persistence } = this.#parts;
      let from = (await this.#ask(() => signer.ask('voters', {})))?.from;
      while (from !== undefined) {
        const at = from;
        const page = await this.#ask(() => persistence.ask('changes', { from: at }));
        for (const { header, commitQc, validators } of page?.headers ?? []) {
          await this.#show({ header, commitQc, validators: [...decodeValidatorSet(validators).list] });
        }
        from = page?.next ?? undefined;
      }
    });
  }

  /** Shows a change that this node has proven without the blocks before it. */
  show(shown: ShownHeader): Promise<void> {
    return this.#inTurn(() => this.#show(shown));
  }

  /** Shows the certificate of a block. */
  async witness(qc: Uint8Array): Promise<void> {
    const { signer, log } = this.#parts;
    try {
      const answer = await this.#ask(() => signer.ask('witness', { qc }));
      if (!answer || answer.ok) return;
      if (!this.#refuses) log.error('the signer refuses to sign from now on: see its log, and potoroo signer status');
      this.#refuses = true;
    } catch (error) {
      log.warn({ error: toErrorRecord(error) }, 'the signer could not look at a certificate');
    }
  }

  async #show({ header, commitQc, validators }: ShownHeader): Promise<void> {
    const { signer } = this.#parts;
    const voters = validators.map(({ address, publicKey, power }) => ({ address, publicKey, power }));
    await this.#ask(() => signer.ask('trust', { header, commitQc, validators: voters }));
  }

  /** One after the other. What fails for good is logged: the signer then refuses certificates of the new set. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work).catch((error: unknown) => {
      this.#parts.log.error({ error: toErrorRecord(error) }, 'the signer does not follow a change of the validators');
    });
    return this.#last;
  }

  #ask<T>(once: () => Promise<T>): Promise<T | null> {
    return persist(this.#parts.clock, () => this.#parts.isWanted(), once);
  }
}
