import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { writeWhole } from '../../../../runtime/whole-file.ts';
import { ADRIFT, anchor, anchorLinks, isAnchored } from './anchor.ts';
import type { Identity } from './binaries.ts';

/** Where the server of one home lives. Recorded in `<home>/database/place.json`. */
export interface Place {
  readonly version: 1;
  /** The home this was made for, as a real path. */
  readonly home: string;
  readonly data: string;
  readonly socket: string;
}

/** `sun_path` is 108 bytes on Linux and 104 on macOS, with the final zero and `/.s.PGSQL.5432`. */
const MAX_SOCKET_DIRECTORY_BYTES = 85;

/**
 * Decides where data and socket live, or reads what was decided before, and makes the directories.
 * @throws EMBEDDED_PLACE
 */
export function preparePlace(home: string, identity: Identity | undefined, stateFolder: string, log: Logger): Place {
  const folder = join(home, 'database');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const real = realpathSync(home);
  const recorded = readPlace(recordOf(real));
  const place = recorded === undefined ? newPlace(real, identity, stateFolder, log) : recordedPlace(recorded, real);
  if (recorded !== undefined && !existsSync(place.data)) {
    log.warn({ data: place.data }, 'the database of this home is gone: starting with an empty one');
  }
  for (const directory of [dirname(place.data), place.socket]) ownDirectory(directory, identity);
  if (!isInside(place)) anchor(real, dirname(place.data));
  return place;
}

/** Writes the record into the home and, where the data is elsewhere, beside the data. */
export function recordPlace(place: Place, connection: { url: string; binaries: string }): void {
  const record = `${JSON.stringify({ ...place, ...connection }, null, 2)}\n`;
  writeWhole(recordOf(place.home), record);
  if (!isInside(place)) writeWhole(join(dirname(place.data), 'place.json'), record);
}

function isInside(place: Place): boolean {
  return place.data.startsWith(`${place.home}/`);
}

function recordOf(home: string): string {
  return join(home, 'database', 'place.json');
}

function newPlace(home: string, identity: Identity | undefined, stateFolder: string, log: Logger): Place {
  return existsSync(recordOf(home)) ? lostPlace(home, stateFolder, log) : choosePlace(home, identity, stateFolder);
}

/**
 * The place of a home whose record is damaged: inside of it, or where its anchor is. Where neither has a database it may
 * still be elsewhere, and an empty one in its stead would look like a loss.
 * @throws EMBEDDED_PLACE
 */
function lostPlace(home: string, stateFolder: string, log: Logger): Place {
  const record = recordOf(home);
  const folder = foldersIn(stateFolder).find((one) => isAnchored(home, one));
  const place = folder === undefined ? inside(home) : outside(home, folder);
  if (!existsSync(place.data)) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `${record} is damaged, so it is unknown where the database of this home is. ` +
        'Restore the file, or delete it to begin with an empty database, which is filled from the other nodes.',
      { record },
    );
  }
  log.warn({ record, data: place.data }, 'the record of the database was damaged: it is written anew');
  return place;
}

/**
 * Elsewhere every choice is a new folder: one of the same home's path may belong to a home that was renamed, or may be
 * about to be removed by another node.
 */
function choosePlace(home: string, identity: Identity | undefined, stateFolder: string): Place {
  if (identity === undefined || canEnter(join(home, 'database'), identity)) return inside(home);
  openStateFolder(stateFolder);
  return outside(home, join(homesIn(stateFolder), randomBytes(6).toString('hex')));
}

function inside(home: string): Place {
  return placeIn(join(home, 'database', 'server'), home, createHash('sha256').update(home).digest('hex').slice(0, 12));
}

function outside(home: string, folder: string): Place {
  return placeIn(folder, home, basename(folder));
}

/** @param name tells the socket from others where it must lie in the temporary directory */
function placeIn(folder: string, home: string, name: string): Place {
  const near = join(folder, 'socket');
  const fits = Buffer.byteLength(near) <= MAX_SOCKET_DIRECTORY_BYTES;
  const socket = fits ? near : join(shortTemporary(), `potoroo-${name}`);
  return { version: 1, home, data: join(folder, 'data'), socket };
}

