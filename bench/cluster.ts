/**
 * Measures a local network under load: throughput, latency, CPU per committed transaction by part, memory.
 * Everything is measured from outside, on the command that users run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { NodeStatus } from '../cli/localnet/files.ts';
import type { LocalNetwork } from '../test/support/local-network.ts';
import { durations, parseExposition, type Sample, threadCpu } from './exposition.ts';
import { inWords, type Machine, machine, RESULTS, reportOf, today, withNetwork, writeResult } from './measure.ts';
import { ProcessTable } from './processes.ts';

/** Until caches are warm and the mempools have found their level. */
const WARM_UP_ms = 8_000;
/** The load outlasts the window by so much. */
const MARGIN_s = 2;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    load: { type: 'string', default: 'max' },
    validators: { type: 'string', default: '4' },
    out: { type: 'string', default: RESULTS },
  },
});

/** What the counters of everything said at one moment. */
interface Reading {
  readonly at_ms: number;
  readonly height: number;
  readonly metrics: readonly Sample[][];
  readonly processes: ProcessTable;
}

async function get(url: string): Promise<string> {
  const response = await fetch(url);
  return response.text();
}

async function read(network: LocalNetwork): Promise<Reading> {
  const texts = await Promise.all(network.nodes.map((node) => get(`${node.metrics_url}/metrics`)));
  const height = await network.height(1);
  return { at_ms: Date.now(), height, metrics: texts.map(parseExposition), processes: new ProcessTable() };
}

/** Transactions in the blocks after `from` up to `to`. */
async function transactionsBetween(node: NodeStatus, from: number, to: number): Promise<number> {
  let count = 0;
  for (let next = from + 1; next <= to; ) {
    const last = Math.min(to, next + 99);
    const rows = JSON.parse(await get(`${node.rpc_url}/v1/query/tx_hashes?from=${next}&to=${last}`)) as {
      height: number;
      hashes: string[];
    }[];
    if (rows.length === 0) break;
    for (const row of rows) count += row.hashes.length;
    next = rows.at(-1)!.height + 1;
  }
  return count;
}

interface Measurement {
  readonly window_s: number;
  readonly blocks: number;
  readonly transactions: number;
  readonly tps: number;
  /** µs of CPU per committed transaction, all nodes together, by actor and other parts. */
  readonly cpu_us_per_tx: Record<string, number>;
  /** Mean duration and number per block and node of everything that the nodes time. */
  readonly durations: Record<string, { mean_ms: number; per_block: number }>;
}

function compare(
  begin: Reading,
  end: Reading,
  transactions: number,
  pids: readonly number[],
  driver: number,
): Measurement {
  const blocks = end.height - begin.height;
  const window_s = (end.at_ms - begin.at_ms) / 1_000;
  const cpu = new Map<string, number>();
  const add = (part: string, seconds: number): void => {
    cpu.set(part, (cpu.get(part) ?? 0) + seconds);
  };
  pids.forEach((pid, index) => {
    const before = threadCpu(begin.metrics[index]!);
    let threads = 0;
    for (const [actor, seconds] of threadCpu(end.metrics[index]!)) {
      const used = seconds - (before.get(actor) ?? 0);
      threads += used;
      add(actor, used);
    }
    add('gc and helper threads', end.processes.cpuOf(pid) - begin.processes.cpuOf(pid) - threads);
    add('postgresql', end.processes.cpuOfDescendants(pid) - begin.processes.cpuOfDescendants(pid));
  });
  add('load driver', end.processes.cpuOf(driver) - begin.processes.cpuOf(driver));
  const per = (seconds: number): number => Math.round((seconds * 1e6) / Math.max(1, transactions));
  return {
    window_s,
    blocks,
    transactions,
    tps: Math.round((transactions / window_s) * 10) / 10,
    cpu_us_per_tx: Object.fromEntries([...cpu].sort((a, b) => b[1] - a[1]).map(([part, used]) => [part, per(used)])),
    durations: durationsBetween(begin, end, blocks * pids.length),
  };
}

function durationsBetween(begin: Reading, end: Reading, blocks: number): Measurement['durations'] {
  const before = durations(begin.metrics.flat());
  const rows: [string, { mean_ms: number; per_block: number }][] = [];
  for (const [name, { sum_s, count }] of durations(end.metrics.flat())) {
    const earlier = before.get(name) ?? { sum_s: 0, count: 0 };
    const times = count - earlier.count;
    if (times <= 0) continue;
    const mean_ms = Math.round(((sum_s - earlier.sum_s) * 1e6) / times) / 1_000;
    rows.push([name, { mean_ms, per_block: Math.round((times / Math.max(1, blocks)) * 100) / 100 }]);
  }
  return Object.fromEntries(rows.sort(([a], [b]) => a.localeCompare(b)));
}

interface Result {
  date: string;
  machine: Machine;
  command: string;
  report: Record<string, unknown>;
  measured: Measurement;
}

function markdown({ date, machine: m, command, report, measured }: Result): string {
  const { p50, p99 } = report.commit_latency_ms as { p50: number; p99: number };
  const interval = report.block_interval_ms as { p50: number; p99: number };
  const total = Object.values(measured.cpu_us_per_tx).reduce((sum, one) => sum + one, 0);
  const cpu = Object.entries(measured.cpu_us_per_tx).map(
    ([part, used]) => `| ${part} | ${used} | ${Math.round((100 * used) / total)} % |`,
  );
  const phases = Object.entries(measured.durations).map(
    ([name, one]) => `| ${name} | ${one.mean_ms} | ${one.per_block} |`,
  );
  return `# Cluster, ${date}

\`${command}\` on ${inWords(m)}. All nodes, their databases and
the load driver share this machine. Measured for ${measured.window_s.toFixed(0)} s after ${WARM_UP_ms / 1_000} s of warm-up.

| what | value |
| --- | --- |
| committed transactions per second | ${measured.tps} |
| blocks, transactions in the window | ${measured.blocks}, ${measured.transactions} |
| commit latency p50, p99 | ${p50} ms, ${p99} ms |
| block interval p50, p99 | ${interval.p50} ms, ${interval.p99} ms |
| largest node process | ${report.rss_mb} MB |
| transactions lost | ${report.lost_txs} |

CPU per committed transaction, all nodes together (${total} µs):

| part | µs | share |
| --- | --- | --- |
${cpu.join('\n')}

What the nodes time themselves; times per block and node:

| phase | mean ms | per block |
| --- | --- | --- |
${phases.join('\n')}
`;
}

async function measure(network: LocalNetwork, seconds: number): Promise<Measurement> {
  const nodes = await network.allRunning();
  await sleep(WARM_UP_ms);
  const begin = await read(network);
  await sleep(seconds * 1_000);
  const end = await read(network);
  const transactions = await transactionsBetween(nodes[0]!, begin.height, end.height);
  const pids = nodes.map(({ pid }) => pid!);
  return compare(begin, end, transactions, pids, network.status.pid!);
}

const seconds = Number(flags.seconds);
const length = String(Math.ceil(seconds + WARM_UP_ms / 1_000 + MARGIN_s));
const parameters = ['--validators', flags.validators, '--seconds', length, '--load', flags.load];
process.exitCode = await withNetwork([...parameters, '--json'], async (network) => {
  const measured = await measure(network, seconds);
  const { code, report } = await reportOf(network);
  const command = `potoroo localnet ${parameters.join(' ')}`;
  const result = { date: today(), machine: machine(), command, report, measured };
  writeResult(flags.out, `cluster-${result.date}`, result, markdown(result));
  return code;
});
