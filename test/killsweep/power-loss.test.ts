import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SafetyState } from '../../actors/host/signer/core/rules.ts';
import { RecordFile } from '../../actors/host/signer/io/record-file.ts';
import { POINT_FILES, type Point } from './point.ts';
import { forgetHeight, lastSigned, losePower, type VictimFiles } from './power-loss.ts';

const point: Point = {
  id: 1,
  phase: 'voting',
  target: 'record',
  call: 'writeSync',
  moment: 'after',
  nth: 1,
  power: 'lost',
  part: 0.3,
};
const owner = { address: new Uint8Array(20).fill(7), networkId: 'test' };
const state = (height: bigint, step: number): SafetyState => ({
  height,
  round: 0,
  step,
  prepareQc: null,
  lockedQc: null,
  signed: [{ type: 2, step, digest: new Uint8Array(32).fill(step), signature: new Uint8Array(64).fill(2) }],
});

/** A record in which these were written since the last sync that a disk really did. */
function written(...states: SafetyState[]): VictimFiles {
  const control = mkdtempSync(join(tmpdir(), 'potoroo-power-'));
  after(() => rmSync(control, { recursive: true }));
  const files = { record: join(control, 'record'), journal: join(control, 'journal'), control };
  const { file } = RecordFile.open(files.record, owner);
  const lines = states.map((one) => {
    const before = readFileSync(files.record);
    file.write({ state: one });
    const changed = readFileSync(files.record);
    const position = changed.findIndex((byte, at) => byte !== before[at]);
    const end = changed.findLastIndex((byte, at) => byte !== before[at]) + 1;
    return JSON.stringify({ position, old: before.subarray(position, end).toString('base64') });
  });
  file.close();
  writeFileSync(join(control, POINT_FILES.undo), `${lines.join('\n')}\n`);
  writeFileSync(files.journal, 'heard at this height');
  return files;
}

function heightIn({ record }: VictimFiles): bigint {
  const { file } = RecordFile.open(record, owner);
  const { height } = file.state;
  file.close();
  return height;
}

test('a death without a power failure leaves everything as the system has it', () => {
  const files = written(state(1n, 2), state(2n, 2));
  losePower(files, { ...point, power: 'none' });
  assert.equal(heightIn(files), 2n);
  assert.equal(readFileSync(files.journal, 'utf8'), 'heard at this height');
});

test('a power failure takes back all that was not synced, once', () => {
  const files = written(state(1n, 2), state(2n, 2), state(3n, 2));
  losePower(files, point);
  assert.equal(heightIn(files), 0n);
  assert.ok(!existsSync(join(files.control, POINT_FILES.undo)));
});

test('scattered sectors leave a record that can be opened, with the state of before or after', () => {
  for (let part = 0; part < 1; part += 0.05) {
    const files = written(state(5n, 2));
    losePower(files, { ...point, power: 'scattered', part });
    assert.ok([0n, 5n].includes(heightIn(files)));
  }
});

test('an unsynced journal is gone, cut short or zeros in part: never what it was', () => {
  const kinds = new Set<string>();
  for (let part = 0; part < 1; part += 0.05) {
    const files = written();
    losePower(files, { ...point, part });
    const size = existsSync(files.journal) ? statSync(files.journal).size : -1;
    kinds.add(size < 0 ? 'gone' : size < 20 ? 'cut' : 'zeros');
    if (size === 20) assert.notEqual(readFileSync(files.journal, 'utf8'), 'heard at this height');
  }
  assert.deepEqual([...kinds].sort(), ['cut', 'gone', 'zeros']);
});

test('a record whose folder was not synced is gone', () => {
  const files = written(state(1n, 2));
  losePower(files, { ...point, target: 'record.folder', call: 'openSync', moment: 'before' });
  assert.ok(!existsSync(files.record));
});

test('a disk that lies forgets the last height, and only that', () => {
  const files = written(state(1n, 2), state(2n, 2), state(2n, 3));
  assert.deepEqual(lastSigned(files.record), { height: 2n, round: 0, type: 2, step: 3 });
  forgetHeight(files);
  assert.equal(heightIn(files), 1n);
  assert.ok(!existsSync(files.journal));
});
