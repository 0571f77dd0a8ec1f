import { z } from 'zod';

/** The part of the node's configuration that belongs to consensus. The intervals are the genesis's, not the node's. */
export const consensusConfigSchema = z.strictObject({
  manual: z
    .boolean()
    .default(false)
    .describe('Start views only when triggered (debugging): each trigger commits one block'),
  timeout_ms: z
    .int()
    .min(100)
    .max(600_000)
    .default(2_000)
    .describe('Time a view has in round 0, besides waiting for the block interval; each round has half as much again'),
  timeout_cap_ms: z.int().min(100).max(3_600_000).default(60_000).describe('The longest a view may last'),
  resend_ms: z
    .int()
    .min(50)
    .max(60_000)
    .default(500)
    .describe('After how much silence the last message of the view is sent again'),
  max_clock_drift_ms: z
    .int()
    .min(0)
    .max(600_000)
    .default(5_000)
    .describe('How far ahead of the local clock the timestamp of a proposed block may be'),
  journal_file: z
    .string()
    .default('')
    .describe('File of what was heard at the present height, for a restart in the middle of it; empty: none is kept'),
  journal_max_mb: z
    .int()
    .min(1)
    .max(1_024)
    .default(64)
    .describe('Size that the journal may reach; at a height that needs more none is kept, and a restart costs a round'),
  snapshot_threshold_blocks: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(2_000)
    .describe(
      'A node that lacks more blocks than this takes a snapshot of the state from its peers, if one has any, and the blocks after it; 0: always all blocks, unless no peer has them any more',
    ),
});
type ConsensusConfig = z.infer<typeof consensusConfigSchema>;

/** What the actor is started with. */
export interface ConsensusStart {
  /** Paths are absolute here. */
  consensus: ConsensusConfig;
  /** Text of the genesis file. */
  genesis: string;
  /** Version of this software: another one does not replay this one's journal. */
  version: string;
}
