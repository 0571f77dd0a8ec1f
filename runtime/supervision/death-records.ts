import type { Logger } from 'pino';
import type { LastDeath } from '../child-spec.ts';
import type { Clock } from '../clock.ts';
import type { Notice, Quarantined } from '../control.ts';
import { autopsy, CrashReports } from './crash-reports.ts';
import { DeadLetters, type Killing } from './dead-letters.ts';
import type { Life } from './life.ts';
import type { SupervisorMetrics } from './metrics.ts';
import type { Death } from './thread.ts';

interface RecordOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly software: string;
  readonly crashes: string | null;
  readonly deadLetters: string | null;
}

/** Writes down what actors died of, and which requests are to blame. */
export class DeathRecords {
  readonly #options: RecordOptions;
  readonly #names: readonly string[];
  readonly #metrics: SupervisorMetrics;
  readonly #crashes: CrashReports;
  readonly #deadLetters: DeadLetters;

  /** @param names everybody in the node, as threads are given them */
  constructor(options: RecordOptions, names: readonly string[], metrics: SupervisorMetrics) {
    this.#options = options;
    this.#names = names;
    this.#metrics = metrics;
    this.#crashes = new CrashReports(options.crashes);
    this.#deadLetters = new DeadLetters(options.deadLetters);
  }

  /** Reports a self-inflicted death; an ordered one is only noted. */
  record({ child, thread }: Life, death: Death, decision: string): LastDeath {
    const now_ms = this.#options.clock.now();
    const { code, message } = death.reason;
    const facts = { at_ms: now_ms, code, message, selfInflicted: death.selfInflicted };
    if (!death.selfInflicted) return { ...facts, report: null };
    this.#metrics.crashes.inc({ actor: child.spec.name });
    const { software } = this.#options;
    const report = this.#kept('crash report', () => {
      const found = autopsy(child, { thread, death }, { names: this.#names, now_ms, software, decision });
      if (found.killing) this.#count(found.killing, now_ms);
      return this.#crashes.write(found.report);
    });
    return { ...facts, report: report ?? null };
  }

  /** What the next life of an actor must not touch. */
  quarantine(actor: string): Quarantined[] {
    return this.#deadLetters.quarantine(actor, this.#options.clock.now());
  }

  /** A request that was put aside came again: now its content is known. */
  complete(actor: string, notice: Extract<Notice, { notice: 'deadLetter' }>): void {
    this.#kept('dead letter', () => this.#deadLetters.complete(actor, notice));
  }

  #count(killing: Killing, now_ms: number): void {
    const letter = this.#kept('dead letter', () => this.#deadLetters.count(killing, now_ms));
    if (!letter) return;
    const { id, actor, from, message } = letter;
    this.#metrics.deadLetters.inc({ actor });
    this.#options.log.error(
      { child: actor, id, request: message, from },
      'a request killed its actor twice: put aside',
    );
  }

  /** Does what writes to the disk: a full one must not end the supervisor. */
  #kept<T>(what: string, write: () => T): T | undefined {
    try {
      return write();
    } catch (error) {
      this.#options.log.warn({ err: error }, `a ${what} could not be written`);
      return undefined;
    }
  }
}
