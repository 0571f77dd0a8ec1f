import { z } from 'zod';

/** Section `database` of the node's configuration. */
export const databaseConfigSchema = z.strictObject({
  url: z
    .string()
    .default('')
    .describe('PostgreSQL 14 or newer: postgresql://user:password@host:5432/database. Empty: an embedded server'),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,39}$/, 'lower-case letters, digits and _, at most 40')
    .default('potoroo')
    .describe('Schema that holds the chain; one node per schema'),
  pool_size: z.int().min(2).max(50).default(4).describe('Connections for writing blocks and reading state'),
  proof_heights: z
    .int()
    .min(0)
    .max(10_000)
    .default(100)
    .describe('Latest heights whose state can be proven; each costs memory for what its block changed. 0: none'),
  proof_memory_mb: z
    .int()
    .min(1)
    .max(65_536)
    .default(256)
    .describe('Memory for the states of those heights; where it is full, there are fewer of them'),
  snapshot_interval_blocks: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1_000)
    .describe(
      'Every so many blocks the state is written to snapshots/ in the home, from where nodes far behind fetch it. The last ' +
        'two are kept: about 60 bytes an account each. 0: never',
    ),
});
type DatabaseConfig = z.infer<typeof databaseConfigSchema>;

/** What the actor is started with. */
export interface PersistenceStart {
  /** `url` is never empty here: the node has started the embedded server and put its URL in. */
  database: DatabaseConfig;
  /** Text of the genesis file. */
  genesis: string;
  /** Directory of the snapshots, absolute. */
  snapshots: string;
}
