import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeStatus } from '../../cli/localnet/files.ts';
import { sumOf } from '../../cli/localnet/observe.ts';
import { homeLayout } from '../../config/home.ts';
import type { LocalNetwork } from '../../test/support/local-network.ts';
import { ProcessTable } from '../processes.ts';
import { type Holdings, holdingsOf, type Listeners, listeners, together } from './holdings.ts';

/** A node that is busy being killed does not answer; the next sample will have it. */
const ANSWER_TIMEOUT_ms = 3_000;

/** One process at one moment; a database server counts with all of its backends. */
export interface ProcessSample extends Holdings {
  /** `driver`: the command with the load generator. */
  readonly name: string;
  readonly pid: number;
  /** Since the process was started. */
  readonly age_s: number;
  readonly processes: number;
}

/** One node at one moment. Null: it did not answer. */
export interface NodeSample {
  readonly node: number;
  readonly state: string;
  readonly pid: number | null;
  readonly height: number | null;
  readonly actor_restarts: number | null;
  readonly crash_reports: number;
  readonly dead_letters: number;
  readonly logs_mb: number;
  readonly database_mb: number;
}

export interface Sample {
  /** Since the beginning of the measurement. */
  readonly at_s: number;
  readonly processes: readonly ProcessSample[];
  readonly nodes: readonly NodeSample[];
  /** Everything that the command and what it started have running. */
  readonly descendants: number;
  /** Database servers beyond one per node: left by nodes that were killed. */
  readonly stray_servers: number;
}

export async function takeSample(network: LocalNetwork, at_s: number): Promise<Sample> {
  const { pid, nodes } = network.status;
  const table = new ProcessTable();
  const listening = listeners();
  const look = (name: string, pids: readonly number[]) => processSample(name, pids, table, listening);
  const servers = nodes.map((node) => serverOf(node, table));
  return {
    at_s,
    processes: [
      ...(pid === null ? [] : look('driver', [pid])),
      ...nodes.flatMap((node) => (node.pid === null ? [] : look(`node ${node.number}`, [node.pid]))),
      ...nodes.flatMap((node, index) => look(`database ${node.number}`, servers[index]!)),
    ],
    nodes: await Promise.all(nodes.map(nodeSample)),
    descendants: pid === null ? 0 : table.descendants(pid).length,
    stray_servers: servers.reduce((sum, pids) => sum + Math.max(0, rootsOf(pids, table).length - 1), 0),
  };
}

function processSample(
  name: string,
  pids: readonly number[],
  table: ProcessTable,
  listening: Listeners,
): ProcessSample[] {
  const held = pids.flatMap((pid) => holdingsOf(pid, listening) ?? []);
  const [first] = pids;
  const age_s = first === undefined ? undefined : table.ageOf(first);
  if (first === undefined || age_s === undefined || held.length === 0) return [];
  return [{ name, pid: first, age_s: Math.round(age_s), processes: held.length, ...together(held) }];
}

/** The newest server of a node first, then its backends. */
function serverOf(node: NodeStatus, table: ProcessTable): number[] {
  const pids = table.workingIn(dataOf(node));
  const age = (pid: number): number => table.ageOf(pid) ?? Number.POSITIVE_INFINITY;
  const server = rootsOf(pids, table).sort((a, b) => age(a) - age(b))[0];
  return server === undefined ? [] : [server, ...pids.filter((pid) => pid !== server)];
}

/** Those that were not started by another of them. */
function rootsOf(pids: readonly number[], table: ProcessTable): number[] {
  return pids.filter((pid) => !pids.includes(table.parentOf(pid) ?? 0));
}

function dataOf({ home }: NodeStatus): string {
  try {
    return (JSON.parse(readFileSync(join(home, 'database', 'place.json'), 'utf8')) as { data: string }).data;
  } catch {
    return join(home, 'database');
  }
}

async function nodeSample(node: NodeStatus): Promise<NodeSample> {
  const { crashes, deadLetters, logs } = homeLayout(node.home);
  const [height, metrics] = await Promise.all([
    textFrom(`${node.rpc_url}/v1/query/height`),
    textFrom(`${node.metrics_url}/metrics`),
  ]);
  return {
    node: node.number,
    state: node.state,
    pid: node.pid,
    height: height === null ? null : (JSON.parse(height) as { height: number }).height,
    actor_restarts: metrics === null ? null : sumOf(metrics, 'potoroo_actor_restarts_total'),
    crash_reports: namesIn(crashes).length,
    dead_letters: namesIn(deadLetters).length,
    logs_mb: megabytesIn(logs),
    database_mb: megabytesIn(dataOf(node)),
  };
}

async function textFrom(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_ms) });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function megabytesIn(folder: string): number {
  return Math.round(bytesIn(folder) / 1e5) / 10;
}

/** Files come and go while we look. */
function bytesIn(path: string): number {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isDirectory()) return status?.size ?? 0;
  return namesIn(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}
