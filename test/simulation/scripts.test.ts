import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Command, parseScript, rewritten, ScriptError } from './script.ts';
import { Stage } from './stage.ts';

/** Beside the sources: the build copies no text. */
const folder = fileURLToPath(new URL('../../../test/simulation/scripts', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
/** SCRIPTS=rewrite takes what the commands put out for what is expected of them. */
const rewrites = process.env.SCRIPTS === 'rewrite';

function play(file: string, text: string): Map<number, string[]> {
  const stage = new Stage();
  const outputs = new Map<number, string[]>();
  for (const command of parseScript(text)) {
    const output = perform(stage, file, command);
    outputs.set(command.line, output);
    if (!rewrites) check(file, command, output);
  }
  return outputs;
}

function perform(stage: Stage, file: string, command: Command): string[] {
  try {
    return stage.run(command);
  } catch (error) {
    throw new ScriptError(file, command.line, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function check(file: string, { line, expected }: Command, output: readonly string[]) {
  if (output.join('\n') === (expected ?? []).join('\n')) return;
  throw new ScriptError(file, line, `it puts out\n${output.join('\n')}\ninstead of\n${(expected ?? []).join('\n')}`);
}

for (const file of files) {
  test(file.replace('.txt', ''), () => {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const outputs = play(`test/simulation/scripts/${file}`, text);
    if (rewrites) writeFileSync(path, rewritten(text, outputs));
  });
}

test('there are scripts', () => assert.ok(files.length >= 7));

test('what does not hold is reported with its file and line', () => {
  assert.throws(
    () => play('some.txt', 'nodes 4\n\n# too much\nexpect height 9 within 1s\n'),
    /some\.txt:4: .*height 9/,
  );
  assert.throws(() => play('some.txt', 'nodes 4\ndance\n'), /some\.txt:2: no such command: dance/);
  assert.throws(() => play('some.txt', 'nodes 1\nstatus\n----\nnothing\n'), /some\.txt:2: it puts out/);
});

test('rewriting replaces what was expected and nothing else', () => {
  const text = 'nodes 1\nstatus\n----\nold\nlines\n\nrun 1s\n';
  assert.equal(rewritten(text, new Map([[2, ['new']]])), 'nodes 1\nstatus\n----\nnew\n\nrun 1s\n');
});
