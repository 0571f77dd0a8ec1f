import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeWhole } from '../../runtime/whole-file.ts';
import { BIN } from '../support/command.ts';
import { KILL_HOME, KILL_POINT, POINT_FILES, type Point } from './point.ts';
import type { VictimFiles } from './power-loss.ts';

const PRELOAD = new URL('./kill-point.js', import.meta.url).href;
/** Last words that are shown of a victim that ended otherwise than it should. */
const LAST_LINES = 12;

/** The validator that dies: `potoroo start` in a process of its own, life after life in the same home. */
export class Victim {
  readonly files: VictimFiles;
  /** Lives so far. */
  starts = 0;
  readonly #home: string;
  readonly #log: string;
  #child: ChildProcess | null = null;
  #ended: Promise<string> = Promise.resolve('');

  /** @param control directory that it shares with its killer; made here */
  constructor(home: string, log: string, control: string) {
    this.#home = home;
    this.#log = log;
    mkdirSync(control, { recursive: true });
    mkdirSync(dirname(log), { recursive: true });
    this.files = { record: join(home, 'signer', 'record'), journal: join(home, 'consensus', 'journal'), control };
  }

  get runs(): boolean {
    return this.#child !== null;
  }

  /** A disk that tells of syncs which it has not done. */
  lie(): void {
    writeFileSync(join(this.files.control, POINT_FILES.lying), '');
  }

  /** Starts the process; how it gets on is to be seen on the wire. */
  start(): void {
    this.starts++;
    const log = openSync(this.#log, 'a');
    const environment = {
      ...process.env,
      NODE_OPTIONS: `--import ${PRELOAD}`,
      [KILL_POINT]: this.files.control,
      [KILL_HOME]: this.#home,
    };
    const child = spawn(process.execPath, [BIN, 'start', '--home', this.#home], {
      stdio: ['ignore', log, log, 'ipc'],
      env: environment,
    });
    closeSync(log);
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      this.#child = null;
      return (signal ?? `exit code ${code}`) as string;
    });
  }

  arm(point: Point): void {
    writeWhole(join(this.files.control, POINT_FILES.armed), JSON.stringify(point));
  }

  disarm(): void {
    rmSync(join(this.files.control, POINT_FILES.armed), { force: true });
  }

  /**
   * Resolves when it died at its point: false if it did not get there in time.
   * @throws if it ended in any other way
   */
  async diesAt(point: Point, limit_ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), limit_ms);
    });
    const how = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    if (how === null) return false;
    const mark = join(this.files.control, POINT_FILES.died);
    const reached = existsSync(mark) && readFileSync(mark, 'utf8') === String(point.id);
    if (how !== 'SIGKILL' || !reached)
      throw new Error(`the victim ended otherwise than it should: ${how}\n${this.lastWords()}`);
    this.disarm();
    return true;
  }

  /** Stops it in order. */
  async stop(): Promise<void> {
    this.#child?.send({ kind: 'stop' }, () => undefined);
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  lastWords(): string {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  }
}
