import { Worker } from 'node:worker_threads';
import { type CodedError, type ErrorRecord, fromErrorRecord, toErrorRecord } from '../../runtime/errors.ts';
import type { LoadFigures, LoadOptions } from './driver.ts';

export type LoadOrder = 'halt' | 'finish';
export type LoadNotice =
  | { kind: 'progress'; figures: LoadFigures }
  | { kind: 'result'; figures: LoadFigures; accepted: readonly string[] }
  | { kind: 'failed'; error: ErrorRecord };

const NOTHING: LoadFigures = {
  submitted: 0,
  committed: 0,
  unanswered: 0,
  refused: {},
  firstSubmit_ms: 0,
  lastCommit_ms: 0,
  latency_ms: { p50: 0, p99: 0 },
  skipped: 0,
};

/** This file's own extension: `.js` when compiled, `.ts` where Node runs the sources. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/** This process's end of the thread that generates load. */
export class Load {
  /** The figures of a run without load. */
  static readonly NOTHING = NOTHING;
  /** Settles when the thread failed; stays open otherwise. */
  readonly failed: Promise<CodedError>;
  readonly #worker: Worker;
  readonly #result: Promise<{ figures: LoadFigures; accepted: readonly string[] }>;
  #figures: LoadFigures = NOTHING;

  constructor(options: LoadOptions) {
    this.#worker = new Worker(new URL(`./worker${EXTENSION}`, import.meta.url), { workerData: options, name: 'load' });
    let fail!: (error: CodedError) => void;
    this.failed = new Promise((resolve) => {
      fail = resolve;
    });
    this.#result = new Promise((resolve) => {
      this.#worker.on('message', (notice: LoadNotice) => {
        if (notice.kind === 'failed') fail(fromErrorRecord(notice.error));
        else {
          this.#figures = notice.figures;
          if (notice.kind === 'result') resolve(notice);
        }
      });
    });
    this.#worker.on('error', (error) => fail(fromErrorRecord(toErrorRecord(error))));
  }

  /** As of half a second ago at most. */
  get figures(): LoadFigures {
    return this.#figures;
  }

  /** True when everything that was accepted is committed, and nothing waits for an answer. */
  get settled(): boolean {
    const { submitted, committed, unanswered } = this.#figures;
    return submitted === committed && unanswered === 0;
  }

  /** No new transactions from here on. */
  halt(): void {
    this.#order('halt');
  }

  /** Ends the thread; its last figures and the hashes of all that was accepted. @throws what the thread failed with */
  finish(): Promise<{ figures: LoadFigures; accepted: readonly string[] }> {
    this.#order('finish');
    return Promise.race([this.#result, this.failed.then((error) => Promise.reject(error))]);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #order(order: LoadOrder): void {
    this.#worker.postMessage(order);
  }
}
