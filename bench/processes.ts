import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Linux counts CPU time in ticks of a hundredth of a second. */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly parent: number;
  readonly cpu_s: number;
  /** Since the machine was started. */
  readonly started_s: number;
}

/** All processes of one moment, their CPU time with that of ended children. Linux only. */
export class ProcessTable {
  readonly #stats = new Map<number, ProcessStat>();
  readonly #now_s = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

  constructor() {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = statOf(name);
      if (stat !== null) this.#stats.set(Number(name), stat);
    }
  }

  /** Of the process alone. */
  cpuOf(pid: number): number {
    return this.#stats.get(pid)?.cpu_s ?? 0;
  }

  /** Of everything that the process started: for a node, its database. */
  cpuOfDescendants(pid: number): number {
    let sum = 0;
    for (const [child, { parent, cpu_s }] of this.#stats) {
      if (parent === pid) sum += cpu_s + this.cpuOfDescendants(child);
    }
    return sum;
  }

  /** Of everything that the process started, and what that started. */
  descendants(pid: number): number[] {
    const children = [...this.#stats].filter(([, { parent }]) => parent === pid).map(([child]) => child);
    return children.flatMap((child) => [child, ...this.descendants(child)]);
  }

  parentOf(pid: number): number | undefined {
    return this.#stats.get(pid)?.parent;
  }

  /** Time since it was started; undefined if it is gone. */
  ageOf(pid: number): number | undefined {
    const stat = this.#stats.get(pid);
    return stat && Math.max(0, this.#now_s - stat.started_s);
  }

  /** The processes that work in a directory: a database server and its backends. */
  workingIn(directory: string): number[] {
    return [...this.#stats.keys()].filter((pid) => workingDirectory(pid) === directory);
  }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function statOf(pid: string): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name in parentheses: state, parent, …; user, system, children's user and system time from the 12th on,
    // the time of its start as the 20th.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return {
      parent: Number(fields[1]),
      cpu_s: ticks / TICKS_PER_SECOND,
      started_s: Number(fields[19]) / TICKS_PER_SECOND,
    };
  } catch {
    // It ended while we looked.
    return null;
  }
}
