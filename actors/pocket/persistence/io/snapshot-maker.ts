import type { Logger } from 'pino';
import type { Clock } from '../../../../runtime/clock.ts';
import type { ValidatorRules } from '../core/validators.ts';
import type { PersistenceMetrics } from '../metrics.ts';
import { type Database, LONG_ATTEMPT_MS } from './database.ts';
import { makeSnapshot } from './snapshot-make.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** Between two slices of work the thread is free for at least this, and for as long as the slice took. */
const MIN_PAUSE_MS = 2;

export interface MakerOptions {
  /** Every so many blocks; 0: never. */
  readonly interval: number;
  readonly rules: ValidatorRules;
  readonly windowBlocks: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: PersistenceMetrics;
  /** Connections of their own: a snapshot takes no turn from blocks. */
  openDatabase(): Database;
}

/**
 * Makes snapshots in the background, one at a time; of heights that come meanwhile only the last one is made. A failure
 * costs the snapshot, nothing else.
 */
export class SnapshotMaker {
  readonly #store: SnapshotStore;
  readonly #options: MakerOptions;
  #wanted: bigint | null = null;
  #running: Promise<void> | null = null;
  #database: Database | null = null;
  #stopped = false;

  constructor(store: SnapshotStore, options: MakerOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** The tip has this height. A snapshot is of the block below it, whose child carries the QC that all nodes know. */
  committed(tip: bigint): void {
    const { interval } = this.#options;
    if (interval > 0 && (tip - 1n) % BigInt(interval) === 0n) this.#want(tip - 1n);
  }

  /** At the start: the last one may be missing, because it was being made. @param from lowest height whose state is here */
  catchUp(tip: bigint, from: bigint): void {
    const { interval } = this.#options;
    if (interval === 0 || tip < 1n) return;
    const height = ((tip - 1n) / BigInt(interval)) * BigInt(interval);
    if (height >= from) this.#want(height);
  }

  /** Gives up what is being made; it is begun anew at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#database?.close();
    await this.#running;
  }

  #want(height: bigint): void {
    if (height < 1n || this.#stopped || this.#store.heights.includes(height)) return;
    this.#wanted = height;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#wanted !== null && !this.#stopped) {
      const height = this.#wanted;
      this.#wanted = null;
      await this.#make(height);
    }
    this.#running = null;
  }

  async #make(height: bigint): Promise<void> {
    const { clock, log, metrics, openDatabase } = this.#options;
    const began_ms = clock.now();
    const database = openDatabase();
    this.#database = database;
    try {
      const request = { ...this.#options, height, pause: this.#pacer() };
      const bytes = await database.transaction(
        Number.POSITIVE_INFINITY,
        (tx) => makeSnapshot(tx, this.#store, request),
        LONG_ATTEMPT_MS,
      );
      const took_ms = clock.now() - began_ms;
      metrics.snapshotHeight.set(Number(height));
      metrics.snapshotBytes.set(bytes);
      metrics.snapshotSeconds.set(took_ms / 1_000);
      log.info({ height, bytes, took_ms }, 'snapshot made');
    } catch (error) {
      if (this.#stopped) return;
      metrics.snapshotFailures.inc();
      log.warn({ err: error, height }, 'no snapshot of this height: making it failed');
    } finally {
      this.#database = null;
      await database.close();
    }
  }

  #pacer(): () => Promise<void> {
    const { clock } = this.#options;
    let began_ms = clock.now();
    return async () => {
      if (this.#stopped) throw new Error('the actor stops');
      const pause_ms = Math.max(MIN_PAUSE_MS, clock.now() - began_ms);
      await new Promise<void>((resolve) => clock.after(pause_ms, resolve));
      began_ms = clock.now();
    };
  }
}
