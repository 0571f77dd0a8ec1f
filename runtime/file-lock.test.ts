import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockHolder, takeFileLock } from './file-lock.ts';
import { identityOf, isAlive } from './process-identity.ts';

const directory = mkdtempSync(join(tmpdir(), 'potoroo-lock-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const lock = (name: string): string => join(directory, name);

test('a lock is held until it is released, and leaves nothing else behind', () => {
  const path = lock('held');
  const attempt = takeFileLock(path);
  assert.ok(attempt.taken);
  assert.equal(lockHolder(path), process.pid);
  attempt.release();
  assert.equal(lockHolder(path), null);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('held')),
    [],
  );
});

test('this process takes over from its own former life', () => {
  const path = lock('again');
  const [former, present] = [takeFileLock(path), takeFileLock(path)];
  assert.ok(former.taken && present.taken);
});

test('a living process keeps its lock; once it is killed the lock is stale, even before it is reaped', async () => {
  const path = lock('other');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  writeFileSync(path, JSON.stringify(identityOf(child.pid!)));
  assert.deepEqual(takeFileLock(path), { taken: false, holder: child.pid });
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(takeFileLock(path).taken);
});

test('an id that is used again by another process, or another boot, does not hold', () => {
  const own = identityOf(process.pid);
  assert.equal(isAlive(own), true);
  assert.equal(isAlive({ ...own, started: '1' }), own.started === '1');
  assert.equal(isAlive({ ...own, boot: 'another' }), false);
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  assert.equal(isAlive({ ...own, pid: ended }), false);
});

test('a lock file with garbage is no lock', () => {
  const path = lock('garbage');
  for (const text of ['', '{', '[]', 'null', '{"pid":"1"}', '{"pid":-1,"started":"","boot":""}']) {
    writeFileSync(path, text);
    const attempt = takeFileLock(path);
    assert.ok(attempt.taken, text);
    attempt.release();
    assert.ok(!existsSync(path));
  }
});
