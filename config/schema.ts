import { z } from 'zod';
import { signerConfigSchema } from '../actors/host/signer/config.ts';
import { telemetryConfigSchema } from '../actors/host/telemetry/config.ts';
import { consensusConfigSchema } from '../actors/pocket/consensus/config.ts';
import { p2pConfigSchema } from '../actors/pocket/p2p/config.ts';
import { databaseConfigSchema } from '../actors/pocket/persistence/config.ts';
import { rpcConfigSchema } from '../actors/pocket/rpc/config.ts';
import { utilityConfigSchema } from '../actors/pocket/utility/config.ts';

const file = (standard: string, meaning: string) =>
  z.string().min(1).default(standard).describe(`${meaning}; relative to the home`);

const logSchema = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least severity that is written'),
  file: z.string().default('').describe('File that all threads append to; empty: standard error'),
});

const supervisionSchema = z.strictObject({
  stall_timeout_ms: z
    .int()
    .min(1_000)
    .max(600_000)
    .default(5_000)
    .describe('Time in which the event loop of every actor must turn once; an actor that does not is replaced'),
  max_heap_mb: z
    .int()
    .min(64)
    .max(65_536)
    .default(1_024)
    .describe('JavaScript heap of one actor; ordinary ones are tens of MB. An actor that reaches it is replaced'),
  max_external_mb: z
    .int()
    .min(64)
    .max(65_536)
    .default(1_024)
    .describe('Buffers and WebAssembly memory of one actor, which its heap does not count. As max_heap_mb'),
  max_restarts: z
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('An actor may die so often within restart_period_ms; more often, the node gives up or its part rests'),
  restart_period_ms: z.int().min(1_000).max(3_600_000).default(60_000).describe('Period for max_restarts'),
});

/** A section that may be left out altogether. */
const section = <T extends z.ZodObject>(schema: T) => schema.prefault({} as z.input<T>);

/**
 * The configuration of a node, composed of its actors' parts. Types, errors, the JSON Schema and the reference
 * in the documentation are all made from it.
 */
export const nodeConfigSchema = z
  .strictObject({
    version: z.literal(1).default(1).describe('Version of this format'),
    genesis_file: file('genesis.json', 'Genesis of the network'),
    log: section(logSchema),
    supervision: section(supervisionSchema),
    database: section(databaseConfigSchema),
    signer: section(
      signerConfigSchema.extend({
        key_file: file('keys/validator.json', 'File of the validator key, mode 0600'),
        record_file: file(
          'signer/record',
          'What the signer must never forget: keep it with the key, never copy it to a second node, never delete it',
        ),
        remote_key_file: file(
          'keys/signer-link.key',
          'Key by which a node and its remote signer know this end of their connection; made on first use, mode 0600',
        ),
      }),
    ),
    p2p: section(p2pConfigSchema.extend({ key_file: file('keys/node.key', 'Node key (not the validator key)') })),
    consensus: section(
      consensusConfigSchema.extend({
        journal_file: z
          .string()
          .default('consensus/journal')
          .describe(
            'File of what was heard at the present height, for a restart in the middle of it; relative to the home; empty: none is kept',
          ),
      }),
    ),
    utility: section(utilityConfigSchema),
    rpc: section(rpcConfigSchema),
    telemetry: section(telemetryConfigSchema),
  })
  .superRefine(checkRelations);
export type NodeConfig = z.infer<typeof nodeConfigSchema>;
export type NodeConfigInput = z.input<typeof nodeConfigSchema>;

interface Related {
  consensus: { timeout_ms: number; timeout_cap_ms: number };
  rpc: { host: string; port: number; max_concurrent_submits: number; max_concurrent_requests: number };
  telemetry: { host: string; port: number };
}

/** What no key shows alone. */
function checkRelations(config: Related, context: z.RefinementCtx): void {
  const { consensus, rpc, telemetry } = config;
  const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (consensus.timeout_cap_ms < consensus.timeout_ms) {
    refuse(['consensus', 'timeout_cap_ms'], `write at least consensus.timeout_ms (${consensus.timeout_ms})`);
  }
  if (rpc.port !== 0 && rpc.port === telemetry.port && rpc.host === telemetry.host) {
    refuse(['telemetry', 'port'], `write another port than rpc.port (${rpc.port})`);
  }
  if (rpc.max_concurrent_submits > rpc.max_concurrent_requests) {
    refuse(
      ['rpc', 'max_concurrent_submits'],
      `write at most rpc.max_concurrent_requests (${rpc.max_concurrent_requests})`,
    );
  }
}

/** JSON Schema (draft 2020-12) of config.json, for editors and the documentation. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(nodeConfigSchema, { io: 'input' }) as Record<string, unknown>;
}
