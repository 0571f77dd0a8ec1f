import type { Notice, Quarantined } from '../control.ts';
import { fileTime, KeptFiles } from '../kept-files.ts';

/** A request is put aside at its second killing. */
const DEATHS = 2;
/** How long a killing is remembered, and how long a request stays aside, ms: then it may try again. */
const MEMORY_ms = 600_000;
/** Requests remembered at once: deaths are rarer than that within ten minutes, by any intensity. */
const MAX_SUSPECTS = 256;
/** Files kept. */
const MAX_FILES = 100;

/** What is written to the directory of dead letters. Version 1. */
export interface DeadLetter {
  readonly version: 1;
  readonly id: string;
  readonly time: string;
  readonly actor: string;
  readonly from: string;
  readonly message: string;
  readonly deaths: readonly { readonly time: string; readonly code: string }[];
  /** msgpack in base64; null until the request came again and a living thread could read it. */
  readonly body: string | null;
  readonly text: string | null;
}

/** A request that an actor died of. */
export interface Killing {
  readonly actor: string;
  readonly from: string;
  readonly message: string;
  readonly fingerprint: number;
  readonly code: string;
}

interface Suspect {
  readonly killing: Killing;
  /** Oldest first; never more than `DEATHS` and those since. */
  deaths: { time_ms: number; code: string }[];
  letter: DeadLetter | null;
}

/** Remembers which requests killed whom, and puts those aside that did it twice. */
export class DeadLetters {
  readonly #files: KeptFiles | null;
  readonly #suspects = new Map<string, Suspect>();

  /** @param directory where they are kept; null: nowhere */
  constructor(directory: string | null) {
    this.#files = directory === null ? null : new KeptFiles(directory, MAX_FILES);
  }

  /** Counts a death; the letter if the request is put aside by it. @throws what the file system says */
  count(killing: Killing, now_ms: number): DeadLetter | null {
    this.#forget(now_ms);
    const key = keyOf(killing.actor, killing.fingerprint);
    const suspect = this.#suspects.get(key) ?? { killing, deaths: [], letter: null };
    this.#suspects.delete(key);
    this.#suspects.set(key, suspect);
    suspect.deaths.push({ time_ms: now_ms, code: killing.code });
    if (suspect.deaths.length < DEATHS) return null;
    suspect.letter = letterOf(suspect, now_ms);
    this.#write(suspect.letter);
    return suspect.letter;
  }

  /** What the next life of an actor must not touch. */
  quarantine(actor: string, now_ms: number): Quarantined[] {
    this.#forget(now_ms);
    return [...this.#suspects.values()]
      .filter(({ killing, letter }) => killing.actor === actor && letter !== null)
      .map(({ killing, deaths }) => ({
        fingerprint: killing.fingerprint,
        until_ms: deaths.at(-1)!.time_ms + MEMORY_ms,
      }));
  }

  /** The content of a request that came again. @throws what the file system says */
  complete(actor: string, { fingerprint, body, text }: Extract<Notice, { notice: 'deadLetter' }>): void {
    const suspect = this.#suspects.get(keyOf(actor, fingerprint));
    if (!suspect?.letter) return;
    suspect.letter = { ...suspect.letter, body: Buffer.from(body).toString('base64'), text };
    this.#write(suspect.letter);
  }

  #write(letter: DeadLetter): void {
    this.#files?.write(`${letter.id}.json`, letter);
  }

  #forget(now_ms: number): void {
    for (const [key, { deaths }] of this.#suspects) {
      const isOld = deaths.at(-1)!.time_ms <= now_ms - MEMORY_ms;
      if (isOld || this.#suspects.size > MAX_SUSPECTS) this.#suspects.delete(key);
    }
  }
}

function letterOf({ killing, deaths, letter }: Suspect, now_ms: number): DeadLetter {
  const { actor, from, message, fingerprint } = killing;
  return {
    version: 1,
    id: letter?.id ?? `${fileTime(now_ms)}-${actor}-${fingerprint.toString(16)}`,
    time: new Date(now_ms).toISOString(),
    actor,
    from,
    message,
    deaths: deaths.map(({ time_ms, code }) => ({ time: new Date(time_ms).toISOString(), code })),
    body: letter?.body ?? null,
    text: letter?.text ?? null,
  };
}

function keyOf(actor: string, fingerprint: number): string {
  return `${actor} ${fingerprint}`;
}
