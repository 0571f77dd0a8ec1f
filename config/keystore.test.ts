import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../runtime/errors.ts';
import { createKey, listKeys, loadKey } from './keystore.ts';

function directoryFor(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'keystore-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'keys');
}

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const PUBLIC_KEY = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8';

test('an encrypted key comes back with its password and no other', async (context) => {
  const directory = directoryFor(context);
  const created = await createKey(directory, { password: 'Ångström', name: 'validator', seed });
  assert.equal(created.publicKey, PUBLIC_KEY);
  assert.equal(created.encrypted, true);
  assert.equal(statSync(created.path).mode & 0o777, 0o600);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(readFileSync(created.path, 'utf8').includes(Buffer.from(seed).toString('hex')), false);
  // The same password in decomposed characters, as another keyboard may give it.
  const loaded = await loadKey(created.path, 'Ångström'.normalize('NFD'));
  assert.deepEqual(loaded, { ...created, seed });
  await assert.rejects(loadKey(created.path, 'Angstrom'), { code: 'KEY_PASSWORD_WRONG' });
  await assert.rejects(loadKey(created.path), { code: 'KEY_PASSWORD_MISSING' });
});

test('an unencrypted key says so', async (context) => {
  const created = await createKey(directoryFor(context), { unencrypted: true });
  assert.equal(created.encrypted, false);
  assert.equal(created.name, created.address);
  const loaded = await loadKey(created.path);
  assert.equal(loaded.seed.length, 32);
  assert.equal(loaded.address, created.address);
});

test('nothing is written over, and no key is kept twice', async (context) => {
  const directory = directoryFor(context);
  const first = await createKey(directory, { unencrypted: true, name: 'a', seed });
  const before = readFileSync(first.path, 'utf8');
  await assert.rejects(createKey(directory, { unencrypted: true, name: 'a' }), { code: 'KEY_EXISTS' });
  await assert.rejects(createKey(directory, { unencrypted: true, name: 'b', seed }), { code: 'KEY_EXISTS' });
  assert.equal(readFileSync(first.path, 'utf8'), before);
});

test('names and passwords that cannot be', async (context) => {
  const directory = directoryFor(context);
  for (const name of ['', '../x', 'a/b', '.hidden', 'x'.repeat(65)]) {
    await assert.rejects(createKey(directory, { unencrypted: true, name }), { code: 'KEY_NAME_INVALID' });
  }
  await assert.rejects(createKey(directory, { password: '' }), { code: 'KEY_PASSWORD_MISSING' });
  await assert.rejects(createKey(directory, { unencrypted: true, seed: seed.subarray(1) }), { code: 'SEED_INVALID' });
  assert.deepEqual(await listKeys(directory), { keys: [], broken: [] });
});

test('listing needs no password and names what is broken', async (context) => {
  const directory = directoryFor(context);
  assert.deepEqual(await listKeys(directory), { keys: [], broken: [] });
  const second = await createKey(directory, { unencrypted: true, name: 'second' });
  const first = await createKey(directory, { unencrypted: true, name: 'first' });
  writeFileSync(join(directory, 'notes.txt'), 'no key');
  writeFileSync(join(directory, 'half.json'), '{"version":1,', { mode: 0o600 });
  const { keys, broken } = await listKeys(directory);
  assert.deepEqual(keys, [first, second]);
  assert.deepEqual(
    broken.map(({ path, error }) => [path, error.code]),
    [[join(directory, 'half.json'), 'KEY_FILE_INVALID']],
  );
});

test('a file that others may read, or that is missing, is refused', async (context) => {
  const { path } = await createKey(directoryFor(context), { unencrypted: true });
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode);
    await assert.rejects(loadKey(path), { code: 'KEY_FILE_PERMISSIONS' });
  }
  chmodSync(path, 0o400);
  await loadKey(path);
  await assert.rejects(loadKey(`${path}.none`), { code: 'KEY_FILE_MISSING' });
});

test('a changed file is refused with a code, and an error never shows the seed', async (context) => {
  const { path } = await createKey(directoryFor(context), { unencrypted: true, seed });
  const text = readFileSync(path, 'utf8');
  const secret = Buffer.from(seed).toString('hex');
  const refused = async (content: string): Promise<void> => {
    writeFileSync(path, content);
    await assert.rejects(
      loadKey(path),
      (error) => hasCode(error, 'KEY_FILE_INVALID') && !(error as Error).message.includes(secret.slice(0, 16)),
    );
  };
  await refused('');
  await refused('null');
  await refused(text.slice(0, -5));
  await refused(text.replace('"version": 1', '"version": 2'));
  await refused(text.replace('"address"', '"extra": 1, "address"'));
  await refused(text.replace(PUBLIC_KEY, PUBLIC_KEY.replace('03', '04')));
  await refused(text.replace(secret, secret.replace('0001', '0002')));
  await refused(`${text}${' '.repeat(20_000)}`);
  await fc.assert(
    fc.asyncProperty(fc.json(), (json) => refused(json)),
    { numRuns: 30 },
  );
});

test('the clear part of an encrypted file cannot be exchanged', async (context) => {
  const { path, address } = await createKey(directoryFor(context), { password: 'p', seed });
  writeFileSync(path, readFileSync(path, 'utf8').replace(address, 'f'.repeat(40)));
  await assert.rejects(loadKey(path, 'p'), { code: 'KEY_PASSWORD_WRONG' });
});
