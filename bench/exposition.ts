/** Samples of Prometheus' text form. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const labels: Record<string, string> = {};
    for (const [, key, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key!] = value!;
    samples.push({ name: match[1]!, labels, value: Number(match[3]) });
  }
  return samples;
}

/** CPU seconds by actor. */
export function threadCpu(samples: readonly Sample[]): Map<string, number> {
  const cpu = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (name === 'potoroo_thread_cpu_seconds') cpu.set(labels.actor ?? 'unknown', value);
  }
  return cpu;
}

/** Sum and count of every duration that the nodes observe, by name and labels. */
export function durations(samples: readonly Sample[]): Map<string, { sum_s: number; count: number }> {
  const found = new Map<string, { sum_s: number; count: number }>();
  for (const { name, labels, value } of samples) {
    const match = /^potoroo_(.*_seconds)_(sum|count)$/.exec(name);
    // Hops are per pair of actors: dozens of rows that say little about a phase.
    if (match === null || match[1] === 'actor_hop_seconds') continue;
    const others = Object.entries(labels).filter(([key]) => key !== 'actor');
    const key = [match[1]!.replace(/_seconds$/, ''), ...others.map(([, label]) => label)].join(' ');
    const entry = found.get(key) ?? { sum_s: 0, count: 0 };
    if (match[2] === 'sum') entry.sum_s += value;
    else entry.count += value;
    found.set(key, entry);
  }
  return found;
}
