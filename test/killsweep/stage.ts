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

/** A network of four validators on one PostgreSQL server, three of them in the observer's process. */
export class Stage {
  readonly directory: string;
  readonly statements: string;
  readonly genesis: string;
  readonly victim: NodeStatus;
  readonly #database: EmbeddedDatabase;
  readonly #observer: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(directory: string, victim: NodeStatus, database: EmbeddedDatabase) {
    this.directory = directory;
    this.victim = victim;
    this.statements = join(directory, 'statements.jsonl');
    this.genesis = readFileSync(homeLayout(victim.home).genesis, 'utf8');
    this.#database = database;
    writeFileSync(this.statements, '');
    const log = openSync(join(directory, 'observer.log'), 'a');
    this.#observer = spawn(process.execPath, [OBSERVER, directory, this.statements], {
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#ended = once(this.#observer, 'exit');
  }

  /**
   * Resolves when the observer's validators run. They wait for the victim, whose vote they need.
   * @param timeout_ms of a round: longer than the victim is away, so that it comes back into the view in which it died,
   * where it could contradict itself. With a shorter one the others would go on, and little would be proven.
   */
  static async open(timeout_ms: number): Promise<Stage> {
    const directory = mkdtempSync(join(tmpdir(), 'potoroo-killsweep-'));
    const database = await startEmbedded({ home: directory, log: createLog('sweep', { level: 'silent' }) });
    try {
      const layout = localnetLayout(directory);
      const { nodes } = await prepareNetwork(layout, { validators: VALIDATORS, databaseUrl: database.url });
      const [victim] = nodes as [NodeStatus];
      for (const { number } of nodes) prepareHome(layout, number, victim.address, timeout_ms);
      const stage = new Stage(directory, victim, database);
      await Promise.race([once(stage.#observer, 'message'), stage.#ended.then(() => stage.#failed())]);
      return stage;
    } catch (error) {
      await database.stop();
      throw error;
    }
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

/**
 * Votes count by stake, and the victim has 40 % of it: without its vote there is no quorum, so that no height goes by while
 * it is dead.
 */
function prepareHome(layout: LocalnetLayout, number: number, victim: string, timeout_ms: number): void {
  const { genesis, config } = homeLayout(layout.home(number));
  edit(genesis, (file: { validators: { address: string; staked_amount: string }[] }) => ({
    ...file,
    vote_weight: 'stake',
    // What is staked is in a pool: the sum follows from the stakes.
    pools: [],
    block_interval_ms: BLOCK_INTERVAL_ms,
    empty_block_interval_ms: BLOCK_INTERVAL_ms,
    validators: file.validators.map((one) => {
      const staked = BigInt(one.staked_amount) * (one.address === victim ? 2n : 1n);
      return { ...one, staked_amount: staked.toString() };
    }),
  }));
  edit(config, (file: NodeConfigInput) => ({
    ...file,
    consensus: { timeout_ms, timeout_cap_ms: 2 * timeout_ms, resend_ms: RESEND_ms },
  }));
}

function edit<T extends object>(file: string, change: (content: T) => object): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as T)));
}
