import { z } from 'zod';

/** Section `utility` of the node's configuration. */
export const utilityConfigSchema = z.strictObject({
  max_transactions: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(50_000)
    .describe('Transactions in the mempool; when it is full, further ones are refused'),
  max_bytes: z
    .int()
    .min(16_384)
    .max(1_073_741_824)
    .default(67_108_864)
    .describe('Bytes of all transactions in the mempool; memory use is about four times as much'),
  max_per_sender: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('Pending transactions of one account, so that one account cannot fill the mempool alone'),
  max_proposed_transactions: z
    .int()
    .min(1)
    .max(10_000)
    .default(2_000)
    .describe('Transactions in a block that this node proposes; fewer make shorter rounds'),
  verify_threads: z
    .int()
    .min(0)
    .max(64)
    .optional()
    .describe('Threads that verify large batches of signatures; 0 for none. Left out: the cores beyond 4, at most 8'),
});

type UtilityConfig = z.infer<typeof utilityConfigSchema>;

/** What the actor is started with. */
export interface UtilityStart {
  utility: UtilityConfig;
  /** Text of the genesis file. */
  genesis: string;
}
