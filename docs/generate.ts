import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliReference } from './generate/cli.ts';
import { configReference, configSchemaReference } from './generate/config.ts';
import { errorsReference } from './generate/errors.ts';
import { metricsReference } from './generate/metrics.ts';
import { openapiReference } from './generate/openapi.ts';

/**
 * Writes docs/reference from the code: `npm run docs`. With --check nothing is written and a difference ends
 * with exit 1, so that the reference cannot fall behind.
 */

const BUILT = join(dirname(fileURLToPath(import.meta.url)), '..');
const REFERENCE = join(BUILT, '..', 'docs', 'reference');

const REFERENCES: Readonly<Record<string, (built: string) => Promise<string | null>>> = {
  'rpc.openapi.json': openapiReference,
  'errors.md': errorsReference,
  'metrics.md': metricsReference,
  'config.md': configReference,
  'config.schema.json': configSchemaReference,
  'cli.md': cliReference,
};

async function main(check: boolean): Promise<number> {
  const stale: string[] = [];
  for (const [name, generate] of Object.entries(REFERENCES)) {
    const path = join(REFERENCE, name);
    const text = await generate(BUILT);
    if (text === null || (existsSync(path) && readFileSync(path, 'utf8') === text)) continue;
    stale.push(name);
    if (check) continue;
    mkdirSync(REFERENCE, { recursive: true });
    writeFileSync(path, text);
  }
  if (stale.length > 0) {
    console.error(
      check ? `docs/reference is not up to date (${stale.join(', ')}): npm run docs` : `written: ${stale.join(', ')}`,
    );
  }
  return check && stale.length > 0 ? 1 : 0;
}

// Some modules start samplers when they are loaded or asked for their metrics: the exit is explicit.
process.exit(await main(process.argv.includes('--check')));
