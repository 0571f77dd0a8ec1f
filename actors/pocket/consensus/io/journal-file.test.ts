import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasCode } from '../../../../runtime/errors.ts';
import { JournalFile } from './journal-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'potoroo-journal-file-'));
after(() => rmSync(folder, { recursive: true }));

const text = (name: string) => readFileSync(join(folder, name), 'latin1');
const bytes = (content: string) => Buffer.from(content, 'latin1');

test('what is appended is in the file at once, and a later life reads it and goes on behind it', () => {
  const first = JournalFile.open(join(folder, 'deep/er/journal'));
  first.append(bytes('one'));
  assert.equal(text('deep/er/journal'), 'one', 'before the file is closed');
  const second = JournalFile.open(join(folder, 'deep/er/journal'));
  assert.equal(second.length, 3);
  assert.deepEqual(Buffer.from(second.read()), bytes('one'));
  second.append(bytes('two'));
  assert.equal(text('deep/er/journal'), 'onetwo');
  assert.equal(statSync(join(folder, 'deep/er/journal')).mode & 0o777, 0o600);
  for (const file of [first, second]) file.close();
});

test('a cut takes the end away; what is appended then follows what is left', () => {
  const file = JournalFile.open(join(folder, 'cut'));
  file.append(bytes('whole torn'));
  file.cut(5);
  file.append(bytes('again'));
  assert.equal(text('cut'), 'wholeagain');
  assert.equal(file.length, 10);
  file.close();
});

test('a replaced file has the new content alone, and grows from there', () => {
  const file = JournalFile.open(join(folder, 'replaced'));
  file.append(bytes('a long former content'));
  file.replace(bytes('new'));
  file.append(bytes('er'));
  assert.equal(text('replaced'), 'newer');
  assert.ok(!existsSync(join(folder, 'replaced.new')));
  file.close();
});

test('a file that is restarted has the new content alone', () => {
  const file = JournalFile.open(join(folder, 'restarted'));
  file.append(bytes('a long former content'));
  file.restart(bytes('new'));
  assert.equal(text('restarted'), 'new');
  assert.equal(file.length, 3);
  file.close();
});

test('a life that died while it replaced the file leaves the former content, and its rest is overwritten', () => {
  writeFileSync(join(folder, 'died'), 'former');
  writeFileSync(join(folder, 'died.new'), 'half of the ne');
  const file = JournalFile.open(join(folder, 'died'));
  assert.deepEqual(Buffer.from(file.read()), bytes('former'));
  file.replace(bytes('next'));
  assert.equal(text('died'), 'next');
  file.close();
});

test('a place that cannot be used is named, with what to do', () => {
  writeFileSync(join(folder, 'a-file'), '');
  const path = join(folder, 'a-file', 'journal');
  assert.throws(
    () => JournalFile.open(path),
    (error: unknown) => {
      assert.ok(hasCode(error, 'CONSENSUS_JOURNAL_IO'));
      assert.match((error as Error).message, /a-file.*consensus\.journal_file/);
      return true;
    },
  );
});

test('a replacement that fails leaves the file as it was', () => {
  const file = JournalFile.open(join(folder, 'kept'));
  file.append(bytes('kept'));
  mkdirSync(join(folder, 'kept.new'));
  assert.throws(() => file.replace(bytes('never')), { code: 'CONSENSUS_JOURNAL_IO' });
  file.append(bytes(' on'));
  assert.equal(text('kept'), 'kept on');
  rmdirSync(join(folder, 'kept.new'));
  file.replace(bytes('and replaced'));
  assert.equal(text('kept'), 'and replaced');
  file.close();
});
