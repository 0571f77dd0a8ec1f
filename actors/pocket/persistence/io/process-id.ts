import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

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
  try {
    // A server's working directory is its data directory.
    return readlinkSync(`/proc/${pid}/cwd`) === data;
  } catch {
    if (process.platform === 'linux') return false;
    const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
    return (stdout ?? '').includes(data);
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
