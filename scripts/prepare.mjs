/**
 * Runs before `npm start` and `npm test`: installs what is missing and builds what is stale, so that a fresh
 * clone needs no third command. Plain JavaScript without imports of packages: nothing is installed yet.
 */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newest_ms } from './newest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Folders and files that the build reads. */
const SOURCES = [
  'actors',
  'bench',
  'cli',
  'config',
  'docs',
  'runtime',
  'scripts',
  'test',
  'wasm',
  'tsconfig.json',
  'tsconfig.types.json',
  'asconfig.json',
  'package-lock.json',
];

function npm(...parameters) {
  const client = process.env.npm_execpath;
  const [command, leading] = client ? [process.execPath, [client]] : ['npm', []];
  // Progress goes to standard error: standard output belongs to the command that follows.
  execFileSync(command, [...leading, ...parameters], { cwd: root, stdio: ['ignore', 2, 2] });
}

const installed_ms = newest_ms(join(root, 'node_modules', '.package-lock.json'));
if (installed_ms < newest_ms(join(root, 'package-lock.json'))) {
  console.error('potoroo: installing packages (about half a minute)');
  npm('ci', '--no-audit', '--no-fund');
}

const built_ms = newest_ms(join(root, 'dist', '.built'));
if (SOURCES.some((source) => newest_ms(join(root, source)) > built_ms)) {
  console.error('potoroo: building');
  npm('run', '--silent', 'build');
}
