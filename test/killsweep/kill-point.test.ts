import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RecordFile } from '../../actors/host/signer/io/record-file.ts';
import { KILL_HOME, KILL_POINT, POINT_FILES, type Point } from './point.ts';
import { losePower } from './power-loss.ts';

const DIST = new URL('../../', import.meta.url).href;
const owner = `{ address: new Uint8Array(20).fill(7), networkId: 'test' }`;

/** Appends three records of ten bytes. */
const JOURNAL = `
  const { JournalFile } = await import('${DIST}actors/pocket/consensus/io/journal-file.js');
  const file = JournalFile.open(home + '/consensus/journal');
  for (const letter of 'abc') file.append(Buffer.from(letter.repeat(10)));`;
/** Signs at heights 1, 2 and 3. */
const RECORD = `
  const { RecordFile } = await import('${DIST}actors/host/signer/io/record-file.js');
  const { UNSIGNED_STATE } = await import('${DIST}actors/host/signer/core/rules.js');
  const { file } = RecordFile.open(home + '/signer/record', ${owner});
  for (const height of [1n, 2n, 3n]) file.write({ state: { ...UNSIGNED_STATE, height } });`;

interface Death {
  readonly home: string;
  readonly control: string;
  readonly signal: string | null;
  readonly died: string;
}

/** Runs a program in a thread of that name, in a process with the kill point armed. */
function runArmed(thread: string, program: string, place: Pick<Point, 'target' | 'call' | 'moment' | 'nth'>): Death {
  const home = mkdtempSync(join(tmpdir(), 'potoroo-kill-point-'));
  after(() => rmSync(home, { recursive: true }));
  const control = join(home, 'control');
  for (const folder of ['control', 'signer', 'consensus']) mkdirSync(join(home, folder));
  const point: Point = { id: 5, phase: 'voting', power: 'none', part: 0.5, ...place };
  writeFileSync(join(control, POINT_FILES.armed), JSON.stringify(point));
  const entry = join(home, 'thread.mjs');
  writeFileSync(entry, `const home = ${JSON.stringify(home)}; ${program}`);
  const main = `new (require('node:worker_threads').Worker)('${entry}', { workerData: { name: '${thread}' } })`;
  const { signal, stderr } = spawnSync(process.execPath, ['-e', main], {
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_OPTIONS: `--import ${new URL('./kill-point.js', import.meta.url).href}`,
      [KILL_POINT]: control,
      [KILL_HOME]: home,
    },
  });
  assert.equal(stderr, '');
  const mark = join(control, POINT_FILES.died);
  return { home, control, signal, died: existsSync(mark) ? readFileSync(mark, 'utf8') : '' };
}

test('the process dies before, in the middle of, or after the call that is armed', () => {
  const journal = (moment: Point['moment']) => {
    const death = runArmed('consensus', JOURNAL, { target: 'journal', call: 'writeSync', moment, nth: 2 });
    assert.equal(death.signal, 'SIGKILL');
    assert.equal(death.died, '5');
    return readFileSync(join(death.home, 'consensus', 'journal'), 'utf8');
  };
  assert.equal(journal('before'), 'a'.repeat(10));
  assert.equal(journal('torn'), 'a'.repeat(10) + 'b'.repeat(5));
  assert.equal(journal('after'), 'a'.repeat(10) + 'b'.repeat(10));
});

test('what is not reached ends nobody', () => {
  const place = { target: 'journal', call: 'writeSync', moment: 'before' } as const;
  for (const death of [
    runArmed('consensus', JOURNAL, { ...place, nth: 4 }),
    runArmed('rpc', JOURNAL, { ...place, nth: 1 }),
  ]) {
    assert.equal(death.signal, null);
    assert.equal(statSync(join(death.home, 'consensus', 'journal')).size, 30);
  }
});

test('a power failure before the sync takes the write back, and none after it', () => {
  const heightAfter = (moment: Point['moment']) => {
    const place = { target: 'record', call: 'fdatasyncSync', moment, nth: 3 } as const;
    const { home, control } = runArmed('signer', RECORD, place);
    const record = join(home, 'signer', 'record');
    const files = { record, journal: join(home, 'consensus', 'journal'), control };
    losePower(files, { id: 5, phase: 'voting', power: 'lost', part: 0, ...place });
    const { file } = RecordFile.open(record, { address: new Uint8Array(20).fill(7), networkId: 'test' });
    const { height } = file.state;
    file.close();
    return height;
  };
  assert.equal(heightAfter('before'), 2n);
  assert.equal(heightAfter('after'), 3n);
});
