import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a process, or several together, hold of the system. */
export interface Holdings {
  /** Memory of its own plus its share of what several processes use: proportional set size, MB. */
  readonly pss_mb: number;
  /** Resident set size, MB: with all of what is shared. */
  readonly rss_mb: number;
  readonly threads: number;
  readonly sockets: number;
  readonly files: number;
  readonly pipes: number;
  /** Event loops, timers and the like. */
  readonly others: number;
  /** TCP ports that it listens on. */
  readonly ports: readonly number[];
}

export const NOTHING: Holdings = {
  pss_mb: 0,
  rss_mb: 0,
  threads: 0,
  sockets: 0,
  files: 0,
  pipes: 0,
  others: 0,
  ports: [],
};

/** Port by inode of every listening TCP socket. */
export type Listeners = ReadonlyMap<string, number>;

export function listeners(): Listeners {
  const found = new Map<string, number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n').slice(1)) {
      // Number, local address:port, remote, state, …; inode as the 10th. State 0A listens.
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A') found.set(fields[9]!, Number.parseInt(fields[1]!.split(':')[1]!, 16));
    }
  }
  return found;
}

/** Of one process; undefined if it is gone. */
export function holdingsOf(pid: number, listening: Listeners): Holdings | undefined {
  const status = textOf(`/proc/${pid}/status`);
  // A process that ended and was not waited for has no memory.
  if (!status.includes('VmRSS')) return undefined;
  const targets = descriptorsOf(pid);
  const inodes = targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
  const count = (kind: RegExp): number => targets.filter((target) => kind.test(target)).length;
  return {
    pss_mb: kilobytes(textOf(`/proc/${pid}/smaps_rollup`), 'Pss'),
    rss_mb: kilobytes(status, 'VmRSS'),
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    sockets: inodes.length,
    files: count(/^\//),
    pipes: count(/^pipe:/),
    others: count(/^anon_inode:/),
    ports: inodes.flatMap((inode) => listening.get(inode) ?? []).sort((a, b) => a - b),
  };
}

export function together(all: readonly Holdings[]): Holdings {
  return all.reduce(
    (a, b) => ({
      pss_mb: tenths(a.pss_mb + b.pss_mb),
      rss_mb: tenths(a.rss_mb + b.rss_mb),
      threads: a.threads + b.threads,
      sockets: a.sockets + b.sockets,
      files: a.files + b.files,
      pipes: a.pipes + b.pipes,
      others: a.others + b.others,
      ports: [...a.ports, ...b.ports],
    }),
    NOTHING,
  );
}

function kilobytes(text: string, key: string): number {
  const value = Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return tenths((value * 1.024) / 1_000);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((name) => {
      try {
        return readlinkSync(`${folder}/${name}`);
      } catch {
        // Closed while we looked.
        return '';
      }
    });
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
