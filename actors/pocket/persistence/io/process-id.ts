import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** True if a process with this id runs. A zombie (killed, not yet reaped by its parent) does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statOf(pid)?.state !== 'Z';
}

/** Tells a process from a later one with the same id; empty where the system has no /proc. */
export function birthOf(pid: number): string {
  return statOf(pid)?.started ?? '';
}

/** True if `pid` is a PostgreSQL server on this data directory: process ids are reused, also after a reboot. */
export function isServerOn(pid: number, data: string): boolean {
  if (!isRunning(pid)) return false;
  // A server's working directory is its data directory.
  if (process.platform === 'linux') return workingDirectory(String(pid)) === data;
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  return (stdout ?? '').includes(data);
}

/** True if any process works in this data directory: backends may outlive their server for a moment. */
export function isInUse(data: string): boolean {
  if (process.platform !== 'linux') return false;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && workingDirectory(name) === data);
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function statOf(pid: number): { state: string; started: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets and may hold anything; state is field 3, start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
