import { readdirSync } from 'node:fs';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const START_TIME_S = Math.round(Date.now() / 1_000 - process.uptime());

/** Metrics of the whole process, under the names that every Prometheus client library uses. */
export function processMetrics(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge(
    'process_resident_memory_bytes',
    'Resident memory of the node process, all threads; the database not included.',
    () => process.memoryUsage.rss(),
  );
  gauge('process_start_time_seconds', 'When the process started, s since the epoch.', () => START_TIME_S);
  gauge('process_open_fds', 'Open file descriptors of the process; 0 where the system does not tell.', openDescriptors);
  cpuCounter('process_cpu_user_seconds_total', 'CPU time of the process in user mode, all threads.', 'user', registers);
  cpuCounter(
    'process_cpu_system_seconds_total',
    'CPU time of the process in the kernel, all threads.',
    'system',
    registers,
  );
}

function cpuCounter(name: string, help: string, kind: 'user' | 'system', registers: Registry[]): void {
  let seen_us = 0;
  new Counter({
    name,
    help,
    registers,
    collect() {
      const now_us = process.cpuUsage()[kind];
      this.inc((now_us - seen_us) / 1e6);
      seen_us = now_us;
    },
  });
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/** Metrics of the collection itself. */
export function telemetryMetrics(registry: Registry) {
  const registers = [registry];
  return {
    up: new Gauge({
      name: 'potoroo_actor_up',
      help: '1 if the actor answered the last collection of metrics, 0 if it was seen before and did not.',
      labelNames: ['actor'] as const,
      registers,
    }),
    missing: new Counter({
      name: 'potoroo_telemetry_missing_total',
      help: 'Collections in which an actor seen before did not answer in time.',
      labelNames: ['actor'] as const,
      registers,
    }),
    conflicts: new Counter({
      name: 'potoroo_telemetry_conflicts_total',
      help: 'Metrics left out because two actors declare one name with different types.',
      registers,
    }),
    untracked: new Gauge({
      name: 'potoroo_telemetry_untracked_series',
      help: 'Counters and buckets beyond the 10,000 that are added up over the lives of an actor: they begin at 0 when it is replaced.',
      registers,
    }),
    scrapes: new Counter({
      name: 'potoroo_telemetry_scrapes_total',
      help: 'Requests for /metrics.',
      registers,
    }),
    duration: new Histogram({
      name: 'potoroo_telemetry_collect_duration_seconds',
      help: 'Time to collect the metrics of all threads.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    }),
  };
}
export type TelemetryMetrics = ReturnType<typeof telemetryMetrics>;
