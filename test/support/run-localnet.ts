/** `localnet` with stand-in nodes: <directory> [--blocks N] [--json] */
import { fileURLToPath } from 'node:url';
import { runLocalnet } from '../../cli/localnet/run.ts';
import { report } from '../../cli/terminal.ts';

const [directory, ...options] = process.argv.slice(2);
const blocks = options.indexOf('--blocks');
try {
  process.exitCode = await runLocalnet({
    directory: directory!,
    validators: undefined,
    databaseUrl: undefined,
    blocks: blocks < 0 ? undefined : Number(options[blocks + 1]),
    load: undefined,
    json: options.includes('--json'),
    script: fileURLToPath(new URL('./stand-in-node.js', import.meta.url)),
  });
} catch (error) {
  process.exitCode = report(error);
}
