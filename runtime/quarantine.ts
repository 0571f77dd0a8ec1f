import { Packr } from 'msgpackr';
import type { BoxedMessage } from './black-box.ts';
import type { Notice, Quarantined } from './control.ts';
import { CodedError } from './errors.ts';

/** A block has 4 MB: what is larger is cut, and says so by its length. */
const MAX_BODY_BYTES = 8 << 20;
/** For people: some pages. */
const MAX_TEXT_CHARACTERS = 64 << 10;
/** Bytes of one field that people are shown. */
const SHOWN_BYTES = 1_024;

/**
 * Keeps requests that killed former lives of this actor from its handlers, and hands their content, which only a
 * living thread has, to the supervisor.
 */
export class Quarantine {
  readonly #until = new Map<number, number>();
  readonly #notify: (notice: Notice) => void;
  readonly #told = new Set<number>();

  constructor(held: readonly Quarantined[], notify: (notice: Notice) => void) {
    for (const { fingerprint, until_ms } of held) this.#until.set(fingerprint, until_ms);
    this.#notify = notify;
  }

  /** The error that the request is refused with, or null: it may pass. */
  refusal({ fingerprint }: BoxedMessage, body: unknown, now_ms: number): CodedError | null {
    if (this.#until.size === 0) return null;
    const until_ms = this.#until.get(fingerprint);
    if (until_ms === undefined || now_ms >= until_ms) return null;
    if (!this.#told.has(fingerprint)) {
      this.#told.add(fingerprint);
      this.#notify({ notice: 'deadLetter', fingerprint, body: packed(body), text: readable(body) });
    }
    return new CodedError('DEAD_LETTER', 'this request killed the actor twice; it is not tried again for now', {
      until_ms,
    });
  }
}

function packed(body: unknown): Uint8Array {
  // Records would need their definitions to be read again.
  const bytes = new Packr({ useRecords: false, useBigIntExtension: true }).pack(body);
  return Uint8Array.from(bytes.subarray(0, MAX_BODY_BYTES));
}

function readable(body: unknown): string {
  const text = JSON.stringify(body, (_key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    if (isBytes(value)) return hexOf(value);
    return value;
  });
  return text.slice(0, MAX_TEXT_CHARACTERS);
}

/** A Buffer turns itself into JSON before the replacer sees it. */
function isBytes(value: unknown): value is Uint8Array | { data: number[] } {
  return value instanceof Uint8Array || (value as { type?: unknown } | null)?.type === 'Buffer';
}

function hexOf(value: Uint8Array | { data: number[] }): string {
  const bytes = Buffer.from(value instanceof Uint8Array ? value : value.data);
  const rest = bytes.length > SHOWN_BYTES ? `… (${bytes.length} bytes)` : '';
  return bytes.subarray(0, SHOWN_BYTES).toString('hex') + rest;
}
