import { readFileSync } from 'node:fs';
import { CodedError, toErrorRecord } from '../runtime/errors.ts';
import { usageError } from './terminal.ts';

const ENTER = new Set(['\r', '\n']);
const BACKSPACE = new Set(['\b', '\x7f']);
const CTRL_C = '\x03';
const CTRL_D = '\x04';
/** Longer than any password that a person types; ends what a program pours in. */
const MAX_CHARACTERS = 1_024;

/** First line of the file, so that an editor's newline does no harm. @throws USAGE */
export function passwordFromFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw usageError(`the password file cannot be read: ${toErrorRecord(error).message}`);
  }
}

/** Asks on the terminal, without echo. @throws USAGE where there is no terminal, INTERRUPTED */
export function promptPassword(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw usageError('there is no terminal to ask for a password: give --password-file');
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise<string>((resolve, reject) => {
    let text = '';
    const end = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onData = (chunk: string): void => {
      for (const character of chunk) {
        if (ENTER.has(character) || character === CTRL_D || character === CTRL_C) {
          const given = character !== CTRL_C;
          end(() => (given ? resolve(text) : reject(new CodedError('INTERRUPTED', 'no password was given'))));
          return;
        }
        if (BACKSPACE.has(character)) text = text.slice(0, -1);
        else if (text.length < MAX_CHARACTERS) text += character;
      }
    };
    stdin.on('data', onData);
  });
}

/** A new password, typed twice. @throws USAGE */
export async function promptNewPassword(): Promise<string> {
  const password = await promptPassword('new password: ');
  if ((await promptPassword('again: ')) !== password) throw usageError('the two passwords differ');
  return password;
}
