import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type BrokenRulesName, brokenRules, RULES } from './broken-rules.ts';
import { ALL_FAULTS, FAULT_GROUPS, FAULTS, type Fault } from './faults.ts';
import type { Drawn, Scenario } from './scenario.ts';

/** What `npm run sim` was asked for. */
export interface Order {
  /** First and last. */
  readonly seeds: readonly [number, number];
  /** Validators: the least and the most. */
  readonly nodes: readonly [number, number];
  readonly faults: readonly Fault[];
  readonly rules: BrokenRulesName | null;
  /** How long faults go on, in ms of virtual time; null: drawn from the seed. */
  readonly faults_ms: number | null;
  /** Threads. */
  readonly jobs: number;
  readonly json: boolean;
}

/** The command line is wrong. The message says how. */
export class UsageError extends Error {}

/** A letter names a node, and keys may wait beside the first validators. */
const MOST_NODES = 22;
const MOST_TIME_MS = 600_000;
const MOST_JOBS = 256;
/** A broken rule set has to be caught within so many. */
const SEEDS_FOR_RULES: readonly [number, number] = [1, 500];
/** Every so many seeds, signatures are real ones, and the faults are over sooner: they cost a hundred times as much. */
const REAL_EVERY = 100;
const REAL_FAULTS_MS = 2_000;

/** @returns null if help was asked for. @throws UsageError */
export function parseOrder(args: readonly string[]): Order | null {
  const values = read(args);
  if (values.help) return null;
  if (values.seed !== undefined && values.seeds !== undefined) throw new UsageError('give --seed or --seeds, not both');
  const rules = values.rules === undefined ? null : rulesNamed(values.rules);
  const defaults: readonly [number, number] = rules === null ? [1, 1] : SEEDS_FOR_RULES;
  const given = values.seed ?? values.seeds;
  const seeds = given === undefined ? defaults : range('--seeds', given, [0, Number.MAX_SAFE_INTEGER]);
  return {
    seeds,
    nodes: values.nodes === undefined ? [4, rules === null ? 4 : 10] : range('--nodes', values.nodes, [1, MOST_NODES]),
    faults: values.faults === undefined ? usualFaults(rules) : faultsNamed(values.faults),
    rules,
    faults_ms: values.time === undefined ? null : range('--time', values.time, [0, MOST_TIME_MS])[0],
    jobs: values.jobs === undefined ? availableParallelism() : range('--jobs', values.jobs, [1, MOST_JOBS])[0],
    json: values.json,
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string' },
        seeds: { type: 'string' },
        nodes: { type: 'string' },
        faults: { type: 'string' },
        rules: { type: 'string' },
        time: { type: 'string' },
        jobs: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function usualFaults(rules: BrokenRulesName | null): readonly Fault[] {
  return rules === null ? ALL_FAULTS : brokenRules[rules].shownBy;
}

/** `7` or `4..10`. */
function range(option: string, text: string, [least, most]: readonly [number, number]): readonly [number, number] {
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || from > to || from < least || to > most) {
    throw new UsageError(`${option} takes a number or A..B from ${least} to ${most}, not "${text}"`);
  }
  return [from, to];
}

function faultsNamed(text: string): Fault[] {
  const chosen = new Set<Fault>();
  for (const name of text.split(',')) {
    const faults = FAULT_GROUPS[name] ?? (name in FAULTS ? [name as Fault] : null);
    if (!faults) {
      const known = [...Object.keys(FAULT_GROUPS), ...Object.keys(FAULTS)].join(', ');
      throw new UsageError(`--faults does not know "${name}"; it knows ${known}`);
    }
    for (const fault of faults) chosen.add(fault);
  }
  return (Object.keys(FAULTS) as Fault[]).filter((fault) => chosen.has(fault));
}

function rulesNamed(name: string): BrokenRulesName {
  const found = RULES.find((one) => one === name);
  if (!found) throw new UsageError(`--rules does not know "${name}"; it knows ${RULES.join(', ')}`);
  return found;
}

/** What a seed means under an order. */
export function scenarioOf(order: Order, seed: number): Scenario {
  const { nodes, faults, rules } = order;
  const real = rules === null && seed > 0 && seed % REAL_EVERY === 0;
  const faults_ms = order.faults_ms ?? (real ? REAL_FAULTS_MS : undefined);
  return { seed, nodes, faults, rules, real, ...(faults_ms !== undefined && { faults_ms }) };
}

/** The command that runs it again. */
export function commandOf({ seed, nodes, faults, rules, faults_ms }: Drawn): string {
  const all = faults.join() === ALL_FAULTS.join();
  const chosen = all ? 'all' : faults.join(',') || 'none';
  return `npm run sim -- --seed ${seed} --nodes ${nodes} --faults ${chosen} --time ${faults_ms}${rules ? ` --rules ${rules}` : ''}`;
}

export function help(): string {
  const width = Math.max(...Object.keys(FAULTS).map((name) => name.length), ...RULES.map((name) => name.length));
  const table = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
  return `Runs whole networks of the real consensus and signer rules in one thread, in virtual time, and checks at every step
that they stay safe, and at the end that they go on. One seed is one run, on every machine.

  npm run sim -- [options]

  --seed S, --seeds A..B   which runs (1; with --rules 1..500)
  --nodes N, --nodes A..B  validators; of a range the seed draws (4; with --rules 4..10)
  --faults LIST            what may go wrong, by commas (all; with --rules what shows the mistake); also none, ${Object.keys(
    FAULT_GROUPS,
  )
    .filter((name) => name !== 'all' && name !== 'none')
    .join(', ')}
  --time MS                how long faults go on, in virtual time (drawn from the seed)
  --rules NAME             a known mistake in the rules: 0 if it is caught within the seeds
  --jobs N                 threads (as many as there are cores)
  --json                   one line: seeds, steps, blocks_committed, faults, violations, seconds

Ends with 0 if nothing was violated, 1 if something was (with the shortest history that shows it, and the command that
runs it again), 2 if the command line is wrong.

Faults:
${table(Object.entries(FAULTS))}

Rules:
${table(RULES.map((name) => [name, brokenRules[name].mistake]))}

Examples:
  npm run sim -- --seed 7 --nodes 4
  npm run sim -- --seeds 1..10000 --nodes 4..10
  npm run sim -- --seeds 1..500 --nodes 7 --faults partition,one-way,twins
  npm run -s sim -- --seeds 1..200 --json
  npm run sim -- --rules vote-before-persist
`;
}
