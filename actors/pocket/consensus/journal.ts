import type { Logger } from 'pino';
import { toErrorRecord } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { equalBytes, toHex } from '../chain/hex.ts';
import type { Input } from './core/input.ts';
import { memoryOf, type Past, recover, type Taken, type Unfit } from './core/recovery.ts';
import type { Settings, Start, State } from './core/state.ts';
import type { Begun } from './core/step.ts';
import { JournalFile } from './io/journal-file.ts';
import { decodeHead, decodeTaken, encodeHead, encodeTaken, scan } from './io/journal-format.ts';
import type { ConsensusMetrics } from './metrics.ts';

/** A state that kills the actor without an input must not be brought back for ever. */
const MAX_RECOVERIES = 3;

/** Why a journal is given up. too_large: it, or what it has to hold, exceeds `consensus.journal_max_mb`. */
type Discarded = Unfit | 'other_circumstances' | 'recovered_too_often' | 'too_large' | 'unreadable';

export interface JournalOptions {
  /** Absolute path. */
  readonly path: string;
  readonly maxBytes: number;
  /** Of `circumstancesOf`. */
  readonly circumstances: string;
  readonly metrics: ConsensusMetrics['journal'];
  readonly log: Logger;
}

/**
 * The write-ahead journal of one height: what the state was at some moment, then every input before the core takes it,
 * and so before anything that follows from it can leave. The core is deterministic, so a new life that replays it goes
 * on in the view in which the former one died, with all that it had heard and said there.
 *
 * Nothing here is needed for safety. No write is synced, as a sync for each message would cost more than the rounds
 * that it saves: the death of thread or process loses nothing, a power failure maybe the end. The signer's record,
 * which is synced, then tells more than the journal does, and the next round is begun as if there were none. For the same
 * reason the node does not stop for a journal that it cannot write.
 */
export class Journal {
  readonly #file: JournalFile;
  readonly #options: JournalOptions;
  /** Of the height that is or was journaled. */
  #tipHash: Uint8Array | null = null;
  #sequence = 0;
  #failing = false;

  private constructor(file: JournalFile, options: JournalOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** @throws CONSENSUS_JOURNAL_IO */
  static open(options: JournalOptions): Journal {
    return new Journal(JournalFile.open(options.path), options);
  }

  /**
   * Goes on from where the journal ends. The attempt itself is journaled before it is made: a replay that ends the thread
   * is not tried for ever.
   * @returns null where there is nothing that fits `start`: `begin` then, and `follow`
   */
  recover(start: Start, now_ms: number): Begun | null {
    return this.#attempt(() => {
      const past = this.#read();
      if (!past) return null;
      this.#sequence = past.inputs.length + 1;
      this.#write({ now_ms, number: 0, input: { kind: 'recovered' } });
      if (!this.#isKept) return null;
      const outcome = recover(start, past, now_ms);
      if ('unfit' in outcome) return this.#discard(outcome.unfit, outcome.error);
      this.#resume(outcome.state, past);
      return outcome;
    });
  }

  /** Writes an input down before the core takes it. */
  append(s: State, input: Input, now_ms: number): void {
    if (!this.#isKept) return;
    this.#attempt(() => {
      if (this.#file.length > this.#options.maxBytes / 2) this.#renew(s, (bytes) => this.#file.replace(bytes));
      if (this.#isKept) this.#write({ now_ms, number: s.nextNumber, input });
    });
  }

  /**
   * Follows the core to a new height, which begins a new journal; to be called after each input, before its effects happen.
   * While blocks are fetched nothing is said, and what was heard is over: none is kept.
   */
  follow(s: State): void {
    this.#attempt(() => {
      if (!s.isValidator || s.catchup) return this.#rest();
      if (this.#tipHash && equalBytes(this.#tipHash, s.tip.blockHash)) return;
      this.#tipHash = s.tip.blockHash;
      // Nothing has been said here yet that a death in between could make it forget.
      this.#renew(s, (bytes) => this.#file.restart(bytes));
    });
  }

  close(): void {
    this.#file.close();
  }

