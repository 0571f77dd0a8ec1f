import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The command that users run. */
export const BIN = fileURLToPath(new URL('../../../bin/potoroo', import.meta.url));

const POLL_ms = 100;
/** A loaded machine of two cores needs tens of seconds for what takes five. */
const LIMIT_ms = 60_000;
/** A node waits 25 s for its database before it gives up. */
const COMMAND_LIMIT_ms = 45_000;

/** Looks until there is something to see. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  limit_ms = LIMIT_ms,
): Promise<T> {
  const end = performance.now() + limit_ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await sleep(POLL_ms);
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end. A signal counts as no exit code. */
export function potoroo(...parameters: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [BIN, ...parameters],
      { timeout: COMMAND_LIMIT_ms },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}
