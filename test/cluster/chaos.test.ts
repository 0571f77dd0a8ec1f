import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CHAOS_ACTORS } from '../../cli/localnet/chaos-plan.ts';
import type { LocalnetReport } from '../../cli/localnet/report.ts';

/** Four real nodes under load, on which everything is killed: every actor, by every fault, and nodes by every signal. */

const BIN = fileURLToPath(new URL('../../../bin/potoroo', import.meta.url));
/** A plan with a single endless loop, for each costs the time of the watchdog; others by hand. */
const SEED = process.env.POTOROO_CHAOS_SEED ?? '673';
/** It takes a minute; a loaded machine of two cores needs several times as long. */
const TIMEOUT_ms = 480_000;

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'potoroo-chaos-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function potoroo(...parameters: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [BIN, ...parameters, '--dir', directory, '--json'],
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

it('loses nothing whatever is killed, and tells why each actor died', { timeout: TIMEOUT_ms }, async () => {
  const run = ['--blocks', '5', '--load', '20', '--chaos', 'all', '--seed', SEED];
  const { code, stdout, stderr } = await potoroo('localnet', ...run);
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as LocalnetReport;
  assert.equal(report.state_hashes_equal, true);
  assert.equal(report.lost_txs, 0);
  assert.ok(report.txs_submitted > 0);
  assert.ok(report.actor_restarts >= 10, stdout);
  assert.ok(report.node_restarts >= 2, stdout);
  const { actor_kills, node_kills, recovery_ms } = report.chaos!;
  assert.ok(actor_kills >= 10 && node_kills >= 2, stdout);
  assert.deepEqual(Object.keys(recovery_ms), [...CHAOS_ACTORS, 'node']);

  const reports = await Promise.all([1, 2, 3, 4].map((node) => potoroo('actor', 'report', '--node', String(node))));
  assert.deepEqual(
    reports.map(({ stderr: unreadable }) => unreadable),
    ['', '', '', ''],
  );
  const dead = reports.flatMap(({ stdout: list }) => JSON.parse(list) as { actor: string }[]);
  assert.deepEqual(new Set(dead.map(({ actor }) => actor)), new Set(CHAOS_ACTORS));
});
