import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CodedError, toErrorRecord } from '../../../../runtime/errors.ts';
import { equalBytes, toHex } from '../../../pocket/chain/hex.ts';
import { type Binding, checkBinding, copyEvidence } from '../core/binding.ts';
import { COMPLETE, FRESH, type Guard } from '../core/guard.ts';
import {
  decodeRecord,
  encodeRecord,
  PREFIX_BYTES,
  type RecordContent,
  type RecordOwner,
  SLOT_BYTES,
  type StoredRecord,
  sequenceOf,
} from '../core/record.ts';
import { type SafetyState, UNSIGNED_STATE } from '../core/rules.ts';
import { takeLock } from './lock-file.ts';
import { thisMachine } from './machine.ts';

const SLOTS = 2n;

/** What is done with a record that lives elsewhere than it was bound to: only an operator's command takes it. */
export type CopyPolicy = 'refuse' | 'take';

/** A record, opened for signing. */
export interface OpenedRecord {
  readonly file: RecordFile;
  /** There was none. */
  readonly created: boolean;
  /** It was of a version that is not bound to its place, and is now. */
  readonly adopted: boolean;
}

/** A record as it is found, without its lock: whoever signs may be writing to it. */
export interface FoundRecord {
  readonly stored: StoredRecord;
  /** What shows that it is a copy; null for an original, and for one that is not bound yet. */
  readonly copied: 'machine' | 'file' | null;
}

/**
 * The safety record on disk: one file, two slots written in turn, so that a torn write leaves the other one. It is
 * written in place, so its inode stays, and tells the original from a copy.
 * All calls are synchronous: this thread has nothing better to do while a signature waits for the disk.
 */
export class RecordFile {
  readonly #fd: number;
  readonly #owner: RecordOwner;
  readonly #binding: Binding;
  readonly #unlock: () => void;
  #sequence: bigint;
  #content: RecordContent;
  #failed = false;

  private constructor(fd: number, owner: RecordOwner, here: Binding, stored: StoredRecord, unlock: () => void) {
    this.#fd = fd;
    this.#owner = owner;
    this.#binding = here;
    this.#sequence = stored.sequence;
    this.#content = stored;
    this.#unlock = unlock;
  }

  /**
   * Opens the record, or creates it where there is none.
   * @param copies what to do with a record that was copied; one that is taken is bound to its new place by the next write
   * @throws CodedError SIGNER_RECORD_LOCKED, SIGNER_RECORD_CORRUPT, SIGNER_RECORD_FOREIGN, SIGNER_RECORD_COPIED,
   * SIGNER_RECORD_IO
   */
  static open(path: string, owner: RecordOwner, copies: CopyPolicy = 'refuse'): OpenedRecord {
    const unlock = guarded(path, () => takeLock(`${path}.lock`));
    let fd: number | undefined;
    try {
      const created = guarded(path, () => createIfAbsent(path, owner));
      const opened = guarded(path, () => openSync(path, 'r+'));
      fd = opened;
      const stored = guarded(path, () => readNewest(opened));
      if (stored === null) throw corruptError(path);
      checkOwner(path, stored.owner, owner);
      const here = guarded(path, () => placeOf(opened));
      if (stored.binding !== null && copies === 'refuse') checkBinding(path, stored.binding, here);
      const file = new RecordFile(opened, owner, here, stored, unlock);
      const adopted = stored.binding === null;
      if (adopted) file.#adopt();
      return { file, created, adopted };
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      unlock();
      throw error;
    }
  }

  /** Looks at a record that may be in use; null where there is none. @throws CodedError SIGNER_RECORD_CORRUPT, SIGNER_RECORD_IO */
  static look(path: string): FoundRecord | null {
    if (!existsSync(path)) return null;
    return guarded(path, () => {
      const fd = openSync(path, 'r');
      try {
        const stored = readNewest(fd);
        if (stored === null) throw corruptError(path);
        const { binding } = stored;
        return { stored, copied: binding === null ? null : copyEvidence(binding, placeOf(fd)) };
      } finally {
        closeSync(fd);
      }
    });
  }

  get state(): SafetyState {
    return this.#content.state;
  }

  get guard(): Guard {
    return this.#content.guard;
  }

