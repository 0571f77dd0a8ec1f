/** Measures the WebAssembly kernels against what one would use instead, side by side in one process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ratioChart } from './kernels/chart.ts';
import { ed25519Rows } from './kernels/ed25519.ts';
import { relayRows } from './kernels/relay.ts';
import type { Row } from './kernels/row.ts';
import { sha256Rows } from './kernels/sha256.ts';
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
  const rows: Row[] = [];
  for (const [what, suite] of Object.entries({ sha256Rows, relayRows, ed25519Rows, trieRows })) {
    process.stderr.write(`${what}\n`);
    rows.push(...(await suite(wanted)));
  }
  return rows;
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
