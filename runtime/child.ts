import { Worker } from 'node:worker_threads';
import { type Remote, transfer, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Clock } from './clock.ts';
import type { DeclaredPeers, Outcome, PortBinding, WorkerControl, WorkerStart } from './control.ts';
import { CodedError, fromErrorRecord, toErrorRecord } from './errors.ts';

/** This file's own extension: `.js` when compiled, `.ts` where Node runs the sources. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/**
 * Space for new objects of one thread. Measured with seven threads under the highest load: 24 MB instead of V8's
 * default of 48 takes 100 MB off a node's 600 and costs 2 % more CPU per transaction; 96 gains nothing.
 */
const YOUNG_GENERATION_mb = 24;

/** How a thread ended. */
export interface Death {
  /** True if it ended itself: a throw, an exit, no memory. */
  readonly selfInflicted: boolean;
  readonly reason: CodedError;
}

export interface ChildOptions {
  readonly clock: Clock;
  readonly maxHeap_mb: number;
  /** Time for a thread to end once it is told to, ms. */
  readonly terminate_ms: number;
  /** Called if it does not: it sits in a system call, and may still come out of it and act. */
  onStuck(reason: CodedError): void;
}

/** One life of one actor on its thread. Every control call is raced against death and a deadline. */
export class ChildThread {
  readonly died: Promise<Death>;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #control: Remote<WorkerControl>;
  readonly #options: ChildOptions;
  #ordered = false;

  constructor(start: WorkerStart, options: ChildOptions) {
    this.#name = start.name;
    this.#clock = options.clock;
    this.#options = options;
    this.#worker = new Worker(new URL(`./worker${EXTENSION}`, import.meta.url), {
      name: start.name,
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeap_mb, maxYoungGenerationSizeMb: YOUNG_GENERATION_mb },
    });
    this.#control = wrap<WorkerControl>(nodeEndpoint(this.#worker));
    this.died = this.#death();
  }

  load(timeout_ms: number): Promise<DeclaredPeers> {
    return this.#call('load', () => this.#control.load(), timeout_ms);
  }

  start(timeout_ms: number): Promise<void> {
    return this.#call('start', () => this.#control.start(), timeout_ms);
  }

  bind(binding: PortBinding, timeout_ms: number): Promise<void> {
    return this.#call('bind', () => this.#control.connect(transfer(binding, [binding.port])), timeout_ms);
  }

  ready(timeout_ms: number): Promise<void> {
    return this.#call('ready', () => this.#control.ready(), timeout_ms);
  }

  /** Asks the actor to stop, then ends the thread. Never rejects. */
  async stop(timeout_ms: number): Promise<void> {
    this.#ordered = true;
    await this.#call('stop', () => this.#control.stop(), timeout_ms).catch(() => undefined);
    await this.terminate();
  }

  /** Ends the thread at once, whatever it does; only a system call is waited for, and not for ever. */
  async terminate(): Promise<void> {
    this.#ordered = true;
    const { clock, terminate_ms, onStuck } = this.#options;
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(terminate_ms, () => {
        onStuck(
          new CodedError('THREAD_STUCK', `the thread of ${this.#name} cannot be ended: end the process`, {
            actor: this.#name,
            terminate_ms,
          }),
        );
        resolve();
      });
    });
    await Promise.race([this.#worker.terminate(), late]);
    cancel();
  }

  #death(): Promise<Death> {
    return new Promise((resolve) => {
      let error: unknown;
      this.#worker.on('error', (cause) => {
        error = cause;
      });
      this.#worker.on('exit', (exitCode) => {
        const record = error === undefined ? undefined : toErrorRecord(error);
        const reason = record
          ? fromErrorRecord(record)
          : new CodedError('ACTOR_EXITED', `${this.#name} ended its thread with exit code ${exitCode}`, { exitCode });
        resolve({ selfInflicted: !this.#ordered, reason });
      });
    });
  }

  /** A comlink call to a dead thread never settles, hence the race. */
  async #call<T>(what: string, call: () => Promise<Outcome<T>>, timeout_ms: number): Promise<T> {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(timeout_ms, () =>
        reject(
          new CodedError('CONTROL_TIMEOUT', `${this.#name} did not ${what} within ${timeout_ms} ms`, {
            actor: this.#name,
            what,
            timeout_ms,
          }),
        ),
      );
    });
    const dead = this.died.then(({ reason }): never => {
      throw reason;
    });
    try {
      const outcome = await Promise.race([call(), dead, late]);
      if (!outcome.ok) throw fromErrorRecord(outcome.error);
      return outcome.value;
    } finally {
      cancel();
    }
  }
}
