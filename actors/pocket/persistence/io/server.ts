import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CodedError } from '../../../../runtime/errors.ts';
import { isRunning } from '../../../../runtime/process-identity.ts';
import type { Binaries, Identity } from './binaries.ts';
import type { Place } from './place.ts';
import { isInUse, isServerOn } from './server-process.ts';

export const DATABASE_USER = 'potoroo';
export const DATABASE_NAME = 'potoroo';

/** A start replays at most max_wal_size of log after a crash; a slow disk needs seconds for it. */
const START_TIMEOUT_MS = 60_000;
/** Fast shutdown aborts transactions and writes a checkpoint; after this it is told to drop everything. */
const FAST_STOP_MS = 5_000;
const IMMEDIATE_STOP_MS = 2_000;
const POLL_MS = 10;
/** The server logs warnings and errors only: a file of this size holds weeks. */
const MAX_LOG_BYTES = 10_000_000;

/** FACTS of a trial run: small memory, short commits, no network. Given on the command line, so they follow the code. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '40',
  shared_buffers: '32MB',
  // Zeroing a new log segment stalls commits (p99 57 ms instead of 3-4).
  wal_init_zero: 'off',
  max_wal_size: '128MB',
  min_wal_size: '32MB',
  // No replicas: the least log that survives a crash.
  wal_level: 'minimal',
  max_wal_senders: '0',
  // Every commit is on disk when it is answered: votes depend on it.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Three workers fewer per node; our reads hit the cache.
  io_method: 'sync',
  jit: 'off',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %a ',
};

export interface ServerContext {
  readonly binaries: Binaries;
  readonly identity: Identity | undefined;
  readonly place: Place;
  /** The file that takes what initdb and the server print. */
  readonly logFile: string;
  readonly log: Logger;
}

/**
 * Makes the cluster if there is none. It is made beside its final name and renamed when complete, so a crash
 * leaves either nothing or everything.
 * @throws EMBEDDED_INIT
 */
export async function initialise(context: ServerContext): Promise<void> {
  const { data } = context.place;
  if (existsSync(data)) return;
  context.log.info({ data }, 'creating the database of this node (once, a second or two)');
  const partial = `${data}.new`;
  rmSync(partial, { recursive: true, force: true });
  const options = ['-D', partial, '-U', DATABASE_USER, '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-instructions'];
  await runTool(context, context.binaries.initdb, options);
  await runTool(
    context,
    context.binaries.postgres,
    ['--single', '-D', partial, 'postgres'],
    `create database ${DATABASE_NAME};\n`,
  );
  renameSync(partial, data);
}

async function runTool(context: ServerContext, program: string, options: string[], input = ''): Promise<void> {
  const descriptor = openLog(context.logFile);
  const child = spawn(program, options, {
    ...context.identity,
    cwd: '/',
    env: environment(),
    detached: true,
    stdio: ['pipe', descriptor, descriptor],
  });
  closeSync(descriptor);
  // A program that died at once has closed its input: its exit code says so, not the pipe.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const code = await exitOf(child);
  if (code === 0) return;
  throw new CodedError(
    'EMBEDDED_INIT',
    `creating the database failed (${program} ended with ${code}): ${lastLine(context.logFile)}. See ${context.logFile}.`,
    { code },
  );
}

/** Starts the server and waits until it takes connections. @throws EMBEDDED_START */
export async function launch(context: ServerContext): Promise<ChildProcess> {
  rotateLog(context.logFile);
  const started = performance.now();
  let announced = false;
  for (;;) {
    const child = spawnServer(context);
    const outcome = await untilReady(context, child, started + START_TIMEOUT_MS);
    if (outcome === 'ready') return child;
    // Backends of a server that was killed hold its shared memory for a moment.
    if (performance.now() - started < FAST_STOP_MS && lastLine(context.logFile).includes('shared memory')) {
      await sleep(100);
      continue;
    }
    if (!announced) context.log.error({ log: context.logFile }, 'the embedded PostgreSQL did not come up');
    announced = true;
    throw new CodedError(
      'EMBEDDED_START',
      `the embedded PostgreSQL did not come up: ${lastLine(context.logFile)}. See ${context.logFile}.`,
      { log: context.logFile },
    );
  }
}

