import { Command } from 'commander';
import { CodedError } from '../../runtime/errors.ts';
import { type HomeFlags, homeOf, withHome } from '../places.ts';
import { note, print, printJson } from '../terminal.ts';
import { crashLines, crashListLines, letterLines, letterListLines } from './record-lines.ts';
import { crashReportSchema, deadLetterSchema, type Filed, readRecord, readRecords } from './records.ts';

interface Flags extends HomeFlags {
  json: boolean;
}
interface ReportFlags extends Flags {
  id?: string;
}

export function reportCommand(): Command {
  return withHome(new Command('report'))
    .description('Crash reports of a node, which need not run: all, or the newest of an actor')
    .argument('[actor]', 'whose newest report is shown')
    .option('--id <file>', 'show this one')
    .option('--json', 'answer in JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo actor report --node 1                a list, newest first
  $ potoroo actor report consensus --node 1      the newest of consensus
`,
    )
    .action(showReports);
}

function showReports(actor: string | undefined, flags: ReportFlags): void {
  const { crashes } = homeOf(flags);
  const single = (filed: Parameters<typeof crashLines>[0]): void => show(filed, crashLines(filed), flags.json);
  if (flags.id !== undefined) {
    single(readRecord(crashes, flags.id, crashReportSchema));
    return;
  }
  const records = readable(crashes, crashReportSchema);
  if (actor !== undefined) {
    const newest = records.find(({ content }) => content.actor === actor);
    if (newest === undefined) throw new CodedError('REPORT_MISSING', `${crashes} has no report of ${actor}`);
    single(newest);
  } else if (flags.json) {
    printJson(
      records.map(({ id, content: { time, incarnation, reason, decision, actor: name } }) => {
        return { id, time, actor: name, incarnation, code: reason.code, message: reason.message, decision };
      }),
    );
  } else for (const line of crashListLines(records)) print(line);
}

export function deadLettersCommand(): Command {
  return withHome(new Command('dead-letters'))
    .description('Requests that killed an actor twice and were put aside: all, or one with its body')
    .argument('[id]', 'show this one')
    .option('--json', 'answer in JSON', false)
    .addHelpText('after', '\nExample:\n  $ potoroo actor dead-letters --node 1\n')
    .action((id: string | undefined, flags: Flags) => {
      const { deadLetters } = homeOf(flags);
      if (id !== undefined) {
        const letter = readRecord(deadLetters, id, deadLetterSchema);
        show(letter, letterLines(letter), flags.json);
        return;
      }
      const letters = readable(deadLetters, deadLetterSchema);
      if (!flags.json) for (const line of letterListLines(letters)) print(line);
      else printJson(letters.map(({ id, content: { body: _body, text: _text, ...rest } }) => ({ ...rest, id })));
    });
}

/** Those that can be read; the others are named. */
function readable<T extends { time: string }>(
  directory: string,
  schema: Parameters<typeof readRecords<T>>[1],
): Filed<T>[] {
  const { records, broken } = readRecords(directory, schema);
  for (const { code, message } of broken) note(`warning ${code}: ${message}`);
  return records;
}

function show<T extends object>({ id, content }: Filed<T>, lines: readonly string[], json: boolean): void {
  if (json) printJson({ ...content, id });
  else for (const line of lines) print(line);
}
