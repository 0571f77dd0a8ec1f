import type { LoadFigures } from '../load/driver.ts';
import type { ChaosFigures } from './chaos-books.ts';
import type { Verdict } from './verify.ts';

/** The one line of `--json`. Names and order are an interface. */
export interface LocalnetReport {
  readonly validators: number;
  readonly height: number;
  readonly state_hashes_equal: boolean;
  readonly txs_submitted: number;
  readonly txs_committed: number;
  readonly lost_txs: number;
  readonly tps: number;
  readonly block_interval_ms: { readonly p50: number; readonly p99: number };
  readonly commit_latency_ms: { readonly p50: number; readonly p99: number };
  readonly actor_restarts: number;
  readonly node_restarts: number;
  readonly rss_mb: number;
  /** Only of a run with chaos. */
  readonly chaos?: ChaosFigures;
}

export interface ReportParts {
  readonly validators: number;
  readonly verdict: Verdict;
  readonly load: LoadFigures;
  readonly accepted: number;
  readonly actorRestarts: number;
  readonly nodeRestarts: number;
  readonly rss_mb: number;
  readonly chaos?: ChaosFigures | undefined;
}

export function reportOf(parts: ReportParts): LocalnetReport {
  const { verdict, load, accepted } = parts;
  const active_s = (load.lastCommit_ms - load.firstSubmit_ms) / 1_000;
  return {
    validators: parts.validators,
    height: Math.max(0, verdict.height),
    state_hashes_equal: verdict.equal,
    txs_submitted: accepted,
    txs_committed: verdict.committed,
    lost_txs: accepted - verdict.committed,
    tps: active_s > 0 ? round(verdict.committed / active_s) : 0,
    block_interval_ms: { p50: percentile(verdict.intervals_ms, 50), p99: percentile(verdict.intervals_ms, 99) },
    commit_latency_ms: { p50: round(load.latency_ms.p50), p99: round(load.latency_ms.p99) },
    actor_restarts: parts.actorRestarts,
    node_restarts: parts.nodeRestarts,
    rss_mb: round(parts.rss_mb),
    ...(parts.chaos === undefined ? {} : { chaos: parts.chaos }),
  };
}

/** What did not hold, in words; empty if every guarantee did. */
export function brokenGuarantees(parts: ReportParts): string[] {
  const { verdict, accepted } = parts;
  const lost = accepted - verdict.committed;
  return [
    ...(verdict.equal ? [] : [`the chains differ: ${verdict.difference}`]),
    ...(lost > 0 ? [`${lost} accepted transactions are not exactly once on all nodes`] : []),
    ...(verdict.repeated > 0 ? [`${verdict.repeated} transactions are committed more than once`] : []),
  ];
}

/** Nearest rank; 0 without values. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
