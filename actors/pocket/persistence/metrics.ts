import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 20];

/** What persistence measures. */
export interface PersistenceMetrics {
  readonly commitSeconds: Histogram;
  readonly stageSeconds: Histogram;
  readonly hashSeconds: Histogram;
  readonly readSeconds: Histogram;
  readonly journalSeconds: Histogram;
  readonly height: Gauge;
  readonly rows: Counter;
  readonly staged: Gauge;
  readonly evicted: Counter;
  readonly journal: Gauge;
  readonly cacheLookups: Counter<'result'>;
  readonly trieLeaves: Gauge<'tree'>;
  readonly proofHeights: Gauge;
  readonly proofBytes: Gauge;
  readonly retries: Counter;
  readonly snapshotHeight: Gauge;
  readonly snapshotBytes: Gauge;
  readonly snapshotSeconds: Gauge;
  readonly snapshotFailures: Counter;
  readonly restoreSeconds: Gauge;
}

export function persistenceMetrics(registry: Registry): PersistenceMetrics {
  const registers = [registry];
  const seconds = (name: string, help: string): Histogram =>
    new Histogram({ name: `potoroo_persistence_${name}_seconds`, help, buckets: SECONDS, registers });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `potoroo_persistence_${name}`, help, registers });
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `potoroo_persistence_${name}_total`, help, registers });
  return {
    commitSeconds: seconds('commit', 'Time to write a decided block in one database transaction, disk included'),
    stageSeconds: seconds(
      'stage',
      'Time to hash the state of a proposed block and make it durable; every vote waits for it',
    ),
    hashSeconds: seconds(
      'hash',
      'Time to compute the state that a block leads to: the part of stage that hashes tries',
    ),
    readSeconds: seconds('read', 'Time to answer a read of balances, cached or not'),
    journalSeconds: seconds('journal', 'Time to make accepted transactions durable before their sender is answered'),
    height: gauge('height', 'Height of the last block in the database'),
    rows: counter('rows', 'Rows written by commits'),
    staged: gauge('staged_blocks', 'Executed blocks that wait for a decision; one is usual, many mean many rounds'),
    evicted: counter('evicted_blocks', 'Staged blocks that gave way to others; they must be executed again if decided'),
    journal: gauge(
      'journal_transactions',
      'Accepted transactions that are not yet in a block; grows if blocks do not keep up',
    ),
    cacheLookups: new Counter({
      name: 'potoroo_persistence_cache_lookups_total',
      help: 'Balances asked for, by result: hit (answered from memory) or miss (from the database)',
      labelNames: ['result'],
      registers,
    }),
    trieLeaves: new Gauge({
      name: 'potoroo_persistence_trie_leaves',
      help: 'Leaves of each state trie at the tip: what the state of the chain takes in memory',
      labelNames: ['tree'],
      registers,
    }),
    proofHeights: gauge(
      'proof_heights',
      'Heights whose state can be proven; grows to database.proof_heights after a start, falls where memory ends',
    ),
    proofBytes: gauge(
      'proof_bytes',
      'Memory of the tries beyond the state of the tip: of heights kept for proofs (at most database.proof_memory_mb)',
    ),
    retries: counter(
      'retries',
      'Database work repeated because the connection was lost; rising means an unsteady server',
    ),
    snapshotHeight: gauge('snapshot_height', 'Height of the last snapshot that this life of the actor made; 0: none'),
    snapshotBytes: gauge('snapshot_bytes', 'Size of the last snapshot that was made'),
    snapshotSeconds: gauge('snapshot_seconds', 'Time that the last snapshot took to make, pauses for blocks included'),
    snapshotFailures: counter(
      'snapshot_failures',
      'Snapshots that could not be made; the log says why. Peers far behind miss them, this node does not',
    ),
    restoreSeconds: gauge('restore_seconds', 'Time that it took to put a snapshot in the place of the chain; 0: never'),
  };
}
