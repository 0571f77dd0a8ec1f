import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from './whole-file.ts';

/**
 * A directory of JSON files of which the newest are kept. Names begin with their time, so that they sort by it.
 * Only the owner may read them: they may hold what clients sent.
 */
export class KeptFiles {
  readonly #directory: string;
  readonly #limit: number;

  constructor(directory: string, limit: number) {
    this.#directory = directory;
    this.#limit = limit;
  }

  /** Writes a file, whole, and removes the oldest ones beyond the limit. @throws what the file system says */
  write(name: string, content: unknown): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const text = JSON.stringify(content, (_key, value) => (typeof value === 'bigint' ? value.toString() : value), 2);
    writeWhole(join(this.#directory, name), `${text}\n`, 0o600);
    const names = readdirSync(this.#directory).filter((one) => one.endsWith('.json'));
    for (const old of names.sort().slice(0, -this.#limit)) rmSync(join(this.#directory, old), { force: true });
  }
}

/** A time as it stands in a file name: sorts, and needs no quoting anywhere. */
export function fileTime(time_ms: number): string {
  return new Date(time_ms).toISOString().replaceAll(':', '-');
}
