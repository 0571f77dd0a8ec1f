import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { CodedError, INTERNAL_ERROR, toErrorRecord } from '../runtime/errors.ts';

/** Exit codes of every command. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** What the command was asked for. With `--json`: exactly one line of JSON. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Everything else: progress, hints, warnings. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints a value as one line of JSON. Bigints are written as JSON numbers of any length. */
export function printJson(value: unknown): void {
  print(toJson(value));
}

function toJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => `${JSON.stringify(key)}:${toJson(inner)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** Codes of what a command was given: they end it with 2. */
const USAGE_CODES = new Set(['USAGE', 'ADDRESS_INVALID', 'AMOUNT_INVALID', 'TX_AMOUNT_INVALID', 'KEY_NAME_INVALID']);

/** What commander says of a wrong command line, with the code that every error begins with. */
export function usageText(text: string): string {
  return text.replace(/^error: /, 'error USAGE: ');
}

/** Tells the user what went wrong; returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  const { code, message } = toErrorRecord(fileError(error));
  note(`error ${code}: ${message}`);
  // A defect of ours is of no use without the place where it happened.
  if (code === INTERNAL_ERROR && error instanceof Error && error.stack) note(error.stack);
  return USAGE_CODES.has(code) ? EXIT_USAGE : EXIT_FAILED;
}

/** The system's refusal of a path, with a code of ours; other errors pass. */
function fileError(error: unknown): unknown {
  const { path, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof Error) || path === undefined || syscall === undefined) return error;
  return new CodedError('FILE_UNUSABLE', `${message}: check the path and its permissions`, { path }, { cause: error });
}

/** Asks a question that only `yes` answers. @throws USAGE where there is no terminal */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw usageError(`there is no terminal to ask on: ${question} Give --yes if so`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

export function usageError(message: string): CodedError {
  return new CodedError('USAGE', message);
}
