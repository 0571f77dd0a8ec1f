import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHAOS_MODES, type ChaosMode } from './localnet/chaos-plan.ts';
import { giveOrder, type NodeOrder } from './localnet/control.ts';
import { localnetLayout } from './localnet/files.ts';
import { type ChaosChoice, runLocalnet } from './localnet/run.ts';
import { print, printJson, usageError } from './terminal.ts';

/** The compiled command line itself: nodes are processes of the same program. */
const SCRIPT = fileURLToPath(
  new URL(`./main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
);
/** Each validator has its own process, threads and database; more than this is no longer a local network. */
const MAX_VALIDATORS = 32;
const MAX_TPS = 100_000;
const MAX_SEED = 999_999_999_999_999;
/** A seed that nobody chose is short enough to be typed again. */
const RANDOM_SEEDS = 1_000_000;

interface Flags {
  validators?: number;
  blocks?: number;
  seconds?: number;
  load?: number | 'max';
  dir: string;
  databaseUrl?: string;
  genesis?: string;
  chaos?: ChaosMode;
  seed?: number;
  json: boolean;
}

export function localnetCommand(): Command {
  return new Command('localnet')
    .description('Run a network of validators on this machine, each in its own process')
    .option('--validators <n>', 'number of validators of a new network (default: 4)', wholeNumber(1, MAX_VALIDATORS))
    .option('--blocks <n>', 'end when every node has committed so many more blocks, and check', wholeNumber(1, 1e9))
    .option('--seconds <n>', 'end after so many seconds of running, and check', wholeNumber(1, 1e6))
    .option('--load <tps>', 'send so many transactions per second, or "max"', loadRate)
    .addOption(
      new Option('--chaos <targets>', 'kill one after the other, and end only after everything was').choices(
        CHAOS_MODES,
      ),
    )
    .option('--seed <n>', 'of the chaos: the same seed gives the same plan (default: random)', wholeNumber(0, MAX_SEED))
    .option('--dir <directory>', 'where the network lives; made on first use', 'localnet')
    .option('--database-url <url>', 'PostgreSQL server for all nodes, a schema each (default: one embedded per node)')
    .option('--genesis <file>', 'JSON file of genesis entries for a new network, over the usual ones')
    .option('--json', 'print one line of JSON at the end; everything else goes to standard error', false)
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo localnet
  $ potoroo localnet --blocks 30 --load 200 --json
  $ potoroo localnet --blocks 60 --load 50 --chaos all --seed 7
  $ echo '{"leader_election": "sortition", "vote_weight": "stake"}' > drawn.json
  $ potoroo localnet --dir ./drawn --genesis drawn.json
  $ potoroo localnet node kill 2

It ends with 0 only if every guarantee held: equal blocks and states on all nodes, no accepted transaction lost.
`,
    )
    .action(async (flags: Flags) => {
      const { dir: directory, databaseUrl } = flags;
      if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
        throw usageError('--database-url must be like postgresql://user:password@host:5432/database');
      }
      process.exitCode = await runLocalnet({
        directory,
        validators: flags.validators,
        databaseUrl,
        genesis: flags.genesis,
        blocks: flags.blocks,
        seconds: flags.seconds,
        load: flags.load,
        chaos: chaosOf(flags),
        json: flags.json,
        script: SCRIPT,
      });
    })
    .addCommand(nodeCommand());
}

/** @throws USAGE */
function chaosOf({ chaos: mode, seed }: Flags): ChaosChoice | undefined {
  if (mode !== undefined) return { mode, seed: seed ?? randomInt(RANDOM_SEEDS) };
  if (seed !== undefined) throw usageError('--seed is of the chaos: give --chaos, too');
  return undefined;
}

function nodeCommand(): Command {
  const command = new Command('node')
    .description('Stop, kill or start one node of the running local network')
    .addHelpText('after', '\nExample:\n  $ potoroo localnet node kill 2 --dir ./localnet\n');
  const actions: [NodeOrder['action'], string, string][] = [
    ['stop', 'Stop a node in order; it stays down', 'stopped'],
    ['kill', 'Kill a node with SIGKILL, as a power cut would; it stays down', 'killed'],
    ['start', 'Start a node that is down; waits until it is up', 'started'],
  ];
  for (const [action, description, done] of actions) {
    command.addCommand(
      new Command(action)
        .description(description)
        .argument('<number>', 'number of the node, from 1', wholeNumber(1, MAX_VALIDATORS))
        .option('--dir <directory>', 'where the network lives', 'localnet')
        .option('--json', 'answer in JSON', false)
        .addHelpText('after', `\nExample:\n  $ potoroo localnet node ${action} 2 --dir ./localnet\n`)
        .action(async (node: number, _flags: unknown, self: Command) => {
          // `localnet` has the same two options, and takes those that stand before the sub-command.
          const { dir, json } = self.optsWithGlobals() as { dir: string; json: boolean };
          await giveOrder(localnetLayout(dir), { action, node });
          if (json) printJson({ node, [done]: true });
          else print(`node ${node} ${done}`);
        }),
    );
  }
  return command;
}

/** Parses a whole number within bounds. */
function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
    return value;
  };
}

function loadRate(text: string): number | 'max' {
  if (text === 'max') return text;
  const value = Number(text);
  if (!(value > 0 && value <= MAX_TPS)) {
    throw new InvalidArgumentError(`Write a number above 0, at most ${MAX_TPS}, or max.`);
  }
  return value;
}
