import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From half a millisecond, an empty block, to ten seconds, the deadline of consensus. */
const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

export type UtilityMetrics = ReturnType<typeof utilityMetrics>;

export function utilityMetrics(registry: Registry) {
  const registers = [registry];
  return {
    transactions: new Gauge({
      name: 'potoroo_mempool_transactions',
      help: 'Transactions waiting to be committed; at the configured limit further ones are refused',
      registers,
    }),
    bytes: new Gauge({
      name: 'potoroo_mempool_bytes',
      help: 'Bytes of the transactions waiting to be committed',
      registers,
    }),
    dropped: new Counter({
      name: 'potoroo_mempool_dropped_total',
      help: 'Accepted transactions that left without being committed, by reason (expired, unpayable)',
      labelNames: ['reason'],
      registers,
    }),
    admissions: new Counter({
      name: 'potoroo_utility_admissions_total',
      help: 'Transactions judged for the mempool, by source (submit, gossip, journal) and result code; 0 is accepted',
      labelNames: ['source', 'code'],
      registers,
    }),
    gossipIn: new Counter({
      name: 'potoroo_utility_gossip_in_transactions_total',
      help: 'Transactions received from other nodes',
      registers,
    }),
    gossipOut: new Counter({
      name: 'potoroo_utility_gossip_out_transactions_total',
      help: 'Transactions handed to the network',
      registers,
    }),
    gossipDropped: new Counter({
      name: 'potoroo_utility_gossip_dropped_transactions_total',
      help: 'Gossiped transactions lost here, by reason: in_full (too many waited), in_failed (the database did not answer), out_busy (the network was busy). Each is still held by the node that accepted it',
      labelNames: ['reason'],
      registers,
    }),
    signatures: new Counter({
      name: 'potoroo_utility_signatures_total',
      help: 'Transaction signatures needed, by result: known (verified before), valid, invalid',
      labelNames: ['result'],
      registers,
    }),
    verify_seconds: new Histogram({
      name: 'potoroo_utility_verify_seconds',
      help: 'Time of this thread to verify the signatures of up to 64 transactions at once, or of one',
      buckets: SECONDS,
      registers,
    }),
    apply_seconds: new Histogram({
      name: 'potoroo_utility_execute_seconds',
      help: "Time to check, execute and stage another node's block, waiting for the database included",
      buckets: SECONDS,
      registers,
    }),
    propose_seconds: new Histogram({
      name: 'potoroo_utility_propose_seconds',
      help: 'Time to build, execute and stage a block of our own, waiting for the database included',
      buckets: SECONDS,
      registers,
    }),
    blockTransactions: new Histogram({
      name: 'potoroo_utility_block_transactions',
      help: 'Transactions per block executed or proposed',
      buckets: [0, 1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
      registers,
    }),
  };
}
