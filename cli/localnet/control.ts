import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CodedError, fromErrorRecord, toErrorRecord } from '../../runtime/errors.ts';
import { type LocalnetLayout, readStatus } from './files.ts';

/** Unix socket paths have 108 bytes on Linux and 104 on macOS, with the final zero. */
const MAX_SOCKET_PATH_BYTES = 100;
/** A request is a few dozen bytes. */
const MAX_REQUEST_CHARACTERS = 1_024;
/** The slowest order is a start with a new database. */
const ORDER_TIMEOUT_ms = 120_000;
const REQUEST_TIMEOUT_ms = 5_000;

const orderSchema = z.strictObject({ action: z.enum(['stop', 'kill', 'start']), node: z.int().min(1) });
export type NodeOrder = z.infer<typeof orderSchema>;

const answerSchema = z.union([
  z.strictObject({ ok: z.literal(true) }),
  z.strictObject({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);
type Answer = z.infer<typeof answerSchema>;

export interface ControlServer {
  readonly path: string;
  close(): void;
}

/** Lets `potoroo localnet node` steer the running network. One order per connection; owner only. */
export async function serveControl(
  layout: LocalnetLayout,
  obey: (order: NodeOrder) => Promise<void>,
): Promise<ControlServer> {
  const { path, remove } = socketPlace(layout);
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    answerOne(socket, obey).catch(() => socket.destroy());
  });
  // The socket must not exist for a moment with the rights of a default umask.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  } finally {
    process.umask(umask);
  }
  return {
    path,
    close: () => {
      server.close();
      remove();
    },
  };
}

function socketPlace(layout: LocalnetLayout): { path: string; remove: () => void } {
  const near = join(layout.directory, 'control.sock');
  if (Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES) {
    // Left by a network that was killed: we hold the lock of the directory.
    rmSync(near, { force: true });
    return { path: near, remove: () => rmSync(near, { force: true }) };
  }
  const folder = mkdtempSync(join(tmpdir(), 'potoroo-'));
  return { path: join(folder, 'control.sock'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

async function answerOne(socket: Socket, obey: (order: NodeOrder) => Promise<void>): Promise<void> {
  let answer: Answer;
  try {
    await obey(orderSchema.parse(JSON.parse(await readLine(socket, REQUEST_TIMEOUT_ms))));
    answer = { ok: true };
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    answer = { ok: false, code, message };
  }
  socket.end(`${JSON.stringify(answer)}\n`);
}

function readLine(socket: Socket, timeout_ms: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeout_ms, () => fail(new CodedError('NODE_TIMEOUT', `no answer within ${timeout_ms} ms`)));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) {
        socket.setTimeout(0);
        resolve(text.slice(0, text.indexOf('\n')));
      } else if (text.length > MAX_REQUEST_CHARACTERS) fail(new CodedError('USAGE', 'the line is too long'));
    });
    socket.on('error', fail);
    socket.on('close', () => fail(new CodedError('LOCALNET_NOT_RUNNING', 'the local network ended')));
  });
}

/**
 * Sends one order to the network that runs in the directory and waits until it is done.
 * @throws LOCALNET_MISSING, LOCALNET_NOT_RUNNING, NODE_NUMBER, NODE_START_FAILED
 */
export async function giveOrder(layout: LocalnetLayout, order: NodeOrder): Promise<void> {
  const { control } = readStatus(layout);
  if (control === null) throw notRunning(layout);
  const socket = connect(control);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', () => reject(notRunning(layout)));
  });
  const line = readLine(socket, ORDER_TIMEOUT_ms);
  socket.write(`${JSON.stringify(order)}\n`);
  const answer = answerSchema.parse(JSON.parse(await line));
  if (!answer.ok) throw fromErrorRecord({ ...answer, data: {} });
}

function notRunning(layout: LocalnetLayout): CodedError {
  return new CodedError(
    'LOCALNET_NOT_RUNNING',
    `no local network runs in ${layout.directory}: start it with \`potoroo localnet --dir ${layout.directory}\``,
    { directory: layout.directory },
  );
}
