import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of a hundredth of a second. */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly parent: number;
  readonly cpu_s: number;
}

/** CPU time by process, that of ended children included. Linux only. */
export class ProcessTable {
  readonly #stats = new Map<number, ProcessStat>();

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
}

function statOf(pid: string): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name in parentheses: state, parent, …; user, system, children's user and system time from the 12th on.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), cpu_s: ticks / TICKS_PER_SECOND };
  } catch {
    // It ended while we looked.
    return null;
  }
}
