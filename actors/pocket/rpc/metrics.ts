import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Metrics of the HTTP API. */
export function rpcMetrics(registry: Registry) {
  const registers = [registry];
  return {
    requests: new Counter({
      name: 'potoroo_rpc_requests_total',
      help: 'HTTP requests answered, by route and status.',
      labelNames: ['route', 'status'] as const,
      registers,
    }),
    refused: new Counter({
      name: 'potoroo_rpc_errors_total',
      help: 'Requests answered with an error, by its code.',
      labelNames: ['code'] as const,
      registers,
    }),
    duration: new Histogram({
      name: 'potoroo_rpc_request_duration_seconds',
      help: 'Time from the headers of a request to the end of its answer, by route.',
      labelNames: ['route'] as const,
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    inWork: new Gauge({
      name: 'potoroo_rpc_requests_in_work',
      help: 'Requests being answered now.',
      registers,
    }),
    connections: new Counter({
      name: 'potoroo_rpc_connections_dropped_total',
      help: 'Connections closed at once because rpc.max_connections were open.',
      registers,
    }),
    submitted: new Counter({
      name: 'potoroo_rpc_transactions_total',
      help: 'Transactions handed to the mempool by clients, by the result code it gave.',
      labelNames: ['code'] as const,
      registers,
    }),
    query: new Histogram({
      name: 'potoroo_rpc_query_duration_seconds',
      help: 'Time of SQL queries, waiting for a connection included, by query.',
      labelNames: ['query'] as const,
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    queryErrors: new Counter({
      name: 'potoroo_rpc_query_errors_total',
      help: 'SQL queries that failed, by code.',
      labelNames: ['code'] as const,
      registers,
    }),
  };
}
export type RpcMetrics = ReturnType<typeof rpcMetrics>;
