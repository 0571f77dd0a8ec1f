/**
 * Loaded into every thread of a victim before anything else (`node --import`): the process ends by SIGKILL at the call
 * that the sweep has armed. It also keeps what a power failure would take back from the safety record.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { join, relative } from 'node:path';
import { MessagePort, workerData } from 'node:worker_threads';
import { type Call, KILL_HOME, KILL_POINT, type Overwritten, POINT_FILES, type Point, type Target } from './point.ts';

type Any = (...parameters: never[]) => unknown;

const directory = process.env[KILL_POINT];
const home = process.env[KILL_HOME] ?? '';
/** As they were before this file changed them. */
const real = { ...fs };
const at = (name: keyof typeof POINT_FILES): string => join(directory!, POINT_FILES[name]);

let counted = { id: 0, calls: 0 };

function armed(): Point | undefined {
  try {
    return JSON.parse(real.readFileSync(at('armed'), 'utf8')) as Point;
  } catch {
    return undefined;
  }
}

/** The point, if this call is where it lies. */
function reached(target: Target, call: Call): Point | undefined {
  const point = armed();
  if (point?.target !== target || point.call !== call) return undefined;
  if (counted.id !== point.id) counted = { id: point.id, calls: 0 };
  counted.calls++;
  return counted.calls === point.nth ? point : undefined;
}

function die(point: Point): never {
  real.writeFileSync(at('died'), String(point.id));
  process.kill(process.pid, 'SIGKILL');
  // The signal ends other threads a moment later than this call returns to them: this one does nothing any more.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** @param torn does a part of it: from 0 to 1 */
function pass<T>(target: Target, call: Call, act: () => T, torn: (part: number) => void = act): T {
  const point = reached(target, call);
  if (point === undefined) return act();
  try {
    if (point.moment === 'torn') torn(point.part);
    else if (point.moment === 'after') act();
  } finally {
    // After a call that failed, too.
    die(point);
  }
}

/** Files of a home that are watched, by path below it. */
const WATCHED: Readonly<Record<string, Target>> = {
  'signer/record': 'record',
  'signer/record.new': 'record.new',
  'signer/record.lock': 'record.lock',
  signer: 'record.folder',
  'consensus/journal': 'journal',
};
const descriptors = new Map<number, Target>();

function targetOf(path: unknown): Target | undefined {
  if (typeof path !== 'string') return undefined;
  // The lock is first made under a name with the number of the process.
  return WATCHED[relative(home, path).replace(/^(signer\/record\.lock).*/, '$1')];
}

function openSync(...parameters: Parameters<typeof real.openSync>): number {
  const target = targetOf(parameters[0]);
  if (target === undefined) return real.openSync(...parameters);
  const fd = pass(target, 'openSync', () => real.openSync(...parameters));
  descriptors.set(fd, target);
  return fd;
}

function closeSync(fd: number): void {
  descriptors.delete(fd);
  real.closeSync(fd);
}

/** The form in which the watched files are written. */
type Write = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => number;

function writeSync(fd: number, ...parameters: never[]): number {
  const target = descriptors.get(fd);
  if (target === undefined) return (real.writeSync as Any)(...([fd, ...parameters] as never[])) as number;
  const [bytes, offset, length, position] = parameters as unknown as [Uint8Array, number, number, number];
  if (target === 'record') keepOld(fd, position, length);
  const write = (part: number): number =>
    (real.writeSync as Write)(fd, bytes, offset, Math.max(1, Math.floor(length * part)), position);
  return pass(target, 'writeSync', () => write(1), write);
}

function keepOld(fd: number, position: number, length: number): void {
  const old = new Uint8Array(length);
  real.readSync(fd, old, 0, length, position);
  const line: Overwritten = { position, old: Buffer.from(old).toString('base64') };
  real.appendFileSync(at('undo'), `${JSON.stringify(line)}\n`);
}

function syncOf(target: Target, call: 'fdatasyncSync' | 'fsyncSync', fd: number): void {
  if (target === 'record' && real.existsSync(at('lying'))) return;
  real[call](fd);
  if (target === 'record') real.rmSync(at('undo'), { force: true });
}

function synced(call: 'fdatasyncSync' | 'fsyncSync') {
  return (fd: number): void => {
    const target = descriptors.get(fd);
    if (target === undefined) real[call](fd);
    else pass(target, call, () => syncOf(target, call, fd));
  };
}

function onDescriptor(call: 'readSync' | 'ftruncateSync') {
  return (fd: number, ...parameters: never[]): unknown => {
    const act = (): unknown => (real[call] as Any)(...([fd, ...parameters] as never[]));
    const target = descriptors.get(fd);
    return target === undefined ? act() : pass(target, call, act);
  };
}

/** @param which of the parameters is the path that it is about */
function onPath(call: 'renameSync' | 'linkSync' | 'writeFileSync', which: number) {
  return (...parameters: unknown[]): unknown => {
    const act = (): unknown => (real[call] as Any)(...(parameters as never[]));
    const target = targetOf(parameters[which]);
    if (target === undefined) return act();
    return pass(target, call, act);
  };
}

function patchFiles(): void {
  Object.assign(fs, {
    openSync,
    closeSync,
    writeSync,
    fdatasyncSync: synced('fdatasyncSync'),
    fsyncSync: synced('fsyncSync'),
    readSync: onDescriptor('readSync'),
    ftruncateSync: onDescriptor('ftruncateSync'),
    renameSync: onPath('renameSync', 0),
    linkSync: onPath('linkSync', 1),
    writeFileSync: onPath('writeFileSync', 0),
  });
  syncBuiltinESMExports();
}

function patchPorts(thread: 'signer' | 'consensus'): void {
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (this: MessagePort, ...parameters): void {
    pass(thread, 'postMessage', () => postMessage.apply(this, parameters));
  };
}

function patchSockets(): void {
  const { write } = Socket.prototype;
  const patched = function (this: Socket, ...parameters: unknown[]): unknown {
    const [chunk] = parameters;
    const act = (): unknown => (write as Any).apply(this, parameters as never[]);
    const part = (share: number): void => {
      if (chunk instanceof Uint8Array) write.call(this, chunk.subarray(0, Math.floor(chunk.length * share)));
    };
    return pass('p2p', 'socketWrite', act, part);
  };
  Object.assign(Socket.prototype, { write: patched });
}

if (directory !== undefined) {
  const { name } = (workerData ?? {}) as { name?: string };
  if (name === 'signer' || name === 'consensus') patchFiles();
  if (name === 'signer' || name === 'consensus') patchPorts(name);
  if (name === 'p2p') patchSockets();
}
