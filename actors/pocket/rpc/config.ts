import { z } from 'zod';

const timeout_ms = (standard: number, meaning: string) =>
  z.int().min(10).max(600_000).default(standard).describe(meaning);

/** Section `rpc` of the node's configuration. */
export const rpcConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on. Loopback unless a proxy protects it.'),
  port: z.int().min(0).max(65_535).default(50_832).describe('TCP port of the HTTP API; 0 takes a free one.'),
  address_file: z.string().default('').describe('File that receives the actual URL once listening; empty: none.'),
  max_connections: z.int().min(1).max(100_000).default(512).describe('Open connections; more are closed at once.'),
  max_concurrent_requests: z.int().min(1).max(100_000).default(256).describe('Requests in work; more get 503.'),
  max_concurrent_submits: z.int().min(1).max(10_000).default(64).describe('Submissions in work; more get 503.'),
  max_concurrent_proofs: z
    .int()
    .min(1)
    .max(1_000)
    .default(8)
    .describe('Proofs in work; more get 503. They are made where blocks for other nodes are read.'),
  max_body_bytes: z
    .int()
    .min(1_024)
    .max(64 * 1024 * 1024)
    .default(8 * 1024 * 1024)
    .describe('Largest body of a batch of transactions. Other bodies are limited to 64 KB.'),
  max_buffered_bytes: z
    .int()
    .min(1_024)
    .default(64 * 1024 * 1024)
    .describe('Bodies held in memory at once, all requests together; more get 503.'),
  request_timeout_ms: timeout_ms(30_000, 'Longest time to receive a request.'),
  headers_timeout_ms: timeout_ms(10_000, 'Longest time to receive the headers of a request.'),
  keep_alive_timeout_ms: timeout_ms(5_000, 'Idle time after which a kept connection is closed.'),
  idle_timeout_ms: timeout_ms(60_000, 'Silence after which any connection is closed.'),
  drain_timeout_ms: timeout_ms(1_500, 'At stop: time for requests in work before connections are cut.'),
  database_connections: z.int().min(1).max(32).default(4).describe('Connections of the read-only pool.'),
  max_concurrent_queries: z.int().min(1).max(10_000).default(64).describe('Queries in work or waiting; more get 503.'),
  statement_timeout_ms: timeout_ms(5_000, 'Longest time of one SQL statement; the client gets 504.'),
});

export type RpcConfig = z.infer<typeof rpcConfigSchema>;

/** What the actor is started with. */
export interface RpcStart {
  readonly rpc: RpcConfig;
  /** The database that persistence writes. */
  readonly database: { readonly url: string; readonly schema: string };
  /** Version of this software, answered by /v1/version. */
  readonly version: string;
}
