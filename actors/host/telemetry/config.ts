import { z } from 'zod';

/** Section `telemetry` of the configuration. */
export const telemetryConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on. Metrics tell about the machine.'),
  port: z.int().min(0).max(65_535).default(9_000).describe('TCP port of /metrics; 0 takes a free one.'),
  address_file: z.string().default('').describe('File that receives the actual URL once listening; empty: none.'),
  cache_ms: z
    .int()
    .min(0)
    .max(60_000)
    .default(1_000)
    .describe('How long one collection serves every scraper: more scrapers do not cost the node more.'),
  collect_timeout_ms: z
    .int()
    .min(10)
    .max(60_000)
    .default(2_000)
    .describe('Time for all actors to answer; who does not is left out and counted.'),
});

export type TelemetryConfig = z.infer<typeof telemetryConfigSchema>;
