/**
 * Measures what the journal of consensus costs: the time that one validator of a simulated network spends on it for each
 * block, what it writes, and how long a replay takes. The cores and the journal are the real ones; the network around
 * them is the simulation's, so that nothing else is on this processor meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Journal } from '../actors/pocket/consensus/journal.ts';
import { consensusMetrics } from '../actors/pocket/consensus/metrics.ts';
import { percentile } from '../cli/localnet/report.ts';
import { seededRandom } from '../runtime/random.ts';
import { modelKeys, rulesWith } from '../test/simulation/keys.ts';
import { World } from '../test/simulation/world.ts';
import { inWords, type Machine, machine, RESULTS, today, writeResult } from './measure.ts';

/** Blocks after which code is compiled. */
const WARM_UP = 10;
/** As in a node. */
const MAX_BYTES = 64 << 20;

const { values: flags } = parseArgs({
  options: {
    validators: { type: 'string', default: '4,16,32' },
    blocks: { type: 'string', default: '40' },
    out: { type: 'string', default: RESULTS },
  },
});

interface Row {
  readonly validators: number;
  /** Medians over the blocks of one validator. */
  readonly records: number;
  readonly bytes: number;
  readonly append_us: number;
  readonly renew_us: number;
  /** All of a block's time in the journal, ms. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** A whole height is replayed, ms. */
  readonly replay_ms: number;
}

/** Time of this process on a processor, which does not count what others do meanwhile. */
function cpuTime<T>(action: () => T): { ms: number; result: T } {
  const since = process.cpuUsage();
  const result = action();
  const { user, system } = process.cpuUsage(since);
  return { ms: (user + system) / 1_000, result };
}

/** Time in a journal since it was asked last, and what was written. */
class Meter {
  spent_ms = 0;
  renewed_ms = 0;
  records = 0;

  timed<T>(action: () => T): T {
    const { ms, result } = cpuTime(action);
    this.spent_ms += ms;
    return result;
  }

  take(): { spent_ms: number; renewed_ms: number; records: number } {
    const { spent_ms, renewed_ms, records } = this;
    this.spent_ms = 0;
    this.renewed_ms = 0;
    this.records = 0;
    return { spent_ms, renewed_ms, records };
  }
}

/** The journal, each call of it timed. */
function metered(journal: Journal, meter: Meter): Pick<Journal, keyof Journal> {
  return {
    recover: (start, now_ms) => journal.recover(start, now_ms),
    append(state, input, now_ms) {
      meter.records += 1;
      meter.timed(() => journal.append(state, input, now_ms));
    },
    follow(state) {
      const before_ms = meter.spent_ms;
      meter.timed(() => journal.follow(state));
      meter.renewed_ms += meter.spent_ms - before_ms;
    },
    close: () => journal.close(),
  };
}

async function measure(folder: string, validators: number, blocks: number): Promise<Row> {
  const keys = modelKeys(validators);
  const world = new World(keys, seededRandom(1n));
  const meter = new Meter();
  const { journal: metrics } = consensusMetrics(new Registry());
  const options = { path: join(folder, `${validators}`), maxBytes: MAX_BYTES, circumstances: '', metrics };
  const open = (): Journal => Journal.open({ ...options, log: pino({ level: 'silent' }) });
  for (const [index, { address }] of keys.validators.list.entries()) {
    const one = { address, rules: rulesWith(keys), signer: 'safe', liar: false, skew_ms: 0, manual: false } as const;
    world.add(index > 0 ? one : { ...one, journal: () => metered(open(), meter) as Journal });
  }
  for (const node of world.nodes) node.start();
  const [first] = world.nodes as [(typeof world.nodes)[0]];
  const heights: ReturnType<Meter['take']>[] = [];
  const sizes: number[] = [];
  while (heights.length < WARM_UP + blocks) {
    const { length } = first.disk.committed;
    world.run(600_000, () => first.state!.view.step === 4);
    sizes.push((await metrics.bytes.get()).values[0]!.value);
    world.run(600_000, () => first.disk.committed.length > length);
    heights.push(meter.take());
  }
  world.run(600_000, () => first.state!.view.step === 4);
  first.crash();
  const { ms: replay_ms } = cpuTime(() => first.start());
  if ((await metrics.replayed.get()).values[0]!.value === 0) throw new Error('nothing was replayed');
  const warm = heights.slice(WARM_UP);
  const median = (values: number[]): number => percentile(values, 50);
  const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
  const appended = (one: (typeof warm)[0]): number => (1_000 * (one.spent_ms - one.renewed_ms)) / one.records;
  return {
    validators,
    records: median(warm.map(({ records }) => records)),
    bytes: median(sizes.slice(WARM_UP)),
    append_us: rounded(median(warm.map(appended))),
    renew_us: rounded(1_000 * median(warm.map(({ renewed_ms }) => renewed_ms))),
    p50_ms: rounded(median(warm.map(({ spent_ms }) => spent_ms))),
    p99_ms: rounded(
      percentile(
        warm.map(({ spent_ms }) => spent_ms),
        99,
      ),
    ),
    replay_ms: rounded(replay_ms),
  };
}

interface Result {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

function markdown({ date, machine: host, rows }: Result): string {
  const lines = rows.map((row) => `| ${Object.values(row).join(' | ')} |`);
  return `# Journal of consensus, ${date}

Simulated networks on ${inWords(host)}.

One validator's journal on a real file; empty blocks, so what is written is
messages and certificates. Times are those of the processor, system calls included; a block's time in the journal is all
that it adds to the work of the consensus thread.

| validators | records per block | bytes at COMMIT | append µs | new height µs | per block p50 ms | p99 ms | replay ms |
| --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}

const folder = mkdtempSync(join(tmpdir(), 'potoroo-bench-journal-'));
try {
  const rows: Row[] = [];
  for (const count of flags.validators.split(','))
    rows.push(await measure(folder, Number(count), Number(flags.blocks)));
  const result = { date: today(), machine: machine(), rows };
  writeResult(flags.out, `journal-${result.date}`, result, markdown(result));
} finally {
  rmSync(folder, { recursive: true });
}
