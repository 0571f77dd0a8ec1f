import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileTime, KeptFiles } from './kept-files.ts';

test('the newest files are kept, and only their owner reads them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'potoroo-kept-'));
  try {
    const folder = join(directory, 'crashes');
    const files = new KeptFiles(folder, 3);
    for (let n = 0; n < 5; n++) files.write(`${fileTime(1_000_000 * n)}-echo.json`, { n, height: 5n });
    assert.deepEqual(
      readdirSync(folder)
        .sort()
        .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).n),
      [2, 3, 4],
    );
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, readdirSync(folder)[0]!)).mode & 0o777, 0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
