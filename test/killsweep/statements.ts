import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Line, RecordLine } from './record-line.ts';
import { DECIDE, NEWROUND, PROPOSAL } from './statement.ts';

const POLL_ms = 20;

/** Reads the observer's file while it grows, for what one validator says. */
export class Follower {
  readonly #fd: number;
  readonly #sender: string;
  readonly #buffer = Buffer.alloc(1 << 20);
  #position = 0;
  #rest = '';
  /** The first that was heard after `mark`. */
  first: RecordLine | null = null;
  /** The last height at which the validator voted, or led. */
  height = 0n;
  /** The last height of which it announced the decision, as its leader. */
  decided = 0n;

  constructor(file: string, sender: string) {
    this.#fd = openSync(file, 'a+');
    this.#sender = sender;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Begins anew to look for the first statement. */
  mark(): void {
    this.read();
    this.first = null;
  }

  read(): void {
    for (;;) {
      const length = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#position);
      if (length === 0) return;
      this.#position += length;
      const lines = (this.#rest + this.#buffer.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as Line);
    }
  }

  #take(line: Line): void {
    if ('end' in line || line.sender !== this.#sender) return;
    this.first ??= line;
    // Who says NEWROUND takes part, but is not seen to vote.
    const isVoice = line.type !== PROPOSAL || line.step > NEWROUND;
    if (isVoice && BigInt(line.height) > this.height) this.height = BigInt(line.height);
    if (line.type === PROPOSAL && line.step === DECIDE) this.decided = BigInt(line.height);
  }

  /** Resolves when the validator has voted, or led, at a later height; false if it does not in time. */
  votesAfter(height: bigint, limit_ms: number): Promise<boolean> {
    return this.#comes(() => this.height > height, limit_ms);
  }

  /** Resolves when the validator has led one height more to its end; false if it does not in time. */
  leads(limit_ms: number): Promise<boolean> {
    this.read();
    const before = this.decided;
    return this.#comes(() => this.decided > before, limit_ms);
  }

  async #comes(hasCome: () => boolean, limit_ms: number): Promise<boolean> {
    for (const end = performance.now() + limit_ms; ; await sleep(POLL_ms)) {
      this.read();
      if (hasCome()) return true;
      if (performance.now() >= end) return false;
    }
  }
}
