import { readFileSync, rmSync } from 'node:fs';
import type { Logger } from 'pino';
import { type HomeLayout, homeLayout } from '../config/home.ts';
import { loadConfig } from '../config/load.ts';
import type { NodeConfig } from '../config/schema.ts';
import { CodedError, type ErrorRecord, toErrorRecord } from '../runtime/errors.ts';
import { createLog } from '../runtime/logging.ts';
import { writeWhole } from '../runtime/whole-file.ts';
import { type Administered, serveAdmin } from './admin.ts';
import { takeLock } from './lock.ts';
import type { OrderServer } from './order-socket.ts';
import { StopSignals } from './signals.ts';
import { EXIT_OK, note, report } from './terminal.ts';

/** What this file needs of a running node; actors/pocket/node.ts starts one. */
interface RunningNode extends Administered {
  /** Settles when the node cannot go on, with the reason. */
  readonly failed: Promise<CodedError>;
  /** The database in use, without a password. */
  readonly databaseUrl: string;
  stop(): Promise<void>;
}
interface NodeParts {
  readonly config: NodeConfig;
  readonly home: string;
  readonly version: string;
  readonly log: Logger;
}
export type NodeStarter = (parts: NodeParts) => Promise<RunningNode>;

/** What a node tells the process that started it. */
export type NodeNotice = { kind: 'ready' } | { kind: 'failed'; error: ErrorRecord };
/** What that process may say. Closing the channel means the same. */
export interface StopOrder {
  kind: 'stop';
}

/** A stop that takes longer is cut off: whoever waits for us promised an end in five seconds. */
const STOP_DEADLINE_ms = 3_500;

/** Failures that leave a thread behind which cannot be ended. */
const STUCK = new Set(['THREAD_STUCK', 'NODE_STOP_TIMEOUT']);

/**
 * Runs the node of a home as this process, which ends with it. The exit of a process waits for its threads, for ever
 * if one sits in a system call that does not return: then it kills itself.
 */
export async function runNodeProcess(home: string, version: string, start: NodeStarter): Promise<never> {
  try {
    process.exit(await runNode(home, version, start));
  } catch (error) {
    const code = report(error);
    if (STUCK.has(toErrorRecord(error).code)) killSelf();
    process.exit(code);
  }
}

/** Runs the node of a home until it is told to stop or fails; resolves with the exit code. */
async function runNode(home: string, version: string, start: NodeStarter): Promise<number> {
  const layout = homeLayout(home);
  const stopping = new StopWish();
  try {
    const config = withAddressFiles(loadConfig(home), layout);
    const release = takeLock(layout.lock, `the node home ${layout.home}`);
    try {
      removeRunFiles(layout);
      const { level, file } = config.log;
      const log = createLog('main', file === '' ? { level } : { level, file });
      return await supervise(layout, { config, home: layout.home, version, log }, start, stopping);
    } finally {
      removeRunFiles(layout);
      release();
    }
  } catch (error) {
    await tellParent({ kind: 'failed', error: toErrorRecord(error) });
    throw error;
  } finally {
    stopping.close();
  }
}

async function supervise(
  layout: HomeLayout,
  parts: NodeParts,
  start: NodeStarter,
  stopping: StopWish,
): Promise<number> {
  // A wish to stop while it starts is granted as soon as it is up: half a node has no orderly end.
  const node = await Promise.race([start(parts), stopping.overdue]);
  if (node === undefined) throw overdue(parts.log);
  const admin = await openAdmin(layout, node, parts.log);
  writeNodeFile(layout, psqlUrl(node.databaseUrl, parts.config.database.schema), admin?.path ?? null);
  await tellParent({ kind: 'ready' });
  const failure = await Promise.race([stopping.wished, node.failed]);
  admin?.close();
  // What it failed of is what counts; that it cannot stop either is no news.
  const stopped = node.stop().then(
    () => true,
    (error: unknown) => {
      if (failure === undefined) throw error;
      return true;
    },
  );
  const orderly = await Promise.race([stopped, failure === undefined ? stopping.overdue : deadline()]);
  if (failure !== undefined) throw failure;
  if (orderly === undefined) throw overdue(parts.log);
  parts.log.info('stopped');
  return EXIT_OK;
}

