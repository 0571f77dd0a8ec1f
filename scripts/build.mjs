/** Compiles the AssemblyScript kernels and the TypeScript, into wasm/build and dist, and bundles what threads run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleThreads } from './bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (script, ...parameters) =>
  execFileSync(process.execPath, [join(root, 'node_modules', script), ...parameters], { cwd: root, stdio: 'inherit' });

const KERNELS = ['sha256'];

// Outputs of deleted sources must not stay: the test runner and Node would still find them.
rmSync(join(root, 'dist'), { recursive: true, force: true });
mkdirSync(join(root, 'wasm', 'build'), { recursive: true });
for (const kernel of KERNELS)
  run('assemblyscript/bin/asc.js', `wasm/assembly/${kernel}.ts`, '--target', 'release', '--config', 'asconfig.json');
run('typescript/bin/tsc', '-p', 'tsconfig.json');
await bundleThreads(join(root, 'dist'));
writeFileSync(join(root, 'dist', '.built'), '');
