import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CodedError, fromErrorRecord, hasCode, toErrorRecord } from '../runtime/errors.ts';

/** Unix socket paths have 108 bytes on Linux and 104 on macOS, with the final zero. */
const MAX_SOCKET_PATH_BYTES = 100;
/** An order is a few dozen bytes. */
const MAX_ORDER_CHARACTERS = 1_024;
/** The state of all actors of a node is a few thousand. */
const MAX_ANSWER_CHARACTERS = 1_048_576;
/** Time for a client to send its order, and to take the answer. */
const CLIENT_TIMEOUT_ms = 5_000;
/** People and scripts of one owner; more at once is a mistake in a loop. */
const MAX_CONNECTIONS = 32;

const answerSchema = z.union([
  z.strictObject({ ok: z.literal(true), result: z.unknown() }),
  z.strictObject({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);
type Answer = z.infer<typeof answerSchema>;

export interface OrderServer {
  /** Where it is: the wanted path, or another one if that is too long for a socket. */
  readonly path: string;
  close(): void;
}

export interface OrderServerOptions<Order> {
  /** Path of the socket. What lies there is replaced: the caller holds the lock of the directory. */
  readonly wanted: string;
  readonly schema: z.ZodType<Order>;
  /** Its result is the answer, its error too. */
  readonly obey: (order: Order) => Promise<unknown>;
}

/**
 * Takes orders on a unix socket that only the owner can use: one line of JSON in, one out, for each connection.
 * Whatever is sent, the process goes on: what is no order is answered with ORDER_MALFORMED.
 */
export async function serveOrders<Order>({ wanted, schema, obey }: OrderServerOptions<Order>): Promise<OrderServer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    void answerOne(socket, async (line) => obey(parseLine(schema, line, 'ORDER_MALFORMED')));
  });
  server.maxConnections = MAX_CONNECTIONS;
  const { path, remove } = socketPlace(wanted);
  await listenForOwner(server, path);
  // From here on an error is of one connection that could not be taken, and the next one may be.
  server.on('error', () => undefined);
  const close = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
    remove();
  };
  return { path, close };
}

/** Makes the socket in a directory of the owner and moves it: it never exists with the rights of a default umask. */
function listenForOwner(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const folder = mkdtempSync(freshFolder(path));
    const fresh = join(folder, 's');
    server.listen(fresh, resolve);
    // It is bound before `listen` returns, or the error follows.
    if (server.listening) {
      chmodSync(fresh, 0o600);
      renameSync(fresh, path);
    }
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Beginning of the name of the directory in which the socket is made; six characters follow. */
function freshFolder(path: string): string {
  return join(dirname(path), '.s-');
}

function socketPlace(wanted: string): { path: string; remove: () => void } {
  const longest = [wanted, join(`${freshFolder(wanted)}123456`, 's')];
  if (longest.every((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES)) {
    return { path: wanted, remove: () => rmSync(wanted, { force: true }) };
  }
  const folder = shortFolder(wanted);
  return { path: join(folder, basename(wanted)), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A directory of the owner alone, the same every time: those of killed processes do not pile up. */
function shortFolder(wanted: string): string {
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), `potoroo-${name}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return folder;
  throw new CodedError('FILE_UNUSABLE', `${folder} is not a directory of this user alone: remove it`, { folder });
}

/** @throws the code */
function parseLine<T>(schema: z.ZodType<T>, line: string, code: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new CodedError(code, 'the line is of another kind: use the same version on both sides', {}, { cause });
  }
}

/** Never throws: a client that is gone gets no answer. */
async function answerOne(socket: Socket, obey: (line: string) => Promise<unknown>): Promise<void> {
  let answer: Answer;
  try {
    const line = await readLine(socket, MAX_ORDER_CHARACTERS, CLIENT_TIMEOUT_ms);
    answer = { ok: true, result: (await obey(line)) ?? null };
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    answer = { ok: false, code, message };
  }
  const late = setTimeout(() => socket.destroy(), CLIENT_TIMEOUT_ms);
  socket.once('close', () => clearTimeout(late));
  socket.end(`${JSON.stringify(answer)}\n`);
}

/** The first line that comes. @throws ORDER_MALFORMED, ORDER_TIMEOUT, ORDER_UNANSWERED */
function readLine(socket: Socket, max_characters: number, timeout_ms: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      // Whatever follows is thrown away.
      socket.resume();
      act();
    };
    const fail = (code: string, message: string): void => settle(() => reject(new CodedError(code, message)));
    const onData = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0 && end <= max_characters) settle(() => resolve(text.slice(0, end)));
      else if (text.length > max_characters) fail('ORDER_MALFORMED', `more than ${max_characters} characters`);
    };
    // Of the whole line, not of a silence: a client that dribbles is as good as none.
    timer = setTimeout(() => fail('ORDER_TIMEOUT', `nothing came within ${timeout_ms} ms`), timeout_ms);
    socket.setEncoding('utf8');
    socket.on('data', onData);
    socket.on('close', () => fail('ORDER_UNANSWERED', 'the process ended, or has too many clients: ask again'));
  });
}

export interface OrderOptions {
  readonly timeout_ms: number;
  /** What is thrown where nobody listens. */
  readonly absent: () => CodedError;
}

/**
 * Sends one order and waits for the answer.
 * @returns the result, unchecked
 * @throws ORDER_TIMEOUT, ORDER_UNANSWERED, the `absent` one, FILE_UNUSABLE, and whatever the order failed with
 */
export async function giveOrderTo(path: string, order: unknown, options: OrderOptions): Promise<unknown> {
  const socket = await connected(path, options);
  try {
    const line = readLine(socket, MAX_ANSWER_CHARACTERS, options.timeout_ms);
    socket.write(`${JSON.stringify(order)}\n`);
    const answer = parseLine(answerSchema, await line, 'ORDER_UNANSWERED');
    if (!answer.ok) throw fromErrorRecord({ ...answer, data: {} });
    return answer.result;
  } finally {
    socket.destroy();
  }
}

function connected(path: string, { absent }: OrderOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    // Stays for the errors of an open connection: `close` follows them.
    socket.on('error', (error) => {
      const forbidden = hasCode(error, 'EACCES') || hasCode(error, 'EPERM');
      const message = `${path} is of another user: give the order as the user that runs the process`;
      reject(forbidden ? new CodedError('FILE_UNUSABLE', message, { path }) : absent());
    });
  });
}
