import { Command, Option } from 'commander';
import { FAULTS, type Fault } from '../runtime/child-spec.ts';
import { deadLettersCommand, reportCommand } from './actor/record-commands.ts';
import { findActor, untilServing } from './actor/serving.ts';
import { answerOf, duration, listLines, treeLines } from './actor/status-lines.ts';
import { AdminClient } from './admin.ts';
import { type HomeFlags, homeOf, withHome } from './places.ts';
import { print, printJson } from './terminal.ts';

/** The slowest recovery: a group that rests, or a state trie that is built anew. */
const SERVING_LIMIT_ms = 120_000;

interface Flags extends HomeFlags {
  json: boolean;
}
interface KillFlags extends Flags {
  by: Fault;
  wait: boolean;
}

export function actorCommand(): Command {
  return new Command('actor')
    .description('Look at the actors of a node, kill and restart them, read why they died')
    .addHelpText('after', '\nExample:\n  $ potoroo actor list --node 1\n')
    .addCommand(listCommand())
    .addCommand(treeCommand())
    .addCommand(killCommand())
    .addCommand(restartCommand())
    .addCommand(reportCommand())
    .addCommand(deadLettersCommand());
}

function listCommand(): Command {
  return withHome(new Command('list'))
    .description('The actors of a running node: state, restarts, last death, memory')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExamples:\n  $ potoroo actor list --node 1\n  $ potoroo actor list --home ./node --json\n')
    .action(async (flags: Flags) => {
      const actors = await client(flags).status();
      if (flags.json) printJson(actors.map(answerOf));
      else for (const line of listLines(actors)) print(line);
    });
}

function treeCommand(): Command {
  return withHome(new Command('tree'))
    .description('Groups of a running node, their actors, and who is replaced with whom')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo actor tree --node 1\n')
    .action(async (flags: Flags) => {
      const actors = await client(flags).status();
      if (flags.json) printJson(actors.map(({ name, group, dependents }) => ({ name, group, dependents })));
      else for (const line of treeLines(actors)) print(line);
    });
}

function killCommand(): Command {
  return withHome(new Command('kill'))
    .description('Make an actor die, to see the node replace it')
    .argument('<actor>', 'name of the actor')
    .addOption(
      new Option('--by <fault>', 'end its thread from outside, or what the actor is to do')
        .choices(FAULTS)
        .default('terminate'),
    )
    .option('--wait', 'wait until it serves again', false)
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo actor kill consensus --node 2 --wait
  $ potoroo actor kill persistence --by loop --wait --home ./node
`,
    )
    .action(kill);
}

async function kill(name: string, flags: KillFlags): Promise<void> {
  const admin = client(flags);
  const { incarnation: before } = findActor(await admin.status(), name);
  const ordered_ms = performance.now();
  await admin.kill(name, flags.by);
  if (!flags.wait) {
    if (flags.json) printJson({ actor: name, by: flags.by, incarnation: before });
    else print(`${name}, incarnation ${before}: ${flags.by} is ordered; --wait waits until it serves again`);
    return;
  }
  const actor = await untilServing(admin, name, { after: before, limit_ms: SERVING_LIMIT_ms });
  const after_ms = Math.round(performance.now() - ordered_ms);
  const { incarnation, recovery_ms, lastDeath } = actor;
  if (flags.json) {
    printJson({ actor: name, by: flags.by, incarnation, after_ms, recovery_ms, code: lastDeath?.code ?? null });
  } else {
    print(`${name} died by ${flags.by}${lastDeath === null ? '' : ` (${lastDeath.code}: ${lastDeath.message})`}`);
    const since = recovery_ms === null ? '' : `, ${duration(recovery_ms)} after its death`;
    print(`incarnation ${incarnation} serves ${duration(after_ms)} after the order${since}`);
  }
}

function restartCommand(): Command {
  return withHome(new Command('restart'))
    .description('Stop an actor in order and start it again, with its dependents; waits until it serves')
    .argument('<actor>', 'name of the actor')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo actor restart rpc --home ./node\n')
    .action(async (name: string, flags: Flags) => {
      const admin = client(flags);
      await admin.restart(name);
      const { incarnation } = findActor(await admin.status(), name);
      if (flags.json) printJson({ actor: name, incarnation });
      else print(`${name} serves again, incarnation ${incarnation}`);
    });
}

function client(flags: Flags): AdminClient {
  return new AdminClient(homeOf(flags).home);
}
