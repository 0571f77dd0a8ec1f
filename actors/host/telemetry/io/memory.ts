import { Packr } from 'msgpackr';
import type { Logger } from 'pino';
import type { Peer } from '../../../../runtime/actor.ts';
import { toErrorRecord } from '../../../../runtime/errors.ts';
import { MAX_NOTE_BYTES, type MainProtocol } from '../../../../runtime/main-protocol.ts';
import { fitted, noteSchema } from '../core/note.ts';
import { Totals } from '../core/totals.ts';

/** The main thread does little; where it is late for so long, the machine is overloaded. */
const KEPT_TIMEOUT_ms = 5_000;

const packr = new Packr({ useRecords: false });

/** What telemetry must not forget when it dies, in the care of the main thread. */
export class Memory {
  readonly #main: Peer<MainProtocol>;
  readonly #log: Logger;
  #saidTooLarge = false;
  #isKept = true;

  constructor(main: Peer<MainProtocol>, log: Logger) {
    this.#main = main;
    this.#log = log;
  }

  /** What a former life has left; nothing where it cannot be had. */
  async recall(): Promise<Totals> {
    try {
      const { note } = await this.#main.ask('kept', {}, { timeout_ms: KEPT_TIMEOUT_ms });
      return note === null ? new Totals() : new Totals(noteSchema.parse(packr.unpack(note)));
    } catch (error) {
      this.#log.warn({ code: toErrorRecord(error).code }, 'counts of former lives are lost: counters begin at 0');
      return new Totals();
    }
  }

  /** Hands over what is known. Resolves when the main thread has it, or when it cannot be had of it. */
  async keep(totals: Totals): Promise<void> {
    try {
      await this.#main.ask('keep', { note: this.#encode(totals) });
      this.#isKept = true;
    } catch (error) {
      if (this.#isKept) this.#log.warn({ code: toErrorRecord(error).code }, 'counts are not kept for a next life');
      this.#isKept = false;
    }
  }

  #encode(totals: Totals): Uint8Array {
    const { bytes, missing } = fitted(totals.note(), MAX_NOTE_BYTES, (note) => packr.pack(note));
    if (missing > 0 && !this.#saidTooLarge) {
      this.#log.warn({ missing }, 'more counts than can be kept for a next life: some may begin at 0 then');
      this.#saidTooLarge = true;
    }
    return bytes;
  }
}
