import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../runtime/errors.ts';
import { NodeClient } from '../node-client.ts';
import type { NodeOrder } from './control.ts';
import { type LocalnetLayout, type LocalnetStatus, type NodeStatus, writeStatus } from './files.ts';
import { LocalNode } from './local-node.ts';
import { NodeObserver, type NodeView } from './observe.ts';
import { type Verdict, verifyChain } from './verify.ts';

/** Time for the slowest node to get the last blocks that the fastest has. */
const CATCH_UP_ms = 15_000;
const CATCH_UP_STEP_ms = 100;
/** A page of hashes of full blocks is large, and the machine is busy with all nodes at once. */
const VERIFY_TIMEOUT_ms = 30_000;

/** One validator, and the look at it. */
export interface Member {
  readonly node: LocalNode;
  readonly observer: NodeObserver;
}

/** The validators of one directory as processes, and what is known of them. localnet.json follows every change. */
export class Localnet {
  readonly #layout: LocalnetLayout;
  readonly #nodes: readonly LocalNode[];
  readonly #observers: readonly NodeObserver[];
  #status: LocalnetStatus;

  constructor(
    layout: LocalnetLayout,
    status: LocalnetStatus,
    options: { script: string; note: (text: string) => void },
  ) {
    this.#layout = layout;
    this.#status = status;
    const changed = (): void => this.#write();
    this.#nodes = status.nodes.map((node) => new LocalNode({ ...options, status: node, changed }));
    this.#observers = this.#nodes.map((node) => new NodeObserver(node));
  }

  get status(): LocalnetStatus {
    return this.#status;
  }

  get allRunning(): boolean {
    return this.#nodes.every((node) => node.status.state === 'running');
  }

  get views(): NodeView[] {
    return this.#observers.map((observer) => observer.view);
  }

  get nodeRestarts(): number {
    return this.#nodes.reduce((sum, node) => sum + node.restarts, 0);
  }

  get actorRestarts(): number {
    return this.#observers.reduce((sum, observer) => sum + observer.actorRestarts, 0);
  }

  get peakRss_mb(): number {
    return Math.max(0, ...this.#observers.map((observer) => observer.peakRss_mb));
  }

  /** The control socket is open. */
  opened(control: string): void {
    this.#status = { ...this.#status, pid: process.pid, control };
    this.#write();
  }

  /** Resolves when every node is up. @throws NODE_START_FAILED */
  async start(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.start()));
  }

  /** Carries out what `localnet node` asks for. @throws NODE_NUMBER, NODE_START_FAILED */
  async obey({ action, node }: NodeOrder): Promise<void> {
    await this.member(node).node[action]();
  }

  /** @throws NODE_NUMBER */
  member(number: number): Member {
    const [node, observer] = [this.#nodes[number - 1], this.#observers[number - 1]];
    if (node !== undefined && observer !== undefined) return { node, observer };
    throw new CodedError('NODE_NUMBER', `there is no node ${number}: give a number from 1 to ${this.#nodes.length}`);
  }

  /** Stops all nodes, in order if they follow. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    for (const observer of this.#observers) observer.close();
    this.#status = { ...this.#status, pid: null, control: null };
    this.#write();
  }

  killNow(): void {
    for (const node of this.#nodes) node.killNow();
  }

  /** Looks at every node, for `views` and the totals. */
  async look(): Promise<NodeView[]> {
    return Promise.all(this.#observers.map((observer) => observer.look()));
  }

  /** A last count of what was restarted, as exact as can be. */
  async countRestarts(): Promise<void> {
    await Promise.all(this.#observers.map((observer) => observer.actors().catch(() => undefined)));
  }

  /** Latest committed height of every node; null where it does not answer. */
  heights(): Promise<(number | null)[]> {
    return Promise.all(this.#observers.map((observer) => observer.height()));
  }

  /** Compares the chains of all nodes up to the height that all have, and looks for the transactions there. */
  async verify(from: number, accepted: readonly string[]): Promise<Verdict> {
    const to = await this.#commonHeight();
    const clients = this.#status.nodes.map((node) => new NodeClient(node.rpc_url, { timeout_ms: VERIFY_TIMEOUT_ms }));
    try {
      return await verifyChain(clients, { from, to }, accepted);
    } finally {
      for (const client of clients) client.close();
    }
  }

  /** The height that the fastest node has now, once all have it; else what the slowest has. */
  async #commonHeight(): Promise<number> {
    const goal = Math.max(0, ...(await this.heights()).map((height) => height ?? 0));
    const until = performance.now() + CATCH_UP_ms;
    for (;;) {
      const lowest = Math.min(...(await this.heights()).map((height) => height ?? -1));
      if (lowest >= goal) return goal;
      if (performance.now() > until) return Math.max(0, lowest);
      await sleep(CATCH_UP_STEP_ms);
    }
  }

  #write(): void {
    const nodes: NodeStatus[] = this.#nodes.map((node) => node.status);
    this.#status = { ...this.#status, nodes };
    writeStatus(this.#layout, this.#status);
  }
}
