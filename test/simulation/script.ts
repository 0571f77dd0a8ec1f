/** A command of an interaction script. */
export interface Command {
  /** From 1. */
  readonly line: number;
  readonly words: readonly string[];
  /** The lines below `----`, up to an empty one; null where no output is expected. */
  readonly expected: readonly string[] | null;
}

/** A line of a script does not hold, or is none. */
export class ScriptError extends Error {
  constructor(file: string, line: number, message: string, options?: ErrorOptions) {
    super(`${file}:${line}: ${message}`, options);
    this.name = 'ScriptError';
  }
}

const SEPARATOR = '----';

/** Reads a script: a command on each line, `#` begins a comment. */
export function parseScript(text: string): Command[] {
  const lines = text.split('\n');
  const commands: Command[] = [];
  for (let at = 0; at < lines.length; at++) {
    const words = wordsOf(lines[at]!);
    if (words.length === 0) continue;
    const line = at + 1;
    let expected: string[] | null = null;
    if (lines[at + 1] === SEPARATOR) {
      expected = [];
      for (at += 2; at < lines.length && lines[at] !== ''; at++) expected.push(lines[at]!);
    }
    commands.push({ line, words, expected });
  }
  return commands;
}

function wordsOf(line: string): string[] {
  return (line.split('#')[0] ?? '').split(/\s+/).filter((word) => word !== '');
}

/** The script with what its commands put out in the place of what was expected. @param outputs by line of the command */
export function rewritten(text: string, outputs: ReadonlyMap<number, readonly string[]>): string {
  const lines = text.split('\n');
  const out: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    out.push(lines[at]!);
    const output = outputs.get(at + 1);
    if (output === undefined || lines[at + 1] !== SEPARATOR) continue;
    out.push(SEPARATOR, ...output);
    for (at++; at + 1 < lines.length && lines[at + 1] !== ''; at++);
  }
  return out.join('\n');
}
