import { readFileSync } from 'node:fs';
import { hasCode } from './errors.ts';

/** Which process, for good: an id alone is used again, after a reboot and in every container. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, or empty where the system does not tell it. */
  readonly started: string;
  /** Identity of the boot, or empty. */
  readonly boot: string;
}

/** Identity of a process of this boot. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? '', boot: bootId() };
}

/** True if a process with this id runs. A zombie (killed, not yet reaped by its parent) does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if (!hasCode(error, 'EPERM')) return false;
  }
  return statOf(pid)?.state !== 'Z';
}

/** True if this very process still runs, not only one that has its id. */
export function isAlive({ pid, started, boot }: ProcessIdentity): boolean {
  const now = identityOf(pid);
  return boot === now.boot && started === now.started && isRunning(pid);
}

/** Reads an identity from JSON text; undefined if it is none. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof ProcessIdentity, unknown>> | null;
    const { pid, started, boot } = value ?? {};
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined;
    return typeof started === 'string' && typeof boot === 'string' ? { pid, started, boot } : undefined;
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

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
