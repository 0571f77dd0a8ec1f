import { parentPort } from 'node:worker_threads';
import { addTally, emptyTally, runSeed } from './batch.ts';
import type { Batch } from './jobs.ts';

/** A thread of the simulator: runs the seeds that it is sent, and answers what they came to. */
parentPort?.on('message', ({ order, seeds }: Batch) => {
  const tally = emptyTally();
  for (const seed of seeds) addTally(tally, runSeed(order, seed));
  parentPort?.postMessage(tally);
});
