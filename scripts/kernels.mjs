/**
 * Compiles the WebAssembly kernels, wasm/assembly/NAME.ts, into wasm/build/NAME.BUILD.wasm, where that is not done yet.
 * The build is one and the same for one source everywhere: its digests are in wasm/kernels.sha256. Run by itself, this
 * fails where they differ; `--write` takes the present ones.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateField } from '../wasm/assembly/ed25519/generate.mjs';
import { newest_ms } from './newest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, 'wasm', 'build');
const digestsFile = join(root, 'wasm', 'kernels.sha256');

/** Kernels and their builds: a plain one runs everywhere, relaxed SIMD pays where it multiplies. */
const KERNELS = {
  ed25519: ['plain', 'simd', 'relaxed'],
  hash: ['plain', 'simd'],
  trie: ['plain', 'simd'],
};

const files = Object.entries(KERNELS).flatMap(([kernel, builds]) => builds.map((build) => ({ kernel, build })));
const fileOf = ({ kernel, build }) => `${kernel}.${build}.wasm`;

async function compile({ kernel, build }) {
  const parameters = [`wasm/assembly/${kernel}.ts`, '--config', 'asconfig.json', '--target', build];
  const outFile = join('wasm', 'build', fileOf({ kernel, build }));
  const asc = join(root, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
  const { stderr } = await promisify(execFile)(process.execPath, [asc, ...parameters, '--outFile', outFile], {
    cwd: root,
  });
  // It also says that its last pass could have been shorter, which nobody can do anything about.
  if (stderr.includes('WARNING')) process.stderr.write(stderr);
}

/** Two at a time: each takes a core for some seconds. */
async function compileAll(stale) {
  const queue = [...stale];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await compile(next);
  };
  await Promise.all([work(), work()]);
}

/** Compiles what is older than the sources. @throws what the compiler says */
export async function buildKernels() {
  mkdirSync(output, { recursive: true });
  generateField();
  const sources = [join(root, 'wasm', 'assembly'), join(root, 'asconfig.json'), fileURLToPath(import.meta.url)];
  const changed_ms = Math.max(...sources.map(newest_ms));
  await compileAll(files.filter((file) => newest_ms(join(output, fileOf(file))) < changed_ms));
}

function digests() {
  const line = (file) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(output, fileOf(file))))
      .digest('hex');
    return `${digest}  ${fileOf(file)}\n`;
  };
  return files.map(line).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--write')) {
    writeFileSync(digestsFile, digests());
  } else if (readFileSync(digestsFile, 'utf8') !== digests()) {
    console.error(
      `the kernels are not those of wasm/kernels.sha256: \`npm run kernels\` takes the present ones\n${digests()}`,
    );
    process.exit(1);
  } else {
    console.error(`kernels: ${files.length} builds, as recorded`);
  }
}
