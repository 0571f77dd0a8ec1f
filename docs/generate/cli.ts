import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { GENERATED } from './modules.ts';

/** Columns of the help texts: fixed, because the terminal of whoever generates must not show. */
const COLUMNS = 100;

/** The help of every command; null while there is no command line. */
export async function cliReference(built: string): Promise<string | null> {
  const path = join(built, 'cli', 'program.js');
  if (!existsSync(path)) return null;
  const { program } = (await import(pathToFileURL(path).href)) as { program: () => Command };
  const sections = commands(program(), '').map(
    ({ title, help }) => `## ${title}\n\n\`\`\`\n${help.trimEnd()}\n\`\`\`\n`,
  );
  return `${GENERATED}# Command line

${sections.join('\n')}`;
}

function commands(command: Command, parent: string): { title: string; help: string }[] {
  const title = `${parent} ${command.name()}`.trim();
  return [{ title, help: helpOf(command) }, ...command.commands.flatMap((one) => commands(one, title))];
}

/** All of the help, also what `addHelpText` adds: that is only written, not returned. */
function helpOf(command: Command): string {
  let text = '';
  const writeOut = (part: string): void => {
    text += part;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => COLUMNS, getOutHasColors: () => false });
  command.outputHelp();
  return text;
}
