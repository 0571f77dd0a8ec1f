/**
 * Measures how quickly a node that has lost everything comes back: four real nodes in this process make a chain, one of
 * them is wiped and started again, with blocks or with a snapshot, while the others go on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { NodeConfig } from '../config/schema.ts';
import { FourNodes } from '../test/support/four-nodes.ts';
import { inWords, type Machine, machine, RESULTS, today, writeResult } from './measure.ts';

/** Blocks as quickly as they are decided. */
const GENESIS = { block_interval_ms: 20, empty_block_interval_ms: 20 };
const LATE = 4;
/** Heights waited for at a time. */
const STRIDE = 20;
const LOOK_ms = 50;
/** A snapshot in the background is ready by then. */
const SNAPSHOT_ms = 30_000;

const { values: flags } = parseArgs({
  options: {
    /** Length of the chain that is missed. */
    blocks: { type: 'string', default: '2000' },
    /** Transactions per second, of all nodes together; 0: empty blocks. */
    load: { type: 'string', default: '0' },
    /** Blocks between snapshots; 0: none, all blocks are fetched. */
    snapshots: { type: 'string', default: '0' },
    out: { type: 'string', default: RESULTS },
  },
});

const stateSchema = z.object({
  height: z.number(),
  sync: z.object({ state: z.string(), target: z.number(), snapshot: z.number().nullable() }),
});
type State = z.infer<typeof stateSchema>;

interface Result {
  readonly date: string;
  readonly machine: Machine;
  readonly command: string;
  /** Height of the chain when the late node was started. */
  readonly missed_blocks: number;
  /** From the first fetched block until the node took part again. */
  readonly seconds: number;
  readonly blocks_per_second: number;
  /** Height of the snapshot that was taken; null: none. */
  readonly snapshot: number | null;
}

function configured(config: NodeConfig): NodeConfig {
  const snapshot_interval_blocks = Number(flags.snapshots);
  const snapshot_threshold_blocks = snapshot_interval_blocks;
  return {
    ...config,
    database: { ...config.database, snapshot_interval_blocks },
    consensus: { ...config.consensus, snapshot_threshold_blocks },
  };
}

async function stateOf(network: FourNodes, number: number): Promise<State> {
  return stateSchema.parse(await network.clients[number - 1]!.getJson('/v1/consensus/state'));
}

/** Looks at the late node until it takes part again. */
async function watch(network: FourNodes): Promise<{ seconds: number; snapshot: number | null }> {
  let began_ms: number | null = null;
  let snapshot: number | null = null;
  for (;;) {
    const state = await stateOf(network, LATE).catch(() => null);
    if (state !== null) {
      if (state.sync.state === 'sync_mode') began_ms ??= performance.now();
      snapshot = state.sync.snapshot ?? snapshot;
      const isBack = state.sync.state === 'pacemaker' && state.height > 1;
      if (isBack && began_ms !== null) return { seconds: (performance.now() - began_ms) / 1_000, snapshot };
    }
    await sleep(LOOK_ms);
  }
}

async function measure(): Promise<Result> {
  const began = machine();
  const network = await FourNodes.start(Number(flags.load), configured, { genesis: GENESIS, loaded: LATE - 1 });
  try {
    const goal = Number(flags.blocks);
    for (let height = STRIDE; height < goal; height += STRIDE) await network.reaches(height);
    await network.reaches(goal);
    if (Number(flags.snapshots) > 0) await sleep(SNAPSHOT_ms);
    await network.stopNode(LATE);
    network.wipe(LATE);
    const missed_blocks = await network.top();
    await network.startNode(LATE);
    const { seconds, snapshot } = await watch(network);
    const blocks_per_second = Math.round((10 * missed_blocks) / seconds) / 10;
    const { blocks, load, snapshots } = flags;
    const command = `node dist/bench/catch-up.js --blocks ${blocks} --load ${load} --snapshots ${snapshots}`;
    return { date: today(), machine: began, command, missed_blocks, seconds, blocks_per_second, snapshot };
  } finally {
    await network.stop();
  }
}

function markdown({ date, machine: m, command, missed_blocks, seconds, blocks_per_second, snapshot }: Result): string {
  return `# Catching up, ${date}

\`${command}\` on ${inWords(m)}. All four nodes and their databases share this machine, and three of them go on meanwhile.

| what | value |
| --- | --- |
| blocks missed | ${missed_blocks} |
| snapshot | ${snapshot === null ? 'none' : `of height ${snapshot}`} |
| seconds until the node took part again | ${seconds.toFixed(1)} |
| blocks a second | ${blocks_per_second} |
`;
}

const result = await measure();
writeResult(flags.out, `catch-up-${result.date}`, result, markdown(result));
