import { Worker } from 'node:worker_threads';
import type { Order } from './args.ts';
import { addTally, emptyTally, type Failure, runSeed, type Tally } from './batch.ts';

/** Seeds that a thread takes at a time: few enough that all threads end together. */
const BATCH = 8;
/** `.js` as compiled. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

/** What a thread is told: the seeds to run. */
export interface Batch {
  readonly order: Order;
  readonly seeds: readonly number[];
}

/**
 * Runs the seeds of an order on as many threads as it says.
 * @param ends says of a failure that seeds after it need not run; those before it do
 */
export async function runAll(order: Order, ends: (failure: Failure) => boolean): Promise<Tally> {
  const total = emptyTally();
  const [first, last] = order.seeds;
  let next = first;
  let end = last;
  const take = (): number[] => {
    const seeds: number[] = [];
    while (seeds.length < BATCH && next <= end) seeds.push(next++);
    return seeds;
  };
  const add = (tally: Tally) => {
    addTally(total, tally);
    for (const failure of tally.failures) if (ends(failure)) end = Math.min(end, failure.seed);
  };
  if (order.jobs === 1 || first === last) {
    for (; next <= end; next++) add(runSeed(order, next));
  } else {
    const threads = Math.min(order.jobs, Math.ceil((last - first + 1) / BATCH));
    await Promise.all(Array.from({ length: threads }, () => work(order, take, add)));
  }
  total.failures.sort((a, b) => a.seed - b.seed);
  return total;
}

/** One thread takes batches until there are no more. */
function work(order: Order, take: () => number[], add: (tally: Tally) => void): Promise<void> {
  const worker = new Worker(new URL(`./job${EXTENSION}`, import.meta.url));
  return new Promise<void>((resolve, reject) => {
    const give = () => {
      const seeds = take();
      if (seeds.length === 0) resolve();
      else worker.postMessage({ order, seeds } satisfies Batch);
    };
    worker.on('message', (tally: Tally) => {
      add(tally);
      give();
    });
    worker.on('error', reject);
    give();
  }).finally(() => worker.terminate());
}
