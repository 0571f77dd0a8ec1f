/** Compiles the AssemblyScript kernels and the TypeScript, into wasm/build and dist, and bundles what threads run. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleThreads } from './bundle.mjs';
import { buildKernels } from './kernels.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Outputs of deleted sources must not stay: the test runner and Node would still find them.
rmSync(join(root, 'dist'), { recursive: true, force: true });
await buildKernels();
const tsc = join(root, 'node_modules/typescript/bin/tsc');
// The second: the declarations of what others may import.
for (const project of ['tsconfig.json', 'tsconfig.types.json']) {
  execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
}
await bundleThreads(join(root, 'dist'));
writeFileSync(join(root, 'dist', '.built'), '');
