/**
 * Runs the tests. Without parameters: all of them, unit tests first, then those with whole nodes. With
 * parameters: the compiled test files whose path contains one of them, e.g. `npm test -- runtime/supervisor`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const filters = process.argv.slice(2);

/** Tests that start several processes: run one after the other, so that they measure the node and not each other. */
const WHOLE_NODES = 'test/cluster';

/** The slowest file, whole networks on a busy machine, takes five minutes: what takes longer hangs, and is named. */
const TIMEOUT_ms = 900_000;

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => filters.length === 0 || filters.some((filter) => relative(root, file).includes(filter)))
    .sort();
}

function run(files, concurrency) {
  if (files.length === 0) return 0;
  const parameters = [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${TIMEOUT_ms}`,
    '--enable-source-maps',
    ...files,
  ];
  return spawnSync(process.execPath, parameters, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

const files = testFiles(join(root, 'dist'));
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(2);
}
const isWholeNode = (file) => relative(root, file).split('\\').join('/').startsWith(`dist/${WHOLE_NODES}`);
const unit = run(
  files.filter((file) => !isWholeNode(file)),
  2,
);
const whole = run(files.filter(isWholeNode), 1);
process.exit(unit || whole);
