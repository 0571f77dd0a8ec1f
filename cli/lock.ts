import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError, hasCode } from '../runtime/errors.ts';

/** Who holds a lock. The start time tells a process from a later one with the same id. */
interface Holder {
  pid: number;
  /** Clock ticks since boot (Linux), or empty. */
  started: string;
}

/** Start time of a process, '' where the system does not tell it, null if there is no such process. */
function startOf(pid: number): string | null {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if (!hasCode(error, 'EPERM')) return null;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may contain spaces; state is the first field after it, the start time the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function readHolder(path: string): Holder | null {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    return Number.isInteger(pid) && typeof started === 'string' ? { pid: pid as number, started } : null;
  } catch {
    return null;
  }
}

/** The process that holds the lock, or null if nobody does. */
export function lockHolder(path: string): number | null {
  const holder = readHolder(path);
  return holder !== null && startOf(holder.pid) === holder.started ? holder.pid : null;
}

/**
 * Takes the lock at `path` for this process; returns how to release it. A lock of a dead process is taken over.
 * @param what names what is locked, for the message
 * @throws HOME_IN_USE
 */
export function takeLock(path: string, what: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '' });
  writeFileSync(own, text);
  try {
    // `link` fails if the lock exists, and makes it appear complete. The second attempt follows a removal.
    for (let attempt = 1; attempt <= 2; attempt++) {
      try {
        linkSync(own, path);
        return () => {
          if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
        };
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        removeStale(path);
      }
    }
    throw inUse(path, what);
  } finally {
    rmSync(own, { force: true });
  }
}

function removeStale(path: string): void {
  if (lockHolder(path) !== null) return;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  // Between our look and the rename another process may have taken the lock: then it is given back.
  if (lockHolder(aside) !== null) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function inUse(path: string, what: string): CodedError {
  const pid = lockHolder(path);
  return new CodedError('HOME_IN_USE', `${what} is in use by process ${pid ?? 'unknown'}: stop it first`, {
    path,
    pid,
  });
}
