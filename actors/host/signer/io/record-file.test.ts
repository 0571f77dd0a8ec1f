import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasCode } from '../../../../runtime/errors.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import { copyEvidence, machineDigest } from '../core/binding.ts';
import { COMPLETE } from '../core/guard.ts';
import { SLOT_BYTES } from '../core/record.ts';
import type { SafetyState } from '../core/rules.ts';
import { RecordFile } from './record-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'potoroo-signer-'));
after(() => rmSync(directory, { recursive: true }));
const owner = { address: new Uint8Array(20).fill(7), networkId: 'test' };
const refused = (code: string) => (error: unknown) => hasCode(error, code);
const state = (height: bigint): SafetyState => ({
  height,
  round: 0,
  step: 2,
  prepareQc: null,
  lockedQc: new Uint8Array([1, 2, 3]),
  signed: [{ type: 2, step: 2, digest: new Uint8Array(32).fill(1), signature: new Uint8Array(64).fill(2) }],
});

function open(path: string): RecordFile {
  return RecordFile.open(path, owner).file;
}

test('what was written is there after a restart', () => {
  const path = join(directory, 'plain');
  const { file, created } = RecordFile.open(path, owner);
  assert.equal(created, true);
  assert.equal(file.state.height, 0n);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  for (let h = 1n; h <= 5n; h++) file.write({ state: state(h) });
  file.close();
  const again = RecordFile.open(path, owner);
  assert.equal(again.created, false);
  assert.deepEqual(again.file.state, state(5n));
  again.file.close();
});

test('a torn write leaves the record before it, and the next write goes through', () => {
  const path = join(directory, 'torn');
  const file = open(path);
  file.write({ state: state(1n) });
  file.write({ state: state(2n) });
  file.close();
  // Sequence 2 lies in slot 0. Its prefix arrived, its payload did not.
  const bytes = readFileSync(path);
  bytes.fill(0, 60, 200);
  writeFileSync(path, bytes);
  const restored = open(path);
  assert.equal(restored.state.height, 1n);
  restored.write({ state: state(3n) });
  restored.write({ state: state(4n) });
  restored.close();
  const last = open(path);
  assert.equal(last.state.height, 4n);
  last.close();
});

test('two damaged copies, or a file cut short, are never taken for a new record', () => {
  const path = join(directory, 'corrupt');
  const file = open(path);
  file.write({ state: state(1n) });
  file.close();
  const bytes = readFileSync(path);
  bytes[40] = bytes[40]! ^ 1;
  bytes[SLOT_BYTES + 40] = bytes[SLOT_BYTES + 40]! ^ 1;
  writeFileSync(path, bytes);
  assert.throws(() => open(path), refused('SIGNER_RECORD_CORRUPT'));
  writeFileSync(path, bytes.subarray(0, 1000));
  assert.throws(() => open(path), refused('SIGNER_RECORD_CORRUPT'));
  writeFileSync(path, '');
  assert.throws(() => open(path), refused('SIGNER_RECORD_CORRUPT'));
});

test('the record of another key or network is refused', () => {
  const path = join(directory, 'foreign');
  open(path).close();
  assert.throws(() => RecordFile.open(path, { ...owner, networkId: 'other' }), refused('SIGNER_RECORD_FOREIGN'));
  const address = new Uint8Array(20);
  assert.throws(() => RecordFile.open(path, { ...owner, address }), refused('SIGNER_RECORD_FOREIGN'));
});

test('a write by somebody else stops this signer', () => {
  const path = join(directory, 'shared');
  const file = open(path);
  file.write({ state: state(1n) });
  const copy = join(directory, 'copy');
  writeFileSync(copy, readFileSync(path));
  const { file: other } = RecordFile.open(copy, owner, 'take');
  other.write({ state: state(2n) });
  other.close();
  writeFileSync(path, readFileSync(copy));
  assert.throws(() => file.write({ state: state(2n) }), refused('SIGNER_RECORD_CHANGED'));
  assert.throws(() => file.write({ state: state(3n) }), refused('SIGNER_RECORD_IO'));
  file.close();
});

