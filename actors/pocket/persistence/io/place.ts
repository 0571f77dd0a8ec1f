import { createHash } from 'node:crypto';
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
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { CodedError } from '../../../../runtime/errors.ts';
import { writeWhole } from '../../../../runtime/whole-file.ts';
import type { Identity } from './binaries.ts';

/** Where the server of one home lives. Recorded in `<home>/database/place.json`. */
export interface Place {
  readonly version: 1;
  /** The home this was made for, as a real path. */
  readonly home: string;
  /** Device of the home: a home on a disk that is not mounted is not gone. */
  readonly device: number;
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
  const record = join(folder, 'place.json');
  const recorded = readPlace(record);
  const place = recorded === undefined ? choosePlace(real, identity, stateFolder) : movedPlace(recorded, real);
  if (recorded === undefined && existsSync(record)) replaceDamaged(record, place, log);
  if (recorded !== undefined && !existsSync(place.data)) {
    log.warn({ data: place.data }, 'the database of this home is gone: starting with an empty one');
  }
  for (const directory of [dirname(place.data), place.socket]) ownDirectory(directory, identity);
  return place;
}

/** Writes the record into the home and, where the data is elsewhere, beside the data. */
export function recordPlace(place: Place, connection: { url: string; binaries: string }): void {
  const record = `${JSON.stringify({ ...place, ...connection }, null, 2)}\n`;
  writeWhole(join(place.home, 'database', 'place.json'), record);
  if (!place.data.startsWith(`${place.home}/`)) writeWhole(join(dirname(place.data), 'place.json'), record);
}

/**
 * A damaged record is written anew if the database is where it would be put today. If it is not, it may be
 * elsewhere (the home was renamed since), and an empty one in its stead would look like a loss.
 * @throws EMBEDDED_PLACE
 */
function replaceDamaged(record: string, place: Place, log: Logger): void {
  if (!existsSync(place.data)) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `${record} is damaged, so it is unknown where the database of this home is. ` +
        'Restore the file, or delete it to begin with an empty database, which is filled from the other nodes.',
      { record },
    );
  }
  log.warn({ record, data: place.data }, 'the record of the database was damaged: it is written anew');
}

function choosePlace(home: string, identity: Identity | undefined, stateFolder: string): Place {
  const key = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const inside = identity === undefined || canEnter(join(home, 'database'), identity);
  if (!inside) openStateFolder(stateFolder);
  const folder = inside ? join(home, 'database', 'server') : join(stateFolder, 'homes', key);
  const near = join(folder, 'socket');
  const fits = Buffer.byteLength(near) <= MAX_SOCKET_DIRECTORY_BYTES;
  const socket = fits ? near : join(shortTemporary(), `potoroo-${key}`);
  return { version: 1, home, device: statSync(home).dev, data: join(folder, 'data'), socket };
}

/** A home may be renamed: its data stays where it is, or moves with it. A copy of a home must not share data. */
function movedPlace(place: Place, home: string): Place {
  if (place.home === home) return place;
  const inside = place.data.startsWith(`${place.home}/`);
  if (inside) return { ...place, ...relocate(place, home) };
  const original = readPlace(join(place.home, 'database', 'place.json'));
  if (original?.data === place.data) {
    throw new CodedError(
      'EMBEDDED_PLACE',
      `${home} is a copy of ${place.home} and its record names the same database. ` +
        `Delete ${home}/database to give the copy a database of its own.`,
      { home, original: place.home },
    );
  }
  return { ...place, home, device: statSync(home).dev };
}

function relocate(place: Place, home: string): Pick<Place, 'home' | 'device' | 'data' | 'socket'> {
  const data = join(home, place.data.slice(place.home.length + 1));
  const near = join(dirname(data), 'socket');
  const key = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const fits = Buffer.byteLength(near) <= MAX_SOCKET_DIRECTORY_BYTES;
  return {
    home,
    device: statSync(home).dev,
    data,
    socket: fits ? near : join(shortTemporary(), `potoroo-${key}`),
  };
}

/** The server's user must pass through it, whatever the umask of this process. */
function openStateFolder(stateFolder: string): void {
  for (const directory of [stateFolder, join(stateFolder, 'homes')]) {
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

/**
 * Data in the state folder whose home was deleted. Never one whose home lies on a disk that is merely absent:
 * the nearest directory above that exists must be on the device the home was on.
 */
export function orphanedPlaces(stateFolder: string): Place[] {
  const homes = join(stateFolder, 'homes');
  if (!existsSync(homes)) return [];
  const places: Place[] = [];
  for (const name of readdirSync(homes)) {
    const place = readPlace(join(homes, name, 'place.json'));
    if (place !== undefined && dirname(place.data) === join(homes, name) && homeIsGone(place)) places.push(place);
  }
  return places;
}

function homeIsGone(place: Place): boolean {
  if (existsSync(place.home)) return readPlace(join(place.home, 'database', 'place.json'))?.data !== place.data;
  let above = dirname(place.home);
  while (!existsSync(above)) above = dirname(above);
  return statSync(above).dev === place.device;
}

/** Deletes what an orphaned place holds; its server must be stopped. */
export function removePlace(place: Place): void {
  rmSync(place.socket, { recursive: true, force: true });
  rmSync(dirname(place.data), { recursive: true, force: true });
}
