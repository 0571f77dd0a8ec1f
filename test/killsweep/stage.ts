import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmbeddedDatabase, startEmbedded } from '../../actors/pocket/persistence/io/embedded.ts';
import { type LocalnetLayout, localnetLayout, type NodeStatus } from '../../cli/localnet/files.ts';
import { prepareNetwork } from '../../cli/localnet/network.ts';
import { homeLayout } from '../../config/home.ts';
import type { NodeConfigInput } from '../../config/schema.ts';
import { createLog } from '../../runtime/logging.ts';

const OBSERVER = fileURLToPath(new URL('./observer.js', import.meta.url));
const VALIDATORS = 4;

const RESEND_ms = 200;
/** Blocks follow each other quickly: most of the time something is being signed. */
const BLOCK_INTERVAL_ms = 50;

export interface StageOptions {
  /**
   * Of a round: longer than the victim is away, so that it comes back into the view in which it died, where it could
   * contradict itself. With a shorter one the others would go on, and little would be proven.
   */
  readonly timeout_ms: number;
  /**
   * Votes count by stake, and the victim has 40 % of it: without its vote there is no quorum, and no height goes by while it
   * is dead. Else each validator has one vote, and three of the four are enough.
   */
  readonly indispensable: boolean;
}

/** A network of four validators on one PostgreSQL server, three of them in the observer's process. */
export class Stage {
  readonly directory: string;
  readonly statements: string;
  readonly genesis: string;
  readonly victim: NodeStatus;
  /** The validators in the observer's process. */
  readonly others: readonly NodeStatus[];
  readonly #database: EmbeddedDatabase;
  readonly #observer: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(directory: string, [victim, ...others]: readonly NodeStatus[], database: EmbeddedDatabase) {
    this.directory = directory;
    this.victim = victim!;
    this.others = others;
    this.statements = join(directory, 'statements.jsonl');
    this.genesis = readFileSync(homeLayout(this.victim.home).genesis, 'utf8');
    this.#database = database;
    writeFileSync(this.statements, '');
    const log = openSync(join(directory, 'observer.log'), 'a');
    this.#observer = spawn(process.execPath, [OBSERVER, directory, this.statements], {
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#ended = once(this.#observer, 'exit');
  }

  /** Resolves when the observer's validators run. */
  static async open(options: StageOptions): Promise<Stage> {
    const directory = mkdtempSync(join(tmpdir(), 'potoroo-killsweep-'));
    const database = await startEmbedded({ home: directory, log: createLog('sweep', { level: 'silent' }) });
    try {
      const layout = localnetLayout(directory);
      const { nodes } = await prepareNetwork(layout, { validators: VALIDATORS, databaseUrl: database.url });
      for (const { number } of nodes) prepareHome(layout, number, nodes[0]!.address, options);
      const stage = new Stage(directory, nodes, database);
      await Promise.race([once(stage.#observer, 'message'), stage.#ended.then(() => stage.#failed())]);
      return stage;
    } catch (error) {
      await database.stop();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** The server of all nodes' databases. postgres.js does not decode the directory of a unix socket in the URL. */
  get server(): { url: string; host: string } {
    return { url: this.#database.url, host: this.#database.socketDirectory };
  }

  /** Ends the observer in order: what it has not seen stands at the end of its file. @throws if it had ended before */
  async endObserver(): Promise<void> {
    if (this.#observer.exitCode !== null || this.#observer.signalCode !== null) this.#failed();
    this.#observer.send('end', () => undefined);
    await this.#ended;
  }

  /** Leaves nothing behind. */
  async close(): Promise<void> {
    this.#observer.kill('SIGKILL');
    await this.#ended;
    await this.#database.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #failed(): never {
    throw new Error(`the observer ended: ${readFileSync(join(this.directory, 'observer.log'), 'utf8').slice(-4_000)}`);
  }
}

function prepareHome(layout: LocalnetLayout, number: number, victim: string, options: StageOptions): void {
  const { timeout_ms, indispensable } = options;
  const { genesis, config } = homeLayout(layout.home(number));
  edit(genesis, (file: { validators: { address: string; staked_amount: string }[] }) => ({
    ...file,
    vote_weight: indispensable ? 'stake' : 'validator',
    // What is staked is in a pool: the sum follows from the stakes.
    pools: [],
    block_interval_ms: BLOCK_INTERVAL_ms,
    empty_block_interval_ms: BLOCK_INTERVAL_ms,
    validators: file.validators.map((one) => {
      const staked = BigInt(one.staked_amount) * (indispensable && one.address === victim ? 2n : 1n);
      return { ...one, staked_amount: staked.toString() };
    }),
  }));
  edit(config, (file: NodeConfigInput) => ({
    ...file,
    // Any: nobody asks for them, and others on this machine take ports, too.
    rpc: { port: 0 },
    telemetry: { port: 0 },
    consensus: { timeout_ms, timeout_cap_ms: 2 * timeout_ms, resend_ms: RESEND_ms },
  }));
}

function edit<T extends object>(file: string, change: (content: T) => object): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as T)));
}
