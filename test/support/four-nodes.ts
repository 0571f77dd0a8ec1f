import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Genesis, parseGenesis } from '../../actors/pocket/chain/genesis.ts';
import { type RunningNode, startNode } from '../../actors/pocket/node.ts';
import { latestHeight } from '../../cli/block-hashes.ts';
import type { LoadDriver } from '../../cli/load/driver.ts';
import { TransactionSource } from '../../cli/load/transactions.ts';
import { type LocalnetLayout, localnetLayout, type NodeStatus } from '../../cli/localnet/files.ts';
import { prepareNetwork } from '../../cli/localnet/network.ts';
import { NodeClient } from '../../cli/node-client.ts';
import { homeLayout } from '../../config/home.ts';
import { loadConfig } from '../../config/load.ts';
import type { NodeConfig } from '../../config/schema.ts';
import type { Fault } from '../../runtime/child-spec.ts';
import { createLog } from '../../runtime/logging.ts';
import { assertOneChain, loadOn } from './load.ts';

/** A loaded machine of two cores needs tens of seconds for what takes five. */
const LIMIT_ms = 60_000;
/** What stays of a home that begins from scratch. */
const KEPT = new Set(['config.json', 'genesis.json', 'keys', 'signer']);

/** Four real nodes in this process, under load, the first of which is the victim of what tests do. */
export class FourNodes {
  readonly entries: readonly NodeStatus[];
  readonly clients: readonly NodeClient[];
  readonly driver: LoadDriver;
  readonly #layout: LocalnetLayout;
  readonly #genesis: Genesis;
  readonly #seed: Uint8Array;
  readonly #change: (config: NodeConfig) => NodeConfig;
  readonly #nodes = new Map<number, RunningNode>();

  private constructor(
    layout: LocalnetLayout,
    entries: readonly NodeStatus[],
    rate: number,
    change: (config: NodeConfig) => NodeConfig,
    loaded: number,
  ) {
    this.#layout = layout;
    this.entries = entries;
    this.#change = change;
    this.#genesis = parseGenesis(readFileSync(join(layout.home(1), 'genesis.json'), 'utf8'));
    this.#seed = Buffer.from(readFileSync(layout.loadSeed, 'utf8').trim(), 'hex');
    const urls = entries.map((node) => node.rpc_url);
    this.clients = urls.map((url) => new NodeClient(url));
    this.driver = loadOn(layout, urls.slice(0, loaded), rate);
  }

  /**
   * Resolves when all of them commit blocks under load.
   * @param rate transactions per second, all nodes together
   * @param change of every node's configuration
   * @param options entries of the genesis that are to be others, and how many nodes, from the first, get the load
   */
  static async start(
    rate: number,
    change = (config: NodeConfig): NodeConfig => config,
    { genesis = {}, loaded = 4 }: { genesis?: Record<string, unknown>; loaded?: number } = {},
  ): Promise<FourNodes> {
    const layout = localnetLayout(mkdtempSync(join(tmpdir(), 'potoroo-four-')));
    const { nodes } = await prepareNetwork(layout, { validators: 4, databaseUrl: undefined });
    for (const { home } of nodes) {
      const file = homeLayout(home).genesis;
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...genesis }));
    }
    const network = new FourNodes(layout, nodes, rate, change, loaded);
    await Promise.all(nodes.map(({ number }) => network.startNode(number)));
    if (rate > 0) await network.driver.start();
    await network.reaches(3);
    return network;
  }

  get victim(): RunningNode {
    return this.#nodes.get(1)!;
  }

  async startNode(number: number): Promise<void> {
    const { home, log: file } = this.entries[number - 1]!;
    const config = this.#change({ ...loadConfig(home), log: { level: 'info', file } });
    this.#nodes.set(number, await startNode({ config, home, version: 'test', log: createLog('main', config.log) }));
  }

  async stopNode(number: number): Promise<void> {
    await this.#nodes.get(number)?.stop();
    this.#nodes.delete(number);
  }

  /** Leaves a node that does not run nothing but who it is and what it signed: it begins at genesis. */
  wipe(number: number): void {
    const { home } = this.entries[number - 1]!;
    for (const name of readdirSync(home)) if (!KEPT.has(name)) rmSync(join(home, name), { recursive: true });
  }

  async stop(): Promise<void> {
    this.driver.close();
    for (const client of this.clients) client.close();
    await Promise.all([...this.#nodes.keys()].map((number) => this.stopNode(number)));
    rmSync(this.#layout.directory, { recursive: true, force: true });
  }

  /** An endless supply of transactions that no driver knows of. */
  transactions(): TransactionSource {
    return new TransactionSource({ seed: this.#seed, ...this.#genesis });
  }

  /** Waits for something of the running network; what throws is not yet so. */
  async until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
    let failure = '';
    const found = async (): Promise<boolean> => look();
    for (const end = performance.now() + LIMIT_ms; performance.now() < end; await sleep(50)) {
      try {
        if (await found()) return;
      } catch (error) {
        failure = String(error);
      }
    }
    const states = await Promise.all(this.clients.map((client) => client.get('/v1/consensus/state').catch(String)));
    const actors = this.victim
      .status()
      .map(({ name, phase, lastDeath }) => `${name} ${phase} ${lastDeath?.code ?? ''}`);
    throw new Error(`not within ${LIMIT_ms} ms: ${[what, failure, ...states, ...actors].join('\n')}`);
  }

  /** These nodes have committed that height. */
  reaches(height: number, of: readonly NodeClient[] = this.clients): Promise<void> {
    return this.until(`height ${height}`, async () => Math.min(...(await Promise.all(of.map(latestHeight)))) >= height);
  }

  /** Height of the node that is ahead. */
  async top(): Promise<number> {
    return Math.max(...(await Promise.all(this.clients.map((client) => latestHeight(client).catch(() => 0)))));
  }

  /** Has the victim commit some more blocks. */
  async goesOn(blocks: number): Promise<void> {
    await this.reaches((await this.top()) + blocks, this.clients.slice(0, 1));
  }

  /** Kills actors of the victim at once; resolves when all of it runs again, in new lives. */
  async kill(actors: readonly string[], by: Fault = 'terminate'): Promise<void> {
    const before = this.#incarnations();
    await Promise.all(actors.map((actor) => this.victim.kill(actor, by)));
    await this.until(`${actors.join(' and ')} run again after ${by}`, () => {
      const now = this.#incarnations();
      const isNew = actors.every((actor) => now.get(actor)! > before.get(actor)!);
      return isNew && this.victim.status().every(({ phase }) => phase === 'running');
    });
  }

  /** Ends the load; what was accepted is in one and the same chain on all nodes, once. */
  async settle(): Promise<void> {
    this.driver.halt();
    await this.until('all is committed', () => {
      const { submitted, committed, unanswered } = this.driver.figures();
      return unanswered === 0 && submitted === committed;
    });
    await this.agrees(this.driver.acceptedHashes());
  }

  /** These transactions are in one and the same chain on all nodes, once. */
  async agrees(accepted: readonly string[]): Promise<void> {
    const to = await this.top();
    await this.reaches(to);
    await assertOneChain(this.clients, to, accepted);
  }

  #incarnations(): Map<string, number> {
    return new Map(this.victim.status().map(({ name, incarnation }) => [name, incarnation]));
  }
}
