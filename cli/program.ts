import { Command } from 'commander';
import { accountCommand } from './account-command.ts';
import { actorCommand } from './actor-command.ts';
import { keysCommand } from './keys-command.ts';
import { localnetCommand } from './localnet-command.ts';
import { queryCommand } from './query-command.ts';
import { signerCommand } from './signer-command.ts';
import { startCommand } from './start.ts';
import { usageText } from './terminal.ts';
import { validatorCommand } from './validator-command.ts';
import { verifyCommand } from './verify-command.ts';
import { version } from './version.ts';

/** The whole command line as data: it is run from here, and documented from here. */
export function program(): Command {
  const potoroo = new Command('potoroo')
    .description('A blockchain node that restarts its own modules')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageText(text)) })
    .showHelpAfterError('(--help shows what is possible)')
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo localnet                        four validators on this machine
  $ potoroo query height --node http://127.0.0.1:50832

Exit codes: 0 done, 1 failed, 2 wrong usage. Errors begin with a stable code.
`,
    );
  const commands = [
    startCommand(),
    localnetCommand(),
    actorCommand(),
    signerCommand(),
    keysCommand(),
    accountCommand(),
    validatorCommand(),
    queryCommand(),
    verifyCommand(),
  ];
  for (const command of commands) potoroo.addCommand(command);
  inheritAll(potoroo);
  return potoroo;
}

/** Sub-commands made apart do not take over how errors end the program. */
function inheritAll(command: Command): void {
  for (const inner of command.commands) {
    inner.copyInheritedSettings(command);
    inheritAll(inner);
  }
}
