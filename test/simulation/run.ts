/**
 * Replays simulated networks: `node dist/test/simulation/run.js --seed 7 --nodes 4 [--liar] [--count 1000] [--real]`.
 * Prints one line of JSON for each seed; ends with 1 at the first that forks or gets stuck.
 */
import { parseArgs } from 'node:util';
import { simulate } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '4' },
    count: { type: 'string', default: '1' },
    liar: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.count); seed++) {
  try {
    const { liar, real } = values;
    console.log(JSON.stringify(simulate({ seed, validators: Number(values.nodes), liar, real })));
  } catch (error) {
    console.log(JSON.stringify({ seed, error: error instanceof Error ? error.message : String(error) }));
    console.error(error);
    process.exit(1);
  }
}
