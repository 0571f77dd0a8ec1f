/** `localnet` with stand-in nodes: <directory> [--blocks N] [--chaos MODE --seed S] [--json] */
import { fileURLToPath } from 'node:url';
import type { ChaosMode } from '../../cli/localnet/chaos-plan.ts';
import { runLocalnet } from '../../cli/localnet/run.ts';
import { report } from '../../cli/terminal.ts';

const [directory, ...options] = process.argv.slice(2);
const given = (name: string): string | undefined =>
  options.includes(name) ? options[options.indexOf(name) + 1] : undefined;
const [blocks, mode] = [given('--blocks'), given('--chaos')];
try {
  process.exitCode = await runLocalnet({
    directory: directory!,
    validators: undefined,
    databaseUrl: undefined,
    blocks: blocks === undefined ? undefined : Number(blocks),
    load: undefined,
    chaos: mode === undefined ? undefined : { mode: mode as ChaosMode, seed: Number(given('--seed')) },
    json: options.includes('--json'),
    script: fileURLToPath(new URL('./stand-in-node.js', import.meta.url)),
  });
} catch (error) {
  process.exitCode = report(error);
}
