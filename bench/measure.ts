import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalNetwork } from '../test/support/local-network.ts';

/** From the compiled file back to the repository. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Where results go unless told otherwise. */
export const RESULTS = join(ROOT, 'bench', 'results');

/** What a result was measured on: figures of different machines do not compare. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly system: string;
  readonly node: string;
  /** Load average of the minute before the measurement: others that kept the machine busy. */
  readonly load_before: number;
}

const LOAD_BEFORE = Math.round((loadavg()[0] ?? 0) * 10) / 10;

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    load_before: LOAD_BEFORE,
  };
}

export function inWords({ cores, cpu, memory_gb, system, node, load_before }: Machine): string {
  return `${cores} × ${cpu}, ${memory_gb} GB, ${system}, Node ${node} (load average before: ${load_before})`;
}

/** Measures a network of the command that users run, in a directory of its own; nothing of it is left. */
export async function withNetwork<T>(
  parameters: readonly string[],
  measure: (network: LocalNetwork) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'potoroo-bench-'));
  const network = new LocalNetwork(directory, ...parameters);
  try {
    return await measure(network);
  } finally {
    await network.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `localnet --json` said at its end, and its exit code. */
export async function reportOf(network: LocalNetwork): Promise<{ code: number; report: Record<string, unknown> }> {
  const code = (await network.exit) ?? 1;
  const line = network.stdout.trim().split('\n').at(-1) ?? '';
  if (line === '') throw new Error(`the local network ended with ${code} and without a report:\n${network.output}`);
  return { code, report: JSON.parse(line) as Record<string, unknown> };
}

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Writes `<folder>/<name>.json` and `.md`, and shows the text. */
export function writeResult(folder: string, name: string, result: unknown, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, `${name}.md`), text);
  process.stdout.write(text);
}