function homesIn(stateFolder: string): string {
  return join(stateFolder, 'homes');
}

function foldersIn(stateFolder: string): string[] {
  const homes = homesIn(stateFolder);
  return existsSync(homes) ? readdirSync(homes).map((name) => join(homes, name)) : [];
}

/**
 * A home may be renamed: its data stays where it is, or moves with it. A copy of a home must not share data.
 * @throws EMBEDDED_PLACE
 */
function recordedPlace(place: Place, home: string): Place {
  if (isInside(place)) return place.home === home ? place : inside(home);
  if (isElsewhere(place, home)) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `${home} is a copy of another home (${place.home} when that was last started) and its record names the same ` +
        `database. Delete ${home}/database to give the copy a database of its own.`,
      { home, original: place.home },
    );
  }
  return { ...place, home };
}

/** True if the data belongs to a home that exists and is not this one. */
function isElsewhere(place: Place, home: string): boolean {
  const folder = dirname(place.data);
  if (isAnchored(home, folder)) return false;
  return anchorLinks(folder) > ADRIFT || (place.home !== home && isClaimed(place));
}

/** True if there is a home where this was made for one, and its record names this data. */
function isClaimed(place: Place): boolean {
  return readPlace(recordOf(place.home))?.data === place.data;
}

/** The server's user must pass through it, whatever the umask of this process. */
function openStateFolder(stateFolder: string): void {
  for (const directory of [stateFolder, homesIn(stateFolder)]) {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
  }
}

function shortTemporary(): string {
  const temporary = tmpdir();
  return Buffer.byteLength(temporary) <= MAX_SOCKET_DIRECTORY_BYTES - 21 ? temporary : '/tmp';
}

/** True if every directory down to this one lets the user pass. Access lists are not consulted: a safe no. */
function canEnter(directory: string, identity: Identity): boolean {
  for (let path = directory; ; path = dirname(path)) {
    const { mode, uid, gid } = statSync(path);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

/** Makes a 0700 directory of the server's user. One that is someone else's is refused, not taken over. */
function ownDirectory(directory: string, identity: Identity | undefined): void {
  const owner = identity?.uid ?? process.getuid?.();
  try {
    mkdirSync(dirname(directory), { recursive: true, mode: 0o755 });
    try {
      mkdirSync(directory, { mode: 0o700 });
      if (identity !== undefined) chownSync(directory, identity.uid, identity.gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  } catch (cause) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `cannot make ${directory} for the embedded PostgreSQL (${(cause as Error).message}). ` +
        'Put the home where its user can write, or set database.url.',
      { directory },
      { cause },
    );
  }
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== owner) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `${directory} is not a directory of user ${owner}. Remove it, or run the node as the user that made it.`,
      { directory, owner, found: found.uid },
    );
  }
  chmodSync(directory, 0o700);
}

/** The record, or undefined if there is none that can be read. */
function readPlace(path: string): Place | undefined {
  try {
    const place = JSON.parse(readFileSync(path, 'utf8')) as Place;
    const complete = [place.home, place.data, place.socket].every((value) => typeof value === 'string');
    return place.version === 1 && complete ? place : undefined;
  } catch {
    return undefined;
  }
}

/** Data in the state folder whose home was deleted, or was given another database. */
export function orphanedPlaces(stateFolder: string): Place[] {
  const places: Place[] = [];
  for (const folder of foldersIn(stateFolder)) {
    const place = readPlace(join(folder, 'place.json'));
    // A home that was restored from a backup is not anchored until it is started.
    if (place === undefined || anchorLinks(folder) !== ADRIFT || isClaimed(place)) continue;
    // Not what the record says is removed: the server's user may write there.
    places.push(outside(place.home, folder));
  }
  return places;
}

/** Deletes what an orphaned place holds; its server must be stopped. Several nodes may do it at once. */
export function removePlace(place: Place): void {
  try {
    // The folder, and with it what shows that it is an orphan, comes last: a removal that is cut off is done again.
    for (const path of [place.socket, place.data, dirname(place.data)]) {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    }
  } catch (error) {
    // Another node was faster.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
