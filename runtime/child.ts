import { Worker } from 'node:worker_threads';
import { type Remote, transfer, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Clock } from './clock.ts';
import type { DeclaredPeers, Outcome, PortBinding, WorkerControl, WorkerStart } from './control.ts';
import { CodedError, fromErrorRecord, toErrorRecord } from './errors.ts';

/** This file's own extension: `.js` when compiled, `.ts` where Node runs the sources. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/** How a thread ended. */
export interface Death {
  /** True if it ended itself: a throw, an exit, no memory. */
  readonly selfInflicted: boolean;
  readonly reason: CodedError;
}

/** One life of one actor on its thread. Every control call is raced against death and a deadline. */
export class ChildThread {
  readonly died: Promise<Death>;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #control: Remote<WorkerControl>;
  #ordered = false;

  constructor(start: WorkerStart, options: { clock: Clock; maxHeap_mb: number }) {
    this.#name = start.name;
    this.#clock = options.clock;
    this.#worker = new Worker(new URL(`./worker${EXTENSION}`, import.meta.url), {
      name: start.name,
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeap_mb },
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
    await this.#worker.terminate();
  }

  /** Ends the thread at once, whatever it does. */
  async terminate(): Promise<void> {
    this.#ordered = true;
    await this.#worker.terminate();
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