function spawnServer(context: ServerContext): ChildProcess {
  const { binaries, place, identity } = context;
  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: place.socket });
  const server = [
    binaries.postgres,
    '-D',
    place.data,
    ...settings.flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ];
  const [program, ...options] = [...diesWithParent(), ...server];
  const descriptor = openLog(context.logFile);
  // A group of its own: Ctrl-C in the terminal is for the node, which stops its actors before the database.
  const child = spawn(program as string, options, {
    ...identity,
    cwd: '/',
    env: environment(),
    detached: true,
    stdio: ['ignore', descriptor, descriptor],
  });
  closeSync(descriptor);
  // A program that cannot be started at all: `untilReady` sees that it ended.
  child.on('error', (error) => context.log.error({ err: error }, 'cannot run the PostgreSQL server'));
  return child;
}

let deathSignal: string[] | undefined;
/** The prefix that makes the kernel interrupt the server when this process dies; empty where there is none. */
function diesWithParent(): string[] {
  if (deathSignal === undefined) {
    const prefix = ['setpriv', '--pdeathsig', 'INT'];
    const works = spawnSync('setpriv', ['--pdeathsig', 'INT', 'true'], { stdio: 'ignore' }).status === 0;
    deathSignal = works ? prefix : [];
  }
  return deathSignal;
}

async function untilReady(context: ServerContext, child: ChildProcess, until: number): Promise<'ready' | 'ended'> {
  let waited_ms = 0;
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const state = readPidFile(context.place.data);
    if (state?.pid === child.pid && state.status === 'ready') return 'ready';
    if (performance.now() > until) {
      child.kill('SIGKILL');
      await exitOf(child);
      return 'ended';
    }
    await sleep(POLL_MS);
    waited_ms += POLL_MS;
    if (waited_ms === 1_000) context.log.info('waiting for PostgreSQL: it replays its log after a crash');
  }
  return 'ended';
}

/** Stops a server that is our child. */
export async function shutDown(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = exitOf(child);
  for (const [signal, patience_ms] of STOP_STEPS) {
    child.kill(signal);
    const timer = new AbortController();
    const outcome = await Promise.race([ended, sleep(patience_ms, 'patience', { signal: timer.signal })]);
    timer.abort();
    if (outcome !== 'patience') return;
  }
  await ended;
}

const STOP_STEPS = [
  ['SIGINT', FAST_STOP_MS],
  ['SIGQUIT', IMMEDIATE_STOP_MS],
  ['SIGKILL', IMMEDIATE_STOP_MS],
] as const;

/** Stops a server that outlived its node, and clears a record that would keep the next one from starting. */
export async function stopLeftover(data: string, log: Logger): Promise<void> {
  const state = readPidFile(data);
  if (state === undefined || !isRunning(state.pid)) return;
  if (isServerOn(state.pid, data)) {
    log.info({ server_pid: state.pid }, 'stopping the PostgreSQL server of a node that was killed');
    for (const [signal, patience_ms] of STOP_STEPS) {
      signalProcess(state.pid, signal);
      if (await gone(state.pid, data, patience_ms)) return;
    }
  } else if (!isInUse(data)) {
    // The id belongs to another process by now, which PostgreSQL would take for a server. Where the id is free, the
    // file stays: PostgreSQL finds by it what is left of a killed server.
    log.info({ pid: state.pid }, 'clearing the record of a PostgreSQL server that is gone');
    rmSync(join(data, 'postmaster.pid'), { force: true });
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function gone(pid: number, data: string, patience_ms: number): Promise<boolean> {
  for (let waited_ms = 0; waited_ms < patience_ms; waited_ms += POLL_MS) {
    if (!isServerOn(pid, data)) return true;
    await sleep(POLL_MS);
  }
  return !isServerOn(pid, data);
}

/** `postmaster.pid`: process id on the first line, state on the eighth. */
function readPidFile(data: string): { pid: number; status: string } | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : undefined;
  } catch {
    return undefined;
  }
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  if (child.pid === undefined) return 'not started';
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode ?? 'unknown';
}

/** Nothing of this process's environment reaches the server: PGDATA and locale variables would change it. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

function openLog(file: string): number {
  return openSync(file, 'a', 0o640);
}

function rotateLog(file: string): void {
  if (existsSync(file) && statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
}

function lastLine(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.findLast((line) => /ERROR|FATAL|error|could not/.test(line)) ?? lines.at(-1) ?? '';
}
