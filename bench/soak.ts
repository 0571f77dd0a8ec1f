/**
 * Runs a local network for an hour, with chaos if it is told so, and looks from outside for what grows: memory, threads,
 * descriptors, ports, files, restarts. Samples are written as they are taken: an hour that is cut off leaves them.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { LocalNetwork } from '../test/support/local-network.ts';
import { machine, RESULTS, reportOf, today, withNetwork, writeResult } from './measure.ts';
import { memoryChart } from './soak/chart.ts';
import { markdown, type SoakResult } from './soak/markdown.ts';
import { type Sample, takeSample } from './soak/sample.ts';
import { summaryOf } from './soak/summary.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    load: { type: 'string', default: '100' },
    validators: { type: 'string', default: '4' },
    /** `off`: none. */
    chaos: { type: 'string', default: 'all' },
    seed: { type: 'string' },
    /** Seconds between samples. */
    every: { type: 'string', default: '10' },
    /** Chaos kills about one target in two seconds; one in a second, all the time, is not its work. */
    storm: { type: 'string', default: '60' },
    out: { type: 'string', default: RESULTS },
    /** Makes the report of samples that were taken before, instead of taking any. */
    from: { type: 'string' },
  },
});

const every_s = Number(flags.every);
const storm_per_minute = Number(flags.storm);
const chaos = flags.chaos === 'off' ? [] : ['--chaos', flags.chaos];
const seed = flags.seed === undefined ? [] : ['--seed', flags.seed];
const parameters = ['--validators', flags.validators, '--seconds', flags.seconds, '--load', flags.load];
const command = ['potoroo', 'localnet', ...parameters, ...chaos, ...seed].join(' ');

async function watch(network: LocalNetwork, file: string): Promise<void> {
  await network.allRunning();
  const began_ms = performance.now();
  const over = network.exit.then(() => 'over' as const);
  for (let count = 1; ; count++) {
    const at_s = Math.round((performance.now() - began_ms) / 100) / 10;
    const sample = await takeSample(network, at_s).catch((error) => {
      process.stderr.write(`no sample at ${at_s} s: ${error}\n`);
    });
    if (sample !== undefined) appendFileSync(file, `${JSON.stringify(sample)}\n`);
    const wait_ms = Math.max(0, began_ms + count * every_s * 1_000 - performance.now());
    if ((await Promise.race([over, sleep(wait_ms)])) === 'over') return;
  }
}

function conclude(file: string, report: SoakResult['report']): void {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  const summary = summaryOf(samples, storm_per_minute);
  const result = { date: today(), machine: machine(), command, every_s, storm_per_minute, report, summary };
  const name = `soak-${result.date}`;
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, `${name}.svg`), memoryChart(samples));
  writeResult(flags.out, name, result, markdown(result, `${name}.svg`));
}

/** What the network reported at the end of the run whose samples these are; null where it was cut off. */
function reportBeside(samples: string): SoakResult['report'] {
  const file = samples.replace(/\.jsonl$/, '.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SoakResult).report : null;
}

async function soak(): Promise<number> {
  const file = join(flags.out, `soak-${today()}.jsonl`);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  process.stderr.write(`${command}\nsamples: ${file}\n`);
  return withNetwork([...parameters, ...chaos, ...seed, '--json'], async (network) => {
    // Ended before its time, it still says what it has seen.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => network.end());
    await watch(network, file);
    const outcome = await reportOf(network).catch((error) => {
      process.stderr.write(`${error}\n`);
      return { code: 1, report: null };
    });
    conclude(file, outcome.report);
    return outcome.code;
  });
}

if (flags.from === undefined) process.exitCode = await soak();
else conclude(flags.from, reportBeside(flags.from));
