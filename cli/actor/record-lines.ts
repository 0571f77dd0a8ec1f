import type { CrashReport } from '../../runtime/crash-report.ts';
import type { DeadLetter } from '../../runtime/supervision/dead-letters.ts';
import { columnLines } from '../columns.ts';
import type { Filed } from './records.ts';
import { duration, megabytes } from './status-lines.ts';

/** Bodies may be blocks of megabytes; the whole is in the file and in `--json`. */
const MAX_BODY_CHARACTERS = 4_000;

export function crashListLines(reports: readonly Filed<CrashReport>[]): string[] {
  if (reports.length === 0) return ['no crash reports'];
  const rows = reports.map(({ id, content: { time, actor, reason, decision } }) => [
    time,
    actor,
    reason.code,
    decision,
    id,
  ]);
  return columnLines([['time', 'actor', 'reason', 'decision', 'id'], ...rows], [0, 1, 2, 3, 4]).map(printable);
}

export function crashLines({ path, content: report }: Filed<CrashReport>): string[] {
  const { reason, memory } = report;
  const data = Object.keys(reason.data).length === 0 ? [] : [['', JSON.stringify(reason.data)] as const];
  return [
    ...fields([
      ['actor', `${report.actor}, incarnation ${report.incarnation}, software ${report.software}`],
      ['died', `${report.time}, after ${duration(report.lived_ms)}, silent for ${duration(report.silent_ms)}`],
      ['reason', `${reason.code}: ${reason.message}`],
      ...data,
      ['decision', report.decision],
      ['blamed', report.blamed ?? '-'],
      ['CPU', duration(report.cpu_s * 1_000)],
      ['memory', memoryText(memory)],
      ['file', path],
    ]),
    ...messageLines(report),
    ...(report.stack === '' ? [] : ['stack', ...report.stack.split('\n').map((line) => `  ${line.trim()}`)]),
  ].map(printable);
}

function memoryText(memory: CrashReport['memory']): string {
  const heap = `heap ${megabytes(memory.heap_bytes)} of ${megabytes(memory.heap_limit_bytes)}`;
  return `${heap}, external ${megabytes(memory.external_bytes)}, process ${megabytes(memory.process_rss_bytes)}`;
}

function messageLines({ messages }: CrashReport): string[] {
  if (messages.length === 0) return [];
  const rows = messages.map(({ at, from, message, inHand }) => ['', at, from, message, inHand ? 'in hand' : '']);
  return ['last messages, newest last', ...columnLines(rows, [0, 1, 2, 3, 4])];
}

export function letterListLines(letters: readonly Filed<DeadLetter>[]): string[] {
  if (letters.length === 0) return ['no dead letters'];
  const rows = letters.map(({ id, content: { time, actor, from, message, deaths } }) => [
    time,
    actor,
    from,
    message,
    deaths.map(({ code }) => code).join(' '),
    id,
  ]);
  const head = ['time', 'actor', 'from', 'message', 'deaths', 'id'];
  return columnLines([head, ...rows], [0, 1, 2, 3, 4, 5]).map(printable);
}

export function letterLines({ path, content: letter }: Filed<DeadLetter>): string[] {
  return [
    ...fields([
      ['id', letter.id],
      ['message', `${letter.message}, from ${letter.from} to ${letter.actor}`],
      ['put aside', letter.time],
      ...letter.deaths.map(({ time, code }, index) => [index === 0 ? 'deaths' : '', `${time}  ${code}`] as const),
      ['file', path],
    ]),
    'body',
    ...bodyText(letter)
      .split('\n')
      .map((line) => `  ${line}`),
  ].map(printable);
}

function bodyText({ text, body }: DeadLetter): string {
  if (text === null && body === null) return 'not kept';
  const whole = text ?? `base64 of msgpack: ${body}`;
  if (whole.length <= MAX_BODY_CHARACTERS) return whole;
  return `${whole.slice(0, MAX_BODY_CHARACTERS)}\n… ${whole.length} characters in all: --json prints them`;
}

function fields(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([name, value]) => `${name.padEnd(9)}  ${value}`);
}

/** What peers sent may be in it: a terminal must not obey it. */
function printable(line: string): string {
  return line.replace(/(?![\t\n])\p{Cc}/gu, '\ufffd');
}
