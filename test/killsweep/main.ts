/** `npm run sweep -- [--points 200] [--seed S] [--json] [--out FILE] [--broken]` */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { brokenSweep, type SweepResult, sweep } from './sweep.ts';

const POINTS = 200;
/** A checker that sees anything at all sees a broken validator by then. */
const BROKEN_POINTS = 40;
/** Short enough to be typed again. */
const SEEDS = 1_000_000;

const { values: flags } = parseArgs({
  options: {
    points: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** File for the result. */
    out: { type: 'string' },
    /** The validator is broken on purpose: succeeds if that is seen. */
    broken: { type: 'boolean', default: false },
  },
});

const seed = flags.seed === undefined ? randomInt(SEEDS) : Number(flags.seed);
const points = flags.points === undefined ? (flags.broken ? BROKEN_POINTS : POINTS) : Number(flags.points);
const progress = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
progress(`seed ${seed}`);

/** Ctrl-C: what was seen so far is judged. It is no sweep of so many points, so the exit code is 1. */
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

async function run(): Promise<boolean> {
  const options = { points, seed, progress, stop: interrupt.signal };
  const result = flags.broken ? { seed, ...(await brokenSweep(options)) } : await sweep(options);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
  const report = { date: new Date().toISOString().slice(0, 10), machine, ...result };
  if (flags.out !== undefined) writeFileSync(flags.out, `${JSON.stringify(report, null, 2)}\n`);
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  return 'caught' in result ? result.caught : isClean(result);
}

function isClean({ points, reached, observed }: SweepResult): boolean {
  const { contradictions, unproven, missed } = observed;
  return contradictions.length === 0 && reached === points && unproven === 0 && missed === 0;
}

process.exit((await run()) ? 0 : 1);
