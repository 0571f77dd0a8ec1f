import { z } from 'zod';
import type { ActorStatus } from '../../runtime/child-spec.ts';
import { AdminClient } from '../admin.ts';
import { latestHeight } from '../block-hashes.ts';
import { NodeClient } from '../node-client.ts';
import type { LocalNode } from './local-node.ts';

/** A node that does not answer a look within this time is shown as silent. */
const LOOK_TIMEOUT_ms = 3_000;

/** What was last seen of one node. Null: it did not answer. */
export interface NodeView {
  readonly number: number;
  readonly state: string;
  readonly height: number | null;
  readonly round: number | null;
  readonly peers: number | null;
  readonly mempool: number | null;
  readonly rss_mb: number | null;
  readonly actorRestarts: number;
  readonly nodeRestarts: number;
}

const healthSchema = z.object({ height: z.number(), peers: z.number() });
const stateSchema = z.object({ round: z.number() });
const pendingSchema = z.object({ total_txs: z.number() });

/** Looks at one node over HTTP and its admin socket, for the table and for the totals of the report. */
export class NodeObserver {
  readonly admin: AdminClient;
  readonly #node: LocalNode;
  readonly #rpc: NodeClient;
  readonly #metrics: NodeClient;
  /** Of processes that are gone: their counters began at zero. */
  #formerRestarts = 0;
  #restarts = 0;
  #pid: number | null = null;
  #view: NodeView;
  #peakRss_mb = 0;

  constructor(node: LocalNode) {
    this.#node = node;
    this.admin = new AdminClient(node.status.home);
    this.#rpc = new NodeClient(node.status.rpc_url, { timeout_ms: LOOK_TIMEOUT_ms });
    this.#metrics = new NodeClient(node.status.metrics_url, { timeout_ms: LOOK_TIMEOUT_ms });
    this.#view = this.#viewWith({});
  }

  get view(): NodeView {
    return this.#view;
  }

  /** The most memory that a process of this node was seen with. */
  get peakRss_mb(): number {
    return this.#peakRss_mb;
  }

  /** Replacements of actors in all processes that this node had. */
  get actorRestarts(): number {
    return this.#formerRestarts + this.#restarts;
  }

  async height(): Promise<number | null> {
    return latestHeight(this.#rpc).catch(() => null);
  }

  async look(): Promise<NodeView> {
    const { state: running, pid } = this.#node.status;
    if (running !== 'running') this.#view = this.#viewWith({});
    else {
      const [health, state, pending, metrics] = await Promise.all([
        ask(healthSchema, this.#rpc.getJson('/v1/health')),
        ask(stateSchema, this.#rpc.getJson('/v1/consensus/state')),
        ask(pendingSchema, this.#rpc.postJson('/v1/query/unconfirmed_txs', { page: 1, per_page: 1 })),
        this.#metrics.get('/metrics').catch(() => null),
      ]);
      const rss_mb = metrics === null ? null : this.#account(metrics, pid);
      this.#view = this.#viewWith({
        height: known(health?.height),
        peers: known(health?.peers),
        round: known(state?.round),
        mempool: known(pending?.total_txs),
        rss_mb,
      });
    }
    return this.#view;
  }

  close(): void {
    this.#rpc.close();
    this.#metrics.close();
  }

  /** The actors of the node, from its supervisor. @throws NODE_NOT_RUNNING, ORDER_TIMEOUT, ORDER_UNANSWERED */
  async actors(): Promise<ActorStatus[]> {
    const { pid } = this.#node.status;
    const actors = await this.admin.status();
    this.#countRestarts(
      actors.reduce((sum, { restarts }) => sum + restarts, 0),
      pid,
    );
    return actors;
  }

  /** Takes the totals out of the metrics; returns the resident memory. */
  #account(metrics: string, pid: number | null): number {
    this.#countRestarts(sumOf(metrics, 'potoroo_actor_restarts_total'), pid);
    const rss_mb = sumOf(metrics, 'process_resident_memory_bytes') / 1e6;
    this.#peakRss_mb = Math.max(this.#peakRss_mb, rss_mb);
    return rss_mb;
  }

  /** @param pid whose count it is; another process than that may have answered if it is not the present one */
  #countRestarts(count: number, pid: number | null): void {
    if (pid !== this.#node.status.pid) return;
    if (this.#pid !== pid) {
      this.#formerRestarts += this.#restarts;
      this.#restarts = 0;
      this.#pid = pid;
    }
    this.#restarts = Math.max(this.#restarts, count);
  }

  #viewWith(seen: Partial<NodeView>): NodeView {
    return {
      number: this.#node.number,
      state: this.#node.status.state,
      height: null,
      round: null,
      peers: null,
      mempool: null,
      rss_mb: null,
      ...seen,
      actorRestarts: this.actorRestarts,
      nodeRestarts: this.#node.restarts,
    };
  }
}

async function ask<T>(schema: z.ZodType<T>, answer: Promise<unknown>): Promise<T | null> {
  const parsed = schema.safeParse(await answer.catch(() => null));
  return parsed.success ? parsed.data : null;
}

/** Nodes answer -1 for what they do not know at the moment. */
function known(value: number | undefined): number | null {
  return value === undefined || value < 0 ? null : value;
}

/** Sum of all samples of a metric in Prometheus' text form. */
export function sumOf(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const next = line[name.length];
    if (next !== '{' && next !== ' ') continue;
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (Number.isFinite(value)) sum += value;
  }
  return sum;
}
