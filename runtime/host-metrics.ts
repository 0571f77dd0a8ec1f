import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { LANES, type Lane } from './protocol.ts';

/** What the runtime itself counts about one actor. Telemetry adds the label `actor`. */
export interface HostMetrics {
  /** Observes the time from sending to the start of handling, s. */
  hop(from: string, seconds: number): void;
  handled(lane: Lane): void;
  dropped(lane: Lane, reason: string): void;
}

/** A hop between threads costs tens of µs when idle; a second means a blocked thread. */
const HOP_BUCKETS_S = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5];

/** Registers the runtime's metrics of one actor. */
export function hostMetrics(registry: Registry, depth: (lane: Lane) => number): HostMetrics {
  const hop = new Histogram({
    name: 'potoroo_actor_hop_seconds',
    help: 'Time from sending a message in another actor to the start of its handler here, by sender',
    labelNames: ['from'] as const,
    buckets: HOP_BUCKETS_S,
    registers: [registry],
  });
  const handled = new Counter({
    name: 'potoroo_actor_messages_total',
    help: 'Messages handled, by lane',
    labelNames: ['lane'] as const,
    registers: [registry],
  });
  const dropped = new Counter({
    name: 'potoroo_actor_messages_dropped_total',
    help: 'Messages not delivered, by lane and reason: the peer was down, its window and waiting room were full, the asker had given up, or the frame was of a former life',
    labelNames: ['lane', 'reason'] as const,
    registers: [registry],
  });
  new Gauge({
    name: 'potoroo_actor_mailbox_depth',
    help: 'Messages waiting for their handler, by lane',
    labelNames: ['lane'] as const,
    registers: [registry],
    collect() {
      for (const lane of LANES) this.set({ lane }, depth(lane));
    },
  });
  const hops = new Map<string, Histogram.Internal<'from'>>();
  return {
    hop(from, seconds) {
      let child = hops.get(from);
      if (!child) {
        child = hop.labels(from);
        hops.set(from, child);
      }
      child.observe(seconds);
    },
    handled: (lane) => handled.inc({ lane }),
    dropped: (lane, reason) => dropped.inc({ lane, reason }),
  };
}

/** Resolution of the event-loop sampling, ms: finer costs more wake-ups than it tells. */
const LAG_RESOLUTION_ms = 20;

/** Linux counts CPU time in ticks of a hundredth of a second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/** CPU time of the calling thread, s; 0 where the system does not tell. */
export function threadCpu_s(): number {
  try {
    const stat = readFileSync('/proc/thread-self/stat', 'utf8');
    // The name in parentheses may contain spaces; user and system time are the 12th and 13th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** Registers what one thread uses: CPU, event-loop lag, and memory of its own isolate. */
export function threadMetrics(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_ms });
  delay.enable();
  new Gauge({
    name: 'potoroo_thread_event_loop_lag_seconds',
    help: 'How late the event loop ran since the last scrape, by quantile: a high p99 delays votes',
    labelNames: ['quantile'] as const,
    registers: [registry],
    collect() {
      for (const quantile of [50, 99, 100]) {
        const late_ns = Math.max(0, delay.percentile(quantile) - LAG_RESOLUTION_ms * 1e6);
        this.set({ quantile: String(quantile / 100) }, delay.count > 0 ? late_ns / 1e9 : 0);
      }
      delay.reset();
    },
  });
  new Gauge({
    name: 'potoroo_thread_cpu_seconds',
    help: 'CPU time that the thread has used since it began, without garbage collection and I/O in helper threads',
    registers: [registry],
    collect() {
      this.set(threadCpu_s());
    },
  });
  new Gauge({
    name: 'potoroo_thread_memory_bytes',
    help: 'Memory of one thread: its V8 heap in use, the heap limit, and ArrayBuffers outside of the heap',
    labelNames: ['kind'] as const,
    registers: [registry],
    collect() {
      const heap = getHeapStatistics();
      this.set({ kind: 'heap_used' }, heap.used_heap_size);
      this.set({ kind: 'heap_limit' }, heap.heap_size_limit);
      this.set({ kind: 'external' }, heap.external_memory);
    },
  });
}
