/** Measures the WebAssembly kernels against what one would use instead, side by side in one process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ratioChart } from './kernels/chart.ts';
import { ed25519Rows } from './kernels/ed25519.ts';
import { relayRows } from './kernels/relay.ts';
import type { Row } from './kernels/row.ts';
import { createHashRate, sha256Rows } from './kernels/sha256.ts';
import { markdown } from './kernels/table.ts';
import { trieRows } from './kernels/trie.ts';
import { machine, RESULTS, today, writeResult } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    /** Only rows whose id contains this. */
    filter: { type: 'string', default: '' },
    /** Writes the result there as JSON. */
    json: { type: 'string' },
    out: { type: 'string', default: RESULTS },
  },
});

const wanted = (id: string): boolean => id.includes(flags.filter);

async function measure(): Promise<Row[]> {
  // Always: the speed of createHash says how this machine stands to the one of the Go figures.
  const hashes = await sha256Rows();
  return [
    ...hashes.filter(({ id }) => wanted(id)),
    ...(await relayRows(wanted)),
    ...(await ed25519Rows(wanted)),
    ...(await trieRows(createHashRate(hashes)!, wanted)),
  ];
}

const result = { date: today(), machine: machine(), rows: await measure() };
const name = `kernels-${result.date}`;
if (flags.json !== undefined) {
  mkdirSync(dirname(resolve(flags.json)), { recursive: true });
  writeFileSync(flags.json, `${JSON.stringify(result, null, 2)}\n`);
}
if (flags.filter === '') {
  writeResult(flags.out, name, result, markdown(result));
  writeFileSync(join(flags.out, `${name}.svg`), ratioChart(result.rows));
} else {
  process.stdout.write(markdown(result));
}
