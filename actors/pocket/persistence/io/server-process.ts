import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { isRunning } from '../../../../runtime/process-identity.ts';

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
