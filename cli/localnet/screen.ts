import { readdirSync } from 'node:fs';
import { relative } from 'node:path';
import { duration } from '../actor/status-lines.ts';
import type { Load } from '../load/load.ts';
import type { ChaosFigures } from './chaos-books.ts';
import type { LocalnetLayout, LocalnetStatus } from './files.ts';
import type { Localnet } from './localnet.ts';
import type { LocalnetReport } from './report.ts';
import { LiveTable, summaryLine, tableLines } from './table.ts';
import { ThroughputMeter } from './throughput.ts';

/** A look asks every node for its metrics: more often would be load itself. */
const LIVE_ms = 1_000;
const LINE_ms = 4_000;

/** What the user of `localnet` sees: an introduction, then a live table, or a line now and then. */
export class Screen {
  readonly #table: LiveTable;

  constructor(stream: NodeJS.WriteStream) {
    this.#table = new LiveTable(stream);
  }

  print(text: string): void {
    this.#table.print(text);
  }

  /** Where everything is, and what to try first. */
  introduce(layout: LocalnetLayout, status: LocalnetStatus): void {
    const here = relative(process.cwd(), layout.directory) || '.';
    this.print(`network ${status.network_id}, Ctrl-C ends it; processes, URLs and ports: ${here}/localnet.json`);
    for (const node of status.nodes) {
      this.print(`  node ${node.number}  ${node.rpc_url}  ${node.metrics_url}/metrics  psql "${node.psql_url}"`);
    }
    const [from, to] = readdirSync(layout.accounts)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
    if (from && to) this.print(`try: potoroo account send ${from} ${to} 1000 --wait --dir ${here}`);
  }

  /** Shows the network until the returned function is called, which waits for the last drawing. */
  follow(network: Localnet, load: Load | undefined): () => Promise<void> {
    const meter = new ThroughputMeter(network.status.nodes.map((node) => node.rpc_url));
    const period_ms = this.#table.live ? LIVE_ms : LINE_ms;
    let stopped = false;
    let timer: NodeJS.Timeout | undefined;
    const step = async (): Promise<void> => {
      const views = await network.look();
      const tps = await meter.measure(views.map((view) => view.height));
      if (stopped) return;
      if (this.#table.live) this.#table.draw([...tableLines(views), footer(tps, load)]);
      else this.print(`${summaryLine(views, tps)}${load === undefined ? '' : `  ${loadText(load)}`}`);
      timer = setTimeout(() => {
        current = step();
      }, period_ms);
    };
    let current = step();
    return async () => {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      await current;
      meter.close();
    };
  }

  printReport(report: LocalnetReport): void {
    const { block_interval_ms: interval, commit_latency_ms: latency } = report;
    this.print(
      `height ${report.height}: blocks and states ${report.state_hashes_equal ? 'equal' : 'NOT EQUAL'} on ${report.validators} nodes`,
    );
    this.print(
      `transactions: ${report.txs_submitted} submitted, ${report.txs_committed} committed, ${report.lost_txs} lost, ${report.tps} per second`,
    );
    this.print(
      `block interval p50 ${interval.p50} ms, p99 ${interval.p99} ms; commit latency p50 ${latency.p50} ms, p99 ${latency.p99} ms`,
    );
    this.print(
      `restarts: ${report.node_restarts} nodes, ${report.actor_restarts} actors; largest node ${report.rss_mb} MB`,
    );
    if (report.chaos !== undefined) this.print(chaosText(report.chaos));
  }
}

function chaosText({ seed, actor_kills, node_kills, by, recovery_ms }: ChaosFigures): string {
  const faults = Object.entries(by).map(([fault, times]) => `${fault} ${times}`);
  const slowest = Object.entries(recovery_ms).map(([name, { max }]) => `${name} ${duration(max)}`);
  const counts = `${actor_kills} actors and ${node_kills} nodes killed (${faults.join(', ')})`;
  return `chaos ${seed}: ${counts}; slowest recovery: ${slowest.join(', ')}`;
}

function footer(tps: number, load: Load | undefined): string {
  return `tx/s ${tps.toFixed(1)}${load === undefined ? '' : `  ${loadText(load)}`}`;
}

function loadText(load: Load): string {
  const { submitted, committed, skipped } = load.figures;
  return `load: ${submitted} submitted, ${committed} committed${skipped > 0 ? `, ${skipped} skipped: the chain cannot follow` : ''}`;
}
