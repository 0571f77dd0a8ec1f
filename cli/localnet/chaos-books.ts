import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { CHAOS_ACTORS, type ChaosAct } from './chaos-plan.ts';

interface RecoveryFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What chaos did, for the report. Names and order are an interface. */
export interface ChaosFigures {
  readonly seed: number;
  readonly actor_kills: number;
  /** Processes that were ended; a suspended one is none. */
  readonly node_kills: number;
  /** Acts by fault, in the order of their first use. */
  readonly by: Readonly<Record<string, number>>;
  /**
   * From the death to serving again, by actor. `node`: from the signal, or from the end of the suspension, until it
   * follows the chain.
   */
  readonly recovery_ms: Readonly<Record<string, RecoveryFigures>>;
}

const NODE = 'node';

/** Keeps account of the acts of chaos, however long it lasts. */
export class ChaosBooks {
  readonly #seed: number;
  readonly #by = new Map<string, number>();
  readonly #recovery_ms = new Map<string, RecordableHistogram>();
  #actorKills = 0;
  #nodeKills = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  actorHit(actor: string, by: ChaosAct['by'], recovery_ms: number): void {
    this.#actorKills++;
    this.#note(actor, by, recovery_ms);
  }

  nodeHit(by: ChaosAct['by'], recovery_ms: number): void {
    if (by !== 'SIGSTOP') this.#nodeKills++;
    this.#note(NODE, by, recovery_ms);
  }

  figures(): ChaosFigures {
    const rows = [...CHAOS_ACTORS, NODE].flatMap((name): [string, RecoveryFigures][] => {
      const values = this.#recovery_ms.get(name);
      return values === undefined ? [] : [[name, recoveryFigures(values)]];
    });
    return {
      seed: this.#seed,
      actor_kills: this.#actorKills,
      node_kills: this.#nodeKills,
      by: Object.fromEntries(this.#by),
      recovery_ms: Object.fromEntries(rows),
    };
  }

  #note(name: string, by: string, recovery_ms: number): void {
    this.#by.set(by, (this.#by.get(by) ?? 0) + 1);
    const recovery = this.#recovery_ms.get(name) ?? createHistogram();
    this.#recovery_ms.set(name, recovery);
    // It takes whole numbers from 1.
    recovery.record(Math.max(1, Math.round(recovery_ms)));
  }
}

function recoveryFigures(recovery: RecordableHistogram): RecoveryFigures {
  return { p50: recovery.percentile(50), p99: recovery.percentile(99), max: recovery.max };
}