/** A node does its work without a socket for orders, too: undefined where none can be made. */
async function openAdmin(layout: HomeLayout, node: Administered, log: Logger): Promise<OrderServer | undefined> {
  try {
    return await serveAdmin(layout.adminSocket, node);
  } catch (error) {
    log.warn({ error: toErrorRecord(error), path: layout.adminSocket }, 'no admin socket: `potoroo actor` cannot work');
    return undefined;
  }
}

function withAddressFiles(config: NodeConfig, layout: HomeLayout): NodeConfig {
  const { rpc, telemetry } = config;
  return {
    ...config,
    rpc: { ...rpc, address_file: rpc.address_file || layout.rpcAddress },
    telemetry: { ...telemetry, address_file: telemetry.address_file || layout.metricsAddress },
  };
}

/** Files that are true only while a node runs. */
function removeRunFiles({ nodeFile, rpcAddress, metricsAddress, adminSocket }: HomeLayout): void {
  for (const file of [nodeFile, rpcAddress, metricsAddress, adminSocket]) rmSync(file, { force: true });
}

function overdue(log: Logger): CodedError {
  const message = `the node did not stop within ${STOP_DEADLINE_ms} ms: it is killed, and recovers at its next start`;
  log.error({ limit_ms: STOP_DEADLINE_ms }, message);
  return new CodedError('NODE_STOP_TIMEOUT', message, { limit_ms: STOP_DEADLINE_ms });
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}

function deadline(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), STOP_DEADLINE_ms).unref());
}

/** Everything that may ask this process to stop. */
class StopWish {
  readonly wished: Promise<void>;
  /** Settles when a wish was not granted in time. */
  readonly overdue: Promise<undefined>;
  readonly #close: () => void;

  constructor() {
    let stop!: () => void;
    this.wished = new Promise((resolve) => {
      stop = resolve;
    });
    this.overdue = this.wished.then(deadline);
    const signals = new StopSignals({ stop, force: killSelf });
    // Under a parent, Ctrl-C in the terminal is for the parent: it stops its nodes in order.
    const detachInterrupt = process.send ? ignoreInterrupt() : signals.attach(['SIGINT', 'SIGHUP']);
    const detach = signals.attach(['SIGTERM']);
    const onMessage = (message: unknown): void => {
      if ((message as StopOrder | null)?.kind === 'stop') stop();
    };
    process.on('message', onMessage);
    process.on('disconnect', stop);
    // Started by a parent that is gone already.
    if (process.send && !process.connected) stop();
    this.#close = () => {
      detachInterrupt();
      detach();
      process.off('message', onMessage);
      process.off('disconnect', stop);
    };
  }

  close(): void {
    this.#close();
  }
}

function ignoreInterrupt(): () => void {
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  return () => process.off('SIGINT', ignore);
}

/** Tells the parent, if there is one that still listens. */
async function tellParent(notice: NodeNotice): Promise<void> {
  if (!process.connected || !process.send) return;
  await new Promise<void>((resolve) => process.send?.(notice, undefined, {}, () => resolve()));
}

function writeNodeFile(layout: HomeLayout, psql: string, adminSocket: string | null): void {
  const node = {
    pid: process.pid,
    started: new Date().toISOString(),
    rpc_url: addressIn(layout.rpcAddress),
    metrics_url: addressIn(layout.metricsAddress),
    psql_url: psql,
    admin_socket: adminSocket,
  };
  writeWhole(layout.nodeFile, `${JSON.stringify(node, null, 2)}\n`);
  note(`node ${layout.home}: rpc ${node.rpc_url ?? 'off'}, metrics ${node.metrics_url ?? 'off'}, psql "${psql}"`);
}

function addressIn(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** A URL with which psql finds the node's tables without their schema being named. */
function psqlUrl(databaseUrl: string, schema: string): string {
  // A user's own schema is on the search path as it is.
  if (new RegExp(`^postgres(ql)?://${schema}[:@]`).test(databaseUrl)) return databaseUrl;
  const separator = databaseUrl.includes('?') ? '&' : '?';
  return `${databaseUrl}${separator}options=-csearch_path%3D${schema}`;
}
