import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CodedError, hasCode } from '../../../../runtime/errors.ts';

/** Who holds the lock. A pid alone is not enough: it is used again after a reboot, and in every container. */
interface Holder {
  pid: number;
  /** Start time of the process in clock ticks since boot (Linux), or empty. */
  started: string;
  /** Identity of the boot (Linux), or empty. */
  boot: string;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
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
    // The name in parentheses may contain spaces; start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { pid, started, boot } = value as Partial<Record<keyof Holder, unknown>>;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return null;
    return typeof started === 'string' && typeof boot === 'string' ? { pid, started, boot } : null;
  } catch {
    return null;
  }
}

/**
 * True while the holder may still sign. A lock of this very process is a former life of the actor, which the
 * supervisor ended before it started this one.
 */
function alive(holder: Holder, boot: string): boolean {
  if (holder.pid === process.pid || holder.boot !== boot) return false;
  const started = startOf(holder.pid);
  return started !== null && started === holder.started;
}

/**
 * Takes the lock at `path`; returns how to release it.
 * @throws CodedError SIGNER_RECORD_LOCKED
 */
export function takeLock(path: string): () => void {
  const me: Holder = { pid: process.pid, started: startOf(process.pid) ?? '', boot: bootId() };
  const text = JSON.stringify(me);
  const own = `${path}.${process.pid}`;
  writeFileSync(own, text, { mode: 0o600 });
  try {
    // `link` fails if the lock exists and makes it appear complete: no reader sees half of it. The second
    // attempt follows the removal of a stale one.
    for (const attempt of [1, 2]) {
      try {
        linkSync(own, path);
        return () => release(path, text);
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        if (attempt === 2 || !removeStale(path, me.boot)) throw lockedError(path);
      }
    }
    throw lockedError(path);
  } finally {
    rmSync(own, { force: true });
  }
}

function removeStale(path: string, boot: string): boolean {
  const holder = parseHolder(readLock(path));
  if (holder !== null && alive(holder, boot)) return false;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
  // Between our look and the rename another process may have taken the lock: then it is given back.
  const moved = parseHolder(readLock(aside));
  const mistaken = moved !== null && alive(moved, boot);
  if (mistaken) linkSync(aside, path);
  rmSync(aside, { force: true });
  return !mistaken;
}

function readLock(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

function release(path: string, text: string): void {
  if (readLock(path) === text) rmSync(path, { force: true });
}

function lockedError(path: string): CodedError {
  return new CodedError(
    'SIGNER_RECORD_LOCKED',
    `A running process holds ${path}. Stop that node first: two nodes must never sign with one key.`,
    { path },
  );
}
