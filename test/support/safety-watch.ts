import { readFileSync } from 'node:fs';
import { decodeRecord, SLOT_BYTES } from '../../actors/host/signer/core/record.ts';
import { MESSAGE_VOTE } from '../../actors/pocket/chain/consensus.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';

/**
 * Reads a signer's safety record while it is in use, and notices two different messages signed in one place. Every
 * signature stands in the record before it leaves the signer, and stays there until the view is over.
 */
export class SafetyWatch {
  /** Places with two signatures. */
  readonly contradictions: string[] = [];
  readonly #file: string;
  readonly #signed = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;

  constructor(file: string, interval_ms: number) {
    this.#file = file;
    this.#timer = setInterval(() => this.#look(), interval_ms);
  }

  /** Signatures seen so far. */
  get signatures(): number {
    return this.#signed.size;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const bytes = readFileSync(this.#file);
    for (const slot of [bytes.subarray(0, SLOT_BYTES), bytes.subarray(SLOT_BYTES)]) {
      // A slot that is just being written is not yet one.
      const { height, round, signed } = decodeRecord(slot)?.state ?? { height: 0n, round: 0, signed: [] };
      for (const { type, step, digest } of signed) {
        const kind = type === MESSAGE_VOTE ? 'vote' : 'proposal';
        this.#note(`height ${height}, round ${round}, step ${step}, ${kind}`, toHex(digest));
      }
    }
  }

  #note(place: string, digest: string): void {
    const earlier = this.#signed.get(place);
    if (earlier !== undefined && earlier !== digest) this.contradictions.push(place);
    this.#signed.set(place, digest);
  }
}
