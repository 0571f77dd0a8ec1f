import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type LocalnetStatus, localnetLayout, type NodeStatus, readStatus } from '../../cli/localnet/files.ts';
import { BIN, until } from './command.ts';

/** Time for what all nodes must do, on a machine that is busy with them. */
const LIMIT_ms = 90_000;

/** A network that `potoroo localnet` runs in a process of its own, seen from outside. */
export class LocalNetwork {
  readonly directory: string;
  /** Settles with the exit code when the command has ended. */
  readonly exit: Promise<number | null>;
  readonly #process: ChildProcess;
  #output = '';
  #stdout = '';

  constructor(directory: string, ...options: string[]) {
    this.directory = directory;
    this.#process = spawn(process.execPath, [BIN, 'localnet', '--dir', directory, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = once(this.#process, 'close').then(([code]) => code as number | null);
    this.#process.stdout?.on('data', (chunk) => {
      this.#stdout += chunk;
      this.#output += chunk;
    });
    this.#process.stderr?.on('data', (chunk) => {
      this.#output += chunk;
    });
  }

  /** All that the command has written. */
  get output(): string {
    return this.#output;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get status(): LocalnetStatus {
    return readStatus(localnetLayout(this.directory));
  }

  get nodes(): readonly NodeStatus[] {
    return this.status.nodes;
  }

  /** @param number from 1 */
  node(number: number): NodeStatus {
    return this.nodes[number - 1]!;
  }

  /** As `until`; whoever does not answer yet is asked again. @throws once the command has ended */
  async until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const patient = async (): Promise<T | undefined> => {
      const { exitCode, signalCode } = this.#process;
      if (exitCode !== null || signalCode !== null) throw new Error(`the network ended (${exitCode ?? signalCode})`);
      return Promise.resolve()
        .then(look)
        .catch(() => undefined);
    };
    try {
      return await until(what, patient, LIMIT_ms);
    } catch (error) {
      throw new Error(`${what}: ${error}\n${this.#output}`);
    }
  }

  allRunning(): Promise<readonly NodeStatus[]> {
    return this.until('all nodes run', () =>
      this.nodes.every(({ state }) => state === 'running') ? this.nodes : undefined,
    );
  }

  async height(number: number): Promise<number> {
    const response = await fetch(`${this.node(number).rpc_url}/v1/query/height`);
    const { height } = (await response.json()) as { height?: number };
    if (height === undefined) throw new Error(`node ${number} knows no height`);
    return height;
  }

  /** Resolves once these nodes, or all, have committed that height. */
  async reaches(goal: number, numbers?: readonly number[]): Promise<void> {
    await this.until(`height ${goal}`, async () => {
      const asked = numbers ?? this.nodes.map(({ number }) => number);
      const heights = await Promise.all(asked.map((number) => this.height(number)));
      return Math.min(...heights) >= goal ? true : undefined;
    });
  }

  /** Tells it to end; resolves with the exit code. */
  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#process.kill(signal);
    return this.exit;
  }
}
