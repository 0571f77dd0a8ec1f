import { Command } from 'commander';
import { runNodeProcess } from './node-process.ts';
import { version } from './version.ts';

export function startCommand(): Command {
  return new Command('start')
    .description('Run the node of a home until it is interrupted')
    .requiredOption('--home <directory>', 'home of the node, with its config.json')
    .addHelpText('after', '\nExample:\n  $ potoroo start --home ./localnet/node-1\n')
    .action(async ({ home }: { home: string }) => {
      // The node's libraries take a while to load: the other commands do without them.
      const { startNode } = await import('../actors/pocket/node.ts');
      await runNodeProcess(home, version(), startNode);
    });
}
