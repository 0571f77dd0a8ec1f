/** What a power failure leaves of the victim's files: done from outside, when the process is dead. */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, SLOT_BYTES } from '../../actors/host/signer/core/record.ts';
import { type Overwritten, POINT_FILES, type Point } from './point.ts';
import { numbersFrom } from './random.ts';

/** What a disk writes whole. */
const SECTOR_BYTES = 512;

export interface VictimFiles {
  readonly record: string;
  readonly journal: string;
  /** Shared with the victim. */
  readonly control: string;
}

/** Takes away what was not synced, as the point says. To be called after every death: a new life begins a new account. */
export function losePower(files: VictimFiles, { power, part, target }: Point): void {
  const overwritten = takeUndo(files);
  if (power === 'none') return;
  const random = numbersFrom(Math.floor(part * 2 ** 32));
  const isLost = power === 'lost' ? () => true : () => random() < 0.5;
  for (const { position, old } of overwritten) putBack(files.record, position, Buffer.from(old, 'base64'), isLost);
  loseJournal(files.journal, random);
  // A name is as little on the disk as content, until the folder is synced.
  if (target === 'record.new' || target === 'record.folder') rmSync(files.record, { force: true });
}

/**
 * Has the record forget what was signed at the height that it ends with, and the journal with it: what a disk does that
 * tells of syncs which it has not done.
 */
export function forgetHeight(files: VictimFiles): void {
  const last = heightIn(files.record);
  for (const { position, old } of takeUndo(files)) {
    if (heightIn(files.record) < last) break;
    putBack(files.record, position, Buffer.from(old, 'base64'), () => true);
  }
  rmSync(files.journal, { force: true });
}

/** Newest first. */
function takeUndo({ control }: VictimFiles): Overwritten[] {
  const file = join(control, POINT_FILES.undo);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  rmSync(file);
  return lines.map((line) => JSON.parse(line) as Overwritten).reverse();
}

function putBack(record: string, position: number, old: Uint8Array, isLost: () => boolean): void {
  const fd = openSync(record, 'r+');
  for (let from = 0; from < old.length; from += SECTOR_BYTES) {
    const sector = old.subarray(from, from + SECTOR_BYTES);
    if (isLost()) writeSync(fd, sector, 0, sector.length, position + from);
  }
  closeSync(fd);
}

/** Nothing of the journal is ever synced: it may be gone, cut short, or as long as it was and full of zeros. */
function loseJournal(journal: string, random: () => number): void {
  if (!existsSync(journal)) return;
  const kind = Math.floor(random() * 3);
  if (kind === 0) {
    rmSync(journal);
    return;
  }
  const fd = openSync(journal, 'r+');
  const { length } = readFileSync(fd);
  const whole = Math.floor(random() * length);
  ftruncateSync(fd, whole);
  if (kind === 2) ftruncateSync(fd, length);
  closeSync(fd);
}

/** Where a key has signed last. */
export interface Signed {
  readonly height: bigint;
  readonly round: number;
  readonly type: number;
  readonly step: number;
}

/** What the record says was signed last; null before the first signature. */
export function lastSigned(record: string): Signed | null {
  const state = newest(record)?.state;
  const last = state?.signed.at(-1);
  return state && last ? { height: state.height, round: state.round, type: last.type, step: last.step } : null;
}

function heightIn(record: string): bigint {
  return newest(record)?.state.height ?? -1n;
}

function newest(record: string) {
  if (!existsSync(record)) return null;
  const fd = openSync(record, 'r');
  const slots = [0, 1].map((slot) => {
    const bytes = new Uint8Array(SLOT_BYTES);
    readSync(fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
    return decodeRecord(bytes);
  });
  closeSync(fd);
  return slots.reduce((a, b) => (a === null || (b !== null && b.sequence > a.sequence) ? b : a), null);
}