test('a copy is refused, and so is the copy that took the place of the original; a home that is renamed is not', () => {
  const home = join(directory, 'home');
  mkdirSync(home);
  const path = join(home, 'record');
  const file = open(path);
  file.write({ state: state(8n) });
  file.close();

  const copy = join(home, 'copy');
  copyFileSync(path, copy);
  assert.throws(() => open(copy), refused('SIGNER_RECORD_COPIED'));
  assert.equal(RecordFile.look(copy)?.copied, 'file');
  assert.equal(RecordFile.look(path)?.copied, null);

  renameSync(home, join(directory, 'renamed'));
  const renamed = open(join(directory, 'renamed', 'record'));
  assert.equal(renamed.state.height, 8n);
  renamed.close();

  renameSync(join(directory, 'renamed', 'copy'), join(directory, 'renamed', 'record'));
  assert.throws(() => open(join(directory, 'renamed', 'record')), refused('SIGNER_RECORD_COPIED'));
});

test('a copy that an operator takes is bound to its new place by the next write', () => {
  const path = join(directory, 'taken-from');
  open(path).close();
  const copy = join(directory, 'taken');
  copyFileSync(path, copy);
  RecordFile.open(copy, owner, 'take').file.close();
  assert.throws(() => open(copy), refused('SIGNER_RECORD_COPIED'), 'only looked at');
  const { file } = RecordFile.open(copy, owner, 'take');
  file.write({ guard: COMPLETE });
  file.close();
  open(copy).close();
});

test('the machine counts where both are known, the file always', () => {
  const [here, there] = [machineDigest('a\n'), machineDigest('b\n')];
  const at = (machine: Uint8Array | null, inode = 1n) => ({ machine, inode });
  assert.equal(machineDigest('\n'), null);
  assert.equal(copyEvidence(at(here), at(machineDigest('a'))), null);
  assert.equal(copyEvidence(at(here), at(there)), 'machine');
  assert.equal(copyEvidence(at(here), at(null)), null);
  assert.equal(copyEvidence(at(null), at(here)), null);
  assert.equal(copyEvidence(at(here), at(here, 2n)), 'file');
});

/** The bytes of a record as the version before wrote them: no place, no guard. */
function unbound(path: string): Uint8Array {
  const bytes = new Uint8Array(readFileSync(path));
  const tail_bytes = 50;
  for (const start of [0, SLOT_BYTES]) {
    const slot = bytes.subarray(start, start + SLOT_BYTES);
    const view = new DataView(slot.buffer, slot.byteOffset);
    if (view.getUint16(8) === 0) continue;
    view.setUint16(8, 1);
    view.setUint32(18, view.getUint32(18) - tail_bytes);
    const end = 22 + view.getUint32(18);
    slot.set(sha256(slot.subarray(0, end)), end);
    slot.fill(0, end + 32);
  }
  return bytes;
}

test('a record of the version before is bound where it is found, in both slots', () => {
  const path = join(directory, 'old');
  const file = open(path);
  file.write({ state: state(1n) });
  file.write({ state: state(2n) });
  file.close();
  writeFileSync(path, unbound(path));
  const { file: adopted, ...how } = RecordFile.open(path, owner);
  assert.deepEqual(how, { created: false, adopted: true });
  assert.deepEqual(adopted.state, state(2n));
  assert.deepEqual(adopted.guard, COMPLETE);
  adopted.close();
  const bytes = readFileSync(path);
  for (const start of [0, SLOT_BYTES]) assert.equal(bytes.readUInt16BE(start + 8), 2);
  assert.equal(RecordFile.open(path, owner).adopted, false);
  const copy = join(directory, 'old-copy');
  copyFileSync(path, copy);
  assert.throws(() => open(copy), refused('SIGNER_RECORD_COPIED'));
});

test('a new record knows that it may not know all; the guard survives a restart', () => {
  const path = join(directory, 'guarded');
  const file = open(path);
  assert.deepEqual(file.guard, { floor: 0n, fresh: true, stale: null });
  const guard = { floor: 7n, fresh: false, stale: { height: 9n, round: 1 } };
  file.write({ guard });
  file.write({ state: state(1n) });
  file.close();
  const again = open(path);
  assert.deepEqual(again.guard, guard);
  again.close();
});

test('a living process keeps others out; a dead one does not', async () => {
  const path = join(directory, 'locked');
  const module = join(import.meta.dirname, 'record-file.js');
  const program = `
    const { RecordFile } = await import(${JSON.stringify(module)});
    RecordFile.open(${JSON.stringify(path)}, { address: new Uint8Array(20).fill(7), networkId: 'test' });
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  assert.throws(() => open(path), refused('SIGNER_RECORD_LOCKED'));
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  open(path).close();
});

test('an unusable place is a coded error', () => {
  assert.throws(() => open(join(directory, 'absent', 'record')), refused('SIGNER_RECORD_IO'));
});
