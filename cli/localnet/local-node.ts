import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { homeLayout } from '../../config/home.ts';
import { CodedError } from '../../runtime/errors.ts';
import type { NodeNotice, StopOrder } from '../node-process.ts';
import type { NodeStatus } from './files.ts';

/** The node gives itself 3.5 s to stop; then it is stuck. */
const STOP_DEADLINE_ms = 4_000;
/** Wait before a died node is started again; doubles with each death, and is short again after a quiet minute. */
const BACKOFF_ms = 500;
const BACKOFF_CAP_ms = 10_000;
const QUIET_ms = 60_000;
/** A log that is larger when its node starts is put aside, one generation. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;

export interface LocalNodeOptions {
  /** Script that understands `start --home H`: the command line itself, or a stand-in in tests. */
  readonly script: string;
  readonly status: NodeStatus;
  /** Called after every change of `status`. */
  readonly changed: () => void;
  readonly note: (text: string) => void;
}

/** One validator of the local network: a process that is kept running until the user says otherwise. */
export class LocalNode {
  readonly #options: LocalNodeOptions;
  #status: NodeStatus;
  #child: ChildProcess | null = null;
  #starts = 0;
  #started_ms = 0;
  #deaths = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: LocalNodeOptions) {
    this.#options = options;
    this.#status = options.status;
  }

  get status(): NodeStatus {
    return this.#status;
  }

  get number(): number {
    return this.#status.number;
  }

  /** How often the process was started again. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /** Starts the process unless it runs; resolves when the node is up. @throws NODE_START_FAILED */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    clearTimeout(this.#retry);
    this.#starts++;
    this.#started_ms = Date.now();
    const child = this.#spawn();
    this.#child = child;
    this.#set({ state: 'starting', pid: child.pid ?? null });
    await this.#untilUp(child);
    this.#set({ state: 'running', psql_url: psqlUrlOf(this.#status.home) });
  }

  /** Stops the node in order, by force if it does not follow. It stays down. */
  async stop(): Promise<void> {
    const child = this.#release();
    if (child === null) return;
    // A suspended one could not follow.
    child.kill('SIGCONT');
    const order: StopOrder = { kind: 'stop' };
    // Fails where the channel is closed, and then the node is stopping already.
    child.send(order, () => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_ms);
    await exited(child);
    clearTimeout(timer);
    this.#set({ state: 'stopped', pid: null });
  }

  /** Ends the process at once, as a power cut would. It stays down. */
  async kill(): Promise<void> {
    const child = this.#release();
    if (child === null) return;
    child.kill('SIGKILL');
    await exited(child);
    this.#set({ state: 'stopped', pid: null });
  }

  /**
   * Sends the process a signal behind the back of the keeping: what dies by it is started again as after any death.
   * A suspended one goes on with SIGCONT, and is woken by `stop`.
   */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** For the last moment of this process: no await, nothing is left behind. */
  killNow(): void {
    this.#release()?.kill('SIGKILL');
  }

  /** Takes the process from the keeping: what happens to it now is intended. */
  #release(): ChildProcess | null {
    clearTimeout(this.#retry);
    const child = this.#child;
    this.#child = null;
    if (child === null) this.#set({ state: 'stopped', pid: null });
    return child;
  }

  #spawn(): ChildProcess {
    const { script } = this.#options;
    const log = openLog(this.#status.log);
    try {
      // A session of its own: Ctrl-C in the terminal is for this process, which then stops its nodes in order.
      // Should this process die, the channel closes, and that ends the node too.
      return spawn(process.execPath, [script, 'start', '--home', this.#status.home], {
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
  }

  #untilUp(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      let reason = '';
      child.on('message', (notice: NodeNotice) => {
        if (notice.kind === 'ready') resolve();
        else reason = `${notice.error.code}: ${notice.error.message}`;
      });
      const ended = (how: string): void => {
        const why = reason || `it ended (${how}); its last words are in ${this.#status.log}`;
        reject(
          new CodedError('NODE_START_FAILED', `node ${this.number}: ${why}`, {
            node: this.number,
            log: this.#status.log,
          }),
        );
        this.#onEnd(child, reason || how);
      };
      child.once('error', (error) => ended(error.message));
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    });
  }

  /** A process that ended although nobody wanted it to is started again. */
  #onEnd(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#deaths = Date.now() - this.#started_ms > QUIET_ms ? 1 : this.#deaths + 1;
    const wait_ms = Math.min(BACKOFF_CAP_ms, BACKOFF_ms * 2 ** (this.#deaths - 1));
    this.#set({ state: 'down', pid: null });
    this.#options.note(`node ${this.number} ended (${how}): starting it again in ${wait_ms / 1000} s`);
    this.#retry = setTimeout(() => {
      // Its end is handled by this function again; the caller of `start` is nobody here.
      this.start().catch(() => undefined);
    }, wait_ms);
  }

  #set(change: Partial<NodeStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#options.changed();
  }
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o644);
}

function psqlUrlOf(home: string): string | null {
  try {
    const node = JSON.parse(readFileSync(homeLayout(home).nodeFile, 'utf8')) as { psql_url?: string };
    return node.psql_url ?? null;
  } catch {
    return null;
  }
}
