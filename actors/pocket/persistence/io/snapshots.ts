import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { blockHash } from '../../chain/block.ts';
import type { Genesis } from '../../chain/genesis.ts';
import { equalBytes } from '../../chain/hex.ts';
import { decodeSnapshotManifest } from '../../chain/snapshot.ts';
import { type ValidatorRules, validatorRules } from '../core/validators.ts';
import type { PersistenceMetrics } from '../metrics.ts';
import { type Database, LONG_ATTEMPT_MS, type Transaction } from './database.ts';
import type { loadState } from './load-state.ts';
import { readExtent, readHashAt } from './read-chain.ts';
import { IncomingSnapshot } from './snapshot-incoming.ts';
import { SnapshotMaker } from './snapshot-maker.ts';
import { requireBelow, restoreSnapshot } from './snapshot-restore.ts';
import { SnapshotStore } from './snapshot-store.ts';

/** A snapshot that proved to be one of these is of no use any more. */
const CONDEMNED = ['SNAPSHOT_INVALID', 'STATE_HASH_MISMATCH', 'SNAPSHOT_NOT_NEEDED'];

export interface SnapshotsOptions {
  /** `<home>/snapshots`. */
  readonly directory: string;
  readonly interval: number;
  readonly genesis: Genesis;
  readonly database: Database;
  readonly openDatabase: () => Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: PersistenceMetrics;
}

/** The snapshots of a node: those that it made and serves, and the one that it takes over. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #rules: ValidatorRules;
  readonly #store: SnapshotStore;
  readonly #maker: SnapshotMaker;
  readonly #incoming: IncomingSnapshot;
  /** What is done to the incoming one is done one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SnapshotsOptions) {
    const { directory, genesis } = options;
    this.#options = options;
    this.#rules = validatorRules(genesis);
    this.#store = new SnapshotStore(directory);
    this.#incoming = new IncomingSnapshot(join(directory, 'incoming'));
    const windowBlocks = genesis.txWindowBlocks;
    this.#maker = new SnapshotMaker(this.#store, { ...options, rules: this.#rules, windowBlocks });
  }

  /** Finds what is on disk, and removes what is not of this chain. */
  async open(tip: bigint, deadline_ms: number): Promise<void> {
    const { database, log } = this.#options;
    await this.#openDirectory(tip);
    for (const height of this.#store.heights) {
      if (height <= tip && (await this.#isOurs(height, deadline_ms))) continue;
      log.warn({ height, tip }, 'removing a snapshot that is damaged, or not of the chain in the database');
      await this.#store.remove(height);
    }
    const { stateFrom } = await database.run(deadline_ms, readExtent);
    this.#maker.catchUp(tip, stateFrom);
  }

  /** Blocks are worth more than snapshots: a node goes on without a place for these. */
  async #openDirectory(tip: bigint): Promise<void> {
    const { directory, log, metrics } = this.#options;
    try {
      await this.#store.open();
      await this.#incoming.discardUnlessAbove(tip);
    } catch (error) {
      metrics.snapshotFailures.inc();
      log.error({ err: error, directory }, 'no snapshots: make this directory readable and writable for the node');
    }
  }

  committed(tip: bigint): void {
    this.#maker.committed(tip);
  }

  get heights(): bigint[] {
    return [...this.#store.heights];
  }

  manifest(height: bigint): Promise<Uint8Array | null> {
    return this.#store.manifest(height);
  }

  chunk(height: bigint, index: number): Promise<Uint8Array | null> {
    return this.#store.chunk(height, index);
  }

  /** @returns indexes of the chunks to fetch @throws SNAPSHOT_*, and what its parts raise */
  begin(manifest: Uint8Array, tip: bigint): Promise<number[]> {
    const { header } = decodeSnapshotManifest(manifest);
    this.#requireNetwork(header.networkId);
    requireBelow(tip, header.height);
    return this.#inTurn(() => this.#incoming.begin(manifest));
  }

  /** @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_CHUNK_MISMATCH */
  put(index: number, chunk: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#incoming.put(index, chunk));
  }

  /**
   * Puts the incoming snapshot in the place of the chain: all of it in one transaction of the database, or nothing.
   * @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_INCOMPLETE, SNAPSHOT_INVALID, SNAPSHOT_NOT_NEEDED, STATE_HASH_MISMATCH
   */
  restore(deadline_ms: number): ReturnType<typeof loadState> {
    return this.#inTurn(async () => {
      const { database, genesis, clock, log, metrics } = this.#options;
      this.#incoming.requireComplete();
      const began_ms = clock.now();
      const options = { windowBlocks: genesis.txWindowBlocks, rules: this.#rules };
      try {
        const work = (tx: Transaction) => restoreSnapshot(tx, this.#incoming, options);
        const state = await database.transaction(deadline_ms, work, LONG_ATTEMPT_MS);
        await this.#adopt();
        const took_ms = clock.now() - began_ms;
        metrics.restoreSeconds.set(took_ms / 1_000);
        log.info({ height: state.tip.header.height, took_ms }, 'snapshot restored: the chain begins at its height');
        return state;
      } catch (error) {
        if (CONDEMNED.some((code) => hasCode(error, code))) await this.#incoming.discard();
        throw error;
      }
    });
  }

  stop(): Promise<void> {
    return this.#maker.stop();
  }

  /** What was restored is what this node would make of the height: it serves others as well. */
  async #adopt(): Promise<void> {
    try {
      await this.#incoming.end((directory, height) => this.#store.adopt(directory, height));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the restored snapshot cannot be kept for others');
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Of a height below the beginning of the chain nothing in the database speaks against it. */
  async #isOurs(height: bigint, deadline_ms: number): Promise<boolean> {
    const manifest = await this.#store.read(height);
    if (manifest === null || manifest.header.networkId !== this.#options.genesis.networkId) return false;
    const hash = await this.#options.database.run(deadline_ms, (sql) => readHashAt(sql, height));
    return hash === null || equalBytes(hash, blockHash(manifest.header));
  }

  #requireNetwork(networkId: string): void {
    const ours = this.#options.genesis.networkId;
    if (networkId === ours) return;
    throw new CodedError(
      'SNAPSHOT_WRONG_NETWORK',
      `the snapshot is of network ${networkId}, this node is of ${ours}.`,
      {
        network: networkId,
        ours,
      },
    );
  }
}
