import type { ChildProcess } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CodedError } from '../../../../runtime/errors.ts';
import { takeFileLock } from '../../../../runtime/file-lock.ts';
import { findBinaries, type Identity } from './binaries.ts';
import { orphanedPlaces, type Place, preparePlace, recordPlace, removePlace } from './place.ts';
import {
  DATABASE_NAME,
  DATABASE_USER,
  initialise,
  launch,
  type ServerContext,
  shutDown,
  stopLeftover,
} from './server.ts';

/** `nobody`: PostgreSQL refuses to run as root. The number works without an entry in any table we could change. */
const UNPRIVILEGED: Identity = { uid: 65_534, gid: 65_534 };
/** For root: where data of homes goes that the unprivileged user cannot enter. */
const STATE_FOLDER = '/var/lib/potoroo';
/** A server that dies alone is started again: at once, then after twice as long for each recent death. */
const RESTART_DELAY_MS = 50;
const MAX_RESTART_DELAY_MS = 30_000;
const RESTART_WINDOW_MS = 60_000;

export interface EmbeddedDatabase {
  /** For `database.url`, and for psql as it is. */
  readonly url: string;
  /** Directory of the unix socket, 0700. */
  readonly socketDirectory: string;
  readonly user: string;
  readonly database: string;
  /** Of the server that runs now; it changes when it had to be started again. */
  readonly pid: number;
  /** Ends the server: fast shutdown, by force after some seconds. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL server of a home. Call it on the main thread: a server started from a worker dies with it.
 * Creates the database on the first start, stops a server that outlived its node, removes data of deleted homes.
 * @throws EMBEDDED_* (see errors.ts)
 */
export async function startEmbedded(options: {
  home: string;
  log: Logger;
  stateFolder?: string;
}): Promise<EmbeddedDatabase> {
  const { log, stateFolder = STATE_FOLDER } = options;
  const identity = process.getuid?.() === 0 ? UNPRIVILEGED : undefined;
  mkdirSync(join(options.home, 'database'), { recursive: true });
  mkdirSync(join(options.home, 'logs'), { recursive: true });
  const home = realpathSync(options.home);
  const release = claim(home);
  try {
    const binaries = findBinaries(identity, stateFolder, log);
    const place = preparePlace(home, identity, stateFolder, log);
    recordPlace(place, { url: urlOf(place), binaries: binaries.folder });
    // Not before: a home that was moved to another disk has just been connected with its data again.
    if (identity !== undefined) await removeOrphans(stateFolder, log);
    const context: ServerContext = { binaries, identity, place, logFile: join(home, 'logs', 'postgres.log'), log };
    await stopLeftover(place.data, log);
    await initialise(context);
    const server = new Keeper(context, await launch(context));
    log.info({ server_pid: server.pid, socket: place.socket }, 'embedded PostgreSQL is up');
    return {
      url: urlOf(place),
      socketDirectory: place.socket,
      user: DATABASE_USER,
      database: DATABASE_NAME,
      get pid() {
        return server.pid;
      },
      stop: () => server.stop().finally(release),
    };
  } catch (error) {
    release();
    throw error;
  }
}

function urlOf(place: Place): string {
  return `postgresql://${DATABASE_USER}@${encodeURIComponent(place.socket)}/${DATABASE_NAME}`;
}

async function removeOrphans(stateFolder: string, log: Logger): Promise<void> {
  for (const place of orphanedPlaces(stateFolder)) {
    log.info({ home: place.home, data: place.data }, 'removing the database of a home that was deleted');
    await stopLeftover(place.data, log);
    removePlace(place);
  }
}

/**
 * Two nodes on one home would stop each other's server: the second is refused.
 * @returns releases the home
 * @throws EMBEDDED_BUSY
 */
function claim(home: string): () => void {
  const attempt = takeFileLock(join(home, 'database', 'owner.lock'));
  if (attempt.taken) return attempt.release;
  const pid = attempt.holder;
  throw new CodedError('EMBEDDED_BUSY', `process ${pid ?? 'unknown'} already runs a node on ${home}. Stop it first.`, {
    home,
    pid,
  });
}

/** Keeps one server running until it is told to stop. */
class Keeper {
  readonly #context: ServerContext;
  #child: ChildProcess;
  #stopping = false;
  #restarting: Promise<void> = Promise.resolve();
  /** Times of the restarts within the window. */
  #restarts: number[] = [];

  constructor(context: ServerContext, child: ChildProcess) {
    this.#context = context;
    this.#child = child;
    this.#watch();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#restarting;
    await shutDown(this.#child);
  }

  #watch(): void {
    this.#child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      this.#context.log.warn({ code, signal }, 'the embedded PostgreSQL died: starting it again');
      this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    const now = performance.now();
    this.#restarts = [...this.#restarts.filter((at) => at > now - RESTART_WINDOW_MS), now];
    const delay_ms = Math.min(RESTART_DELAY_MS * 2 ** (this.#restarts.length - 1), MAX_RESTART_DELAY_MS);
    try {
      await sleep(delay_ms);
      if (this.#stopping) return;
      await stopLeftover(this.#context.place.data, this.#context.log);
      this.#child = await launch(this.#context);
      this.#watch();
      this.#context.log.info({ server_pid: this.pid }, 'embedded PostgreSQL is up again');
    } catch (error) {
      this.#context.log.error({ err: error }, 'the embedded PostgreSQL cannot be started again');
      if (!this.#stopping) this.#restarting = this.#restart();
    }
  }
}
