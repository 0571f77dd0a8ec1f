import { Worker } from 'node:worker_threads';
import { type Remote, transfer, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { blackBoxMemory } from '../black-box.ts';
import type { Fault } from '../child-spec.ts';
import { afterAwake, type Clock } from '../clock.ts';
import {
  type DeclaredActor,
  isNotice,
  type Notice,
  type Outcome,
  type PortBinding,
  type WorkerControl,
  type WorkerStart,
} from '../control.ts';
import { CodedError, fromErrorRecord, toErrorRecord } from '../errors.ts';

/** This file's own extension: `.js` when compiled, `.ts` where Node runs the sources. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/**
 * Space for new objects of one thread. Measured with seven threads under the highest load: 24 MB instead of V8's
 * default of 48 takes 100 MB off a node's 600 and costs 2 % more CPU per transaction; 96 gains nothing.
 */
const YOUNG_GENERATION_mb = 24;

/** How a thread ended. */
export interface Death {
  /** False if it was ordered; a throw, an exit, no memory, a stalled loop are its own doing. */
  readonly selfInflicted: boolean;
  readonly reason: CodedError;
  /** Where it threw, if it did. */
  readonly stack: string;
  /** True if it ended in order by itself: exit code 0 and no error. */
  readonly orderly: boolean;
  /** False if the thread itself knew what it died of; else the black box has to tell. */
  readonly unforeseen: boolean;
}

/** What a thread is started with, besides what is made here. */
export type ThreadStart = Omit<WorkerStart, 'box'>;

export interface ThreadOptions {
  /** URL of a file that loads the actor by itself; absent: one that imports the module. */
  readonly entry?: string | undefined;
  readonly clock: Clock;
  readonly maxHeap_mb: number;
  /** Time for a thread to end once it is told to, ms. */
  readonly terminate_ms: number;
  /** Called if it does not: it sits in a system call, and may still come out of it and act. */
  onStuck(reason: CodedError): void;
  /** Called with what the thread reports by itself. */
  onNotice(notice: Notice): void;
}

/** One life of one actor, as the supervisor sees it. Calls reject with the death's reason if it comes first. */
export interface ActorThread {
  readonly died: Promise<Death>;
  /** Its black box: readable whatever state the thread is in. */
  readonly box: SharedArrayBuffer;
  load(timeout_ms: number): Promise<DeclaredActor>;
  start(timeout_ms: number): Promise<void>;
  bind(binding: PortBinding, timeout_ms: number): Promise<void>;
  ready(timeout_ms: number): Promise<void>;
  /** Has the actor do something deadly; resolves before it does. */
  inject(fault: Exclude<Fault, 'terminate'>, timeout_ms: number): Promise<void>;
  /** Asks the actor to stop, then ends the thread. Never rejects. */
  stop(timeout_ms: number): Promise<void>;
  /**
   * Ends the thread at once, whatever it does; only a system call is waited for, and not for ever.
   * @param verdict what it did to deserve it; absent: it is an order, which the actor is not to blame for
   */
  terminate(verdict?: CodedError): Promise<void>;
}

export type ThreadFactory = (start: ThreadStart, options: ThreadOptions) => ActorThread;

/** A worker thread with its control calls, each raced against death and a deadline. */
export class WorkerThread implements ActorThread {
  readonly died: Promise<Death>;
  readonly box = blackBoxMemory();
  readonly #name: string;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #control: Remote<WorkerControl>;
  readonly #options: ThreadOptions;
  #ordered = false;
  #verdict: CodedError | undefined;
  #ending: Promise<void> | undefined;

  constructor(start: ThreadStart, options: ThreadOptions) {
    this.#name = start.name;
    this.#clock = options.clock;
    this.#options = options;
    const workerData: WorkerStart = { ...start, box: this.box };
    this.#worker = new Worker(new URL(options.entry ?? `../worker${EXTENSION}`, import.meta.url), {
      name: start.name,
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeap_mb, maxYoungGenerationSizeMb: YOUNG_GENERATION_mb },
    });
    this.#control = wrap<WorkerControl>(nodeEndpoint(this.#worker));
    // Beside comlink's answers on the same port, which carry an id.
    this.#worker.on('message', (message: unknown) => {
      if (isNotice(message)) options.onNotice(message);
    });
    this.died = this.#death();
  }

  load(timeout_ms: number): Promise<DeclaredActor> {
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

  inject(fault: Exclude<Fault, 'terminate'>, timeout_ms: number): Promise<void> {
    return this.#call('inject', () => this.#control.inject(fault), timeout_ms);
  }

  async stop(timeout_ms: number): Promise<void> {
    this.#ordered = true;
    await this.#call('stop', () => this.#control.stop(), timeout_ms).catch(() => undefined);
    await this.terminate();
  }

  terminate(verdict?: CodedError): Promise<void> {
    if (verdict === undefined) this.#ordered = true;
    this.#verdict ??= verdict;
    // Once is enough: it may be told again and again while it takes its time.
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    const { clock, terminate_ms, onStuck } = this.#options;
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = afterAwake(clock, terminate_ms, () => {
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
      this.#worker.on('exit', (exitCode) => resolve(this.#judge(error, exitCode)));
    });
  }

  #judge(error: unknown, exitCode: number): Death {
    const threw = error !== undefined && this.#verdict === undefined;
    const reason = this.#verdict ?? (threw ? fromErrorRecord(toErrorRecord(error)) : this.#exited(exitCode));
    const stack = threw && error instanceof Error ? (error.stack ?? '') : '';
    return {
      selfInflicted: !this.#ordered,
      reason,
      stack,
      orderly: !threw && !this.#ordered && this.#verdict === undefined && exitCode === 0,
      unforeseen: !threw || reason.code === 'ERR_WORKER_OUT_OF_MEMORY',
    };
  }

  #exited(exitCode: number): CodedError {
    const data = { actor: this.#name, exitCode };
    if (this.#ordered) return new CodedError('ACTOR_KILLED', `${this.#name} was ended by order`, data);
    return new CodedError('ACTOR_EXITED', `${this.#name} ended its thread with exit code ${exitCode}`, data);
  }

  async #call<T>(what: string, call: () => Promise<Outcome<T>>, timeout_ms: number): Promise<T> {
    const limit = { actor: this.#name, what, timeout_ms, clock: this.#clock, died: this.died };
    const outcome = await whileItLives(call, limit);
    if (!outcome.ok) throw fromErrorRecord(outcome.error);
    return outcome.value;
  }
}

/** What a control call is raced against. */
interface CallLimit {
  readonly actor: string;
  /** For the error: `start`, `stop`. */
  readonly what: string;
  readonly timeout_ms: number;
  readonly clock: Clock;
  readonly died: Promise<Death>;
}

/**
 * A comlink call to a dead thread never settles, hence the race.
 * @throws CONTROL_TIMEOUT, what the thread died of
 */
export async function whileItLives<T>(call: () => Promise<T>, limit: CallLimit): Promise<T> {
  const { actor, what, timeout_ms, clock, died } = limit;
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = afterAwake(clock, timeout_ms, () =>
      reject(
        new CodedError('CONTROL_TIMEOUT', `${actor} did not ${what} within ${timeout_ms} ms`, {
          actor,
          what,
          timeout_ms,
        }),
      ),
    );
  });
  const dead = died.then(({ reason }): never => {
    throw reason;
  });
  try {
    return await Promise.race([call(), dead, late]);
  } finally {
    cancel();
  }
}
