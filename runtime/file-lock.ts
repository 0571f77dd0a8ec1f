import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hasCode } from './errors.ts';
import { identityOf, isAlive, parseIdentity } from './process-identity.ts';

/** What came of trying to take a lock. */
export type LockAttempt =
  | { readonly taken: true; readonly release: () => void }
  | { readonly taken: false; readonly holder: number | null };

/** The process that holds the lock, or null if nobody does. */
export function lockHolder(path: string): number | null {
  const holder = parseIdentity(readLock(path));
  return holder !== undefined && isAlive(holder) ? holder.pid : null;
}

/**
 * Takes the lock at `path` for this process. A lock of a dead process is taken over, and so is one of this very
 * process: an actor's former life, which the supervisor ended before it started this one.
 */
export function takeFileLock(path: string): LockAttempt {
  const text = JSON.stringify(identityOf(process.pid));
  const own = `${path}.${process.pid}`;
  writeFileSync(own, text, { mode: 0o600 });
  try {
    // `link` fails if the lock exists and makes it appear complete: no reader sees half of it. The second
    // attempt follows the removal of a stale one.
    for (let attempt = 1; attempt <= 2; attempt++) {
      if (linked(own, path)) return { taken: true, release: () => release(path, text) };
      removeStale(path);
    }
    return { taken: false, holder: lockHolder(path) };
  } finally {
    rmSync(own, { force: true });
  }
}

function linked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function removeStale(path: string): void {
  if (isForeign(path)) return;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  // Between our look and the rename another process may have taken the lock: then it is given back.
  if (isForeign(aside)) linked(aside, path);
  rmSync(aside, { force: true });
}

/** True if a living process other than this one holds the lock. */
function isForeign(path: string): boolean {
  const holder = lockHolder(path);
  return holder !== null && holder !== process.pid;
}

function release(path: string, text: string): void {
  if (readLock(path) === text) rmSync(path, { force: true });
}

function readLock(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}