  /** Sequence 0 is the head's: there is none while none is kept. */
  get #isKept(): boolean {
    return this.#sequence > 0;
  }

  #read(): Past | null {
    const { maxBytes, circumstances, metrics, log } = this.#options;
    if (this.#file.length === 0) return null;
    if (this.#file.length > maxBytes) return this.#discard('too_large');
    const { payloads, whole } = scan(this.#file.read());
    const torn = this.#file.length - whole;
    if (torn > 0) {
      this.#file.cut(whole);
      metrics.torn_bytes.inc(torn);
      log.warn({ torn, records: payloads.length }, 'the end of the journal was torn and is cut off');
    }
    const [first, ...others] = payloads;
    if (!first) return this.#discard('unreadable');
    try {
      const head = decodeHead(first);
      if (head.circumstances !== circumstances) return this.#discard('other_circumstances');
      const inputs = others.map(decodeTaken);
      const recoveries = inputs.filter(({ input }) => input.kind === 'recovered').length;
      if (recoveries >= MAX_RECOVERIES) return this.#discard('recovered_too_often');
      return { memory: head.memory, inputs };
    } catch (error) {
      return this.#discard('unreadable', error);
    }
  }

  #resume({ tip, height, view }: State, past: Past) {
    const { metrics, log } = this.#options;
    this.#tipHash = tip.blockHash;
    metrics.active.set(1);
    metrics.replayed.inc(past.inputs.length);
    log.info({ height, round: view.round, inputs: past.inputs.length }, 'consensus goes on in the view that it left');
  }

  #write(taken: Taken) {
    const { metrics, maxBytes } = this.#options;
    const bytes = encodeTaken(this.#sequence, taken);
    if (this.#file.length + bytes.length > maxBytes) {
      this.#discard('too_large');
      return;
    }
    this.#file.append(bytes);
    this.#sequence += 1;
    metrics.records.inc();
    metrics.bytes.set(this.#file.length);
  }

  /** Begins anew with the memory of this state, at a new height or in the middle of one. */
  #renew(s: State, put: (bytes: Uint8Array) => void) {
    const { circumstances, maxBytes, metrics } = this.#options;
    const bytes = encodeHead({ circumstances, memory: memoryOf(s) });
    // It is renewed at half of its size: one that is nearly there from the start would be renewed all the time.
    if (bytes.length > maxBytes / 4) {
      this.#discard('too_large');
      return;
    }
    put(bytes);
    this.#sequence = 1;
    metrics.active.set(1);
    metrics.records.inc();
    metrics.bytes.set(bytes.length);
    if (!this.#failing) return;
    this.#failing = false;
    this.#options.log.info('the journal of consensus is kept again');
  }

  /** Nothing is kept until the next height. */
  #rest() {
    this.#sequence = 0;
    if (this.#file.length > 0) this.#file.cut(0);
    this.#options.metrics.active.set(0);
    this.#options.metrics.bytes.set(0);
  }

  #discard(reason: Discarded, error?: unknown): null {
    const { metrics, log } = this.#options;
    metrics.discarded.inc({ reason });
    const facts = { reason, bytes: this.#file.length, ...(error === undefined ? {} : { error: toErrorRecord(error) }) };
    const text = 'the journal of consensus is of no use and begun anew: a restart costs the round';
    // A commit is the last thing that many a life does.
    if (reason === 'other_tip') log.info(facts, text);
    else log.warn(facts, text);
    this.#rest();
    return null;
  }

  /** A journal that fails is left alone until the next height; what it holds is cut, or torn and found out. */
  #attempt<T>(action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      const { metrics, log } = this.#options;
      this.#sequence = 0;
      metrics.active.set(0);
      metrics.failures.inc();
      const { code, message, data } = toErrorRecord(error);
      if (!this.#failing) log.error({ code, ...data }, message);
      this.#failing = true;
      return null;
    }
  }
}

/** A digest of all that decides the course of the core, besides the past itself: the software and its settings. */
export function circumstancesOf(version: string, manual: boolean, settings: Settings): string {
  const text = JSON.stringify([version, manual, settings], (_key, value: unknown) =>
    value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? value.toString() : value,
  );
  return toHex(sha256(new TextEncoder().encode(text)));
}