  /**
   * Makes a state, a guard or both durable. After a failure nothing can be said about what is on the disk, so every
   * later call fails too, until the record is opened again.
   * @throws CodedError SIGNER_RECORD_TOO_LARGE (harmless), SIGNER_RECORD_CHANGED, SIGNER_RECORD_IO
   */
  write(change: Partial<RecordContent>): void {
    if (this.#failed) throw ioError('an earlier write failed');
    const sequence = this.#sequence + 1n;
    const { state, guard } = { ...this.#content, ...change };
    const bytes = encodeRecord({ sequence, owner: this.#owner, binding: this.#binding, state, guard });
    try {
      this.#checkAlone();
      writeAll(this.#fd, bytes, this.#slot(sequence) * SLOT_BYTES);
      fdatasyncSync(this.#fd);
    } catch (error) {
      this.#failed = true;
      throw error instanceof CodedError ? error : ioError(toErrorRecord(error).message, error);
    }
    this.#sequence = sequence;
    this.#content = { state, guard };
  }

  /** Both slots: a version of this software that knows only the old format must find none, rather than an older one. */
  #adopt(): void {
    for (let slot = 0n; slot < SLOTS; slot++) this.write({ guard: COMPLETE });
  }

  close(): void {
    this.#failed = true;
    closeSync(this.#fd);
    this.#unlock();
  }

  /** The lock file cannot see a process on another machine or in another container; what it wrote can be seen. */
  #checkAlone(): void {
    const mine = readSequence(this.#fd, this.#slot(this.#sequence));
    const other = readSequence(this.#fd, this.#slot(this.#sequence + 1n));
    // A torn slot may bear any number: a larger one counts only with its checksum.
    if (mine === this.#sequence && (other === null || other < mine || readNewest(this.#fd)?.sequence === mine)) return;
    throw new CodedError(
      'SIGNER_RECORD_CHANGED',
      'The safety record was written by somebody else. Find the other node that uses this key and stop it before this one is started again.',
      { expected: this.#sequence, found: [mine, other] },
    );
  }

  #slot(sequence: bigint): number {
    return Number(sequence % SLOTS);
  }
}

function createIfAbsent(path: string, owner: RecordOwner): boolean {
  if (existsSync(path)) return false;
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    const bytes = new Uint8Array(SLOT_BYTES * Number(SLOTS));
    const content = { state: UNSIGNED_STATE, guard: FRESH };
    bytes.set(encodeRecord({ sequence: 0n, owner, binding: placeOf(fd), ...content }));
    writeAll(fd, bytes, 0);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
  return true;
}

/** Where an open record lives. A file keeps its inode when it is renamed. */
function placeOf(fd: number): Binding {
  return { machine: thisMachine(), inode: fstatSync(fd, { bigint: true }).ino };
}

function readNewest(fd: number): StoredRecord | null {
  if (fstatSync(fd).size !== SLOT_BYTES * Number(SLOTS)) return null;
  const slots = [readSlot(fd, 0), readSlot(fd, 1)].filter((slot) => slot !== null);
  return slots.reduce<StoredRecord | null>((a, b) => (a === null || b.sequence > a.sequence ? b : a), null);
}

function readSequence(fd: number, index: number): bigint | null {
  const prefix = new Uint8Array(PREFIX_BYTES);
  const read = readSync(fd, prefix, 0, PREFIX_BYTES, index * SLOT_BYTES);
  return sequenceOf(prefix.subarray(0, read));
}

function readSlot(fd: number, index: number): StoredRecord | null {
  const bytes = new Uint8Array(SLOT_BYTES);
  const read = readSync(fd, bytes, 0, SLOT_BYTES, index * SLOT_BYTES);
  return decodeRecord(bytes.subarray(0, read));
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

function checkOwner(path: string, found: RecordOwner, wanted: RecordOwner): void {
  if (equalBytes(found.address, wanted.address) && found.networkId === wanted.networkId) return;
  throw new CodedError(
    'SIGNER_RECORD_FOREIGN',
    `${path} is the safety record of validator ${toHex(found.address)} on network ${found.networkId}. Configure the record or the key that belong together.`,
    { path, address: toHex(found.address), networkId: found.networkId },
  );
}

function corruptError(path: string): CodedError {
  return new CodedError(
    'SIGNER_RECORD_CORRUPT',
    `Both copies in ${path} are damaged, so it is unknown what this key has signed. Check the disk, and either retire this validator key, or, if you know that no block was signed with it since a backup of this very file, restore that backup and run \`potoroo signer accept\`. Do not delete the file.`,
    { path },
  );
}

function ioError(reason: string, cause?: unknown): CodedError {
  return new CodedError(
    'SIGNER_RECORD_IO',
    `The safety record cannot be used (${reason}). Nothing is signed; check the disk and its free space.`,
    {},
    { cause },
  );
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof CodedError ? error : ioError(`${path}: ${toErrorRecord(error).message}`, error);
  }
}
