import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CodedError, toErrorRecord } from '../../../../runtime/errors.ts';

/** Whose home it is may read what its validator has heard; nobody else has business here. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * A file that grows at its end and is replaced as a whole. What was written survives the end of the process, also by
 * SIGKILL, because the system has it; nothing is synced, so a power failure may cost the last seconds.
 */
export class JournalFile {
  readonly #path: string;
  #fd: number;
  #length: number;

  private constructor(path: string, fd: number, length: number) {
    this.#path = path;
    this.#fd = fd;
    this.#length = length;
  }

  /** Opens the file, or makes an empty one and its folder. @throws CONSENSUS_JOURNAL_IO */
  static open(path: string): JournalFile {
    return guarded(path, () => {
      mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
      return new JournalFile(path, fd, fstatSync(fd).size);
    });
  }

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** @throws CONSENSUS_JOURNAL_IO */
  read(): Uint8Array {
    return guarded(this.#path, () => {
      const bytes = new Uint8Array(this.#length);
      let done = 0;
      for (let read = -1; read !== 0 && done < bytes.length; done += read) {
        read = readSync(this.#fd, bytes, done, bytes.length - done, done);
      }
      return bytes.subarray(0, done);
    });
  }

  /** Writes at the end. After an error the end may be torn. @throws CONSENSUS_JOURNAL_IO */
  append(bytes: Uint8Array): void {
    guarded(this.#path, () => writeAll(this.#fd, bytes, this.#length));
    this.#length += bytes.length;
  }

  /** Leaves the first `length` bytes. @throws CONSENSUS_JOURNAL_IO */
  cut(length: number): void {
    guarded(this.#path, () => ftruncateSync(this.#fd, length));
    this.#length = length;
  }

  /** Has other content from here on; who dies meanwhile leaves less, or none. @throws CONSENSUS_JOURNAL_IO */
  restart(bytes: Uint8Array): void {
    this.cut(0);
    this.append(bytes);
  }

  /**
   * Has other content from here on; who dies meanwhile leaves the old or the new. It costs milliseconds where others keep
   * the disk busy, a hundred times as much as `restart`: file systems flush what takes the place of a file.
   * @throws CONSENSUS_JOURNAL_IO
   */
  replace(bytes: Uint8Array): void {
    const fresh = `${this.#path}.new`;
    guarded(this.#path, () => {
      const fd = openSync(fresh, 'w+', FILE_MODE);
      try {
        writeAll(fd, bytes, 0);
        renameSync(fresh, this.#path);
      } catch (error) {
        closeSync(fd);
        rmSync(fresh, { force: true });
        throw error;
      }
      closeSync(this.#fd);
      this.#fd = fd;
    });
    this.#length = bytes.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new CodedError(
      'CONSENSUS_JOURNAL_IO',
      `The journal of consensus cannot be used (${toErrorRecord(cause).message}). Check the owner of ${dirname(path)}, the disk and its free space, or write another consensus.journal_file.`,
      { path },
      { cause },
    );
  }
}
