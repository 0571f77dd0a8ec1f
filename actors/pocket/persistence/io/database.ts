import type { Logger } from 'pino';
import postgres from 'postgres';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { coded, isConnectionError } from './database-errors.ts';

type Types = { bigint: bigint; numeric: bigint };
export type Sql = postgres.Sql<Types>;
/** Gives the connection of a transaction, for one statement; throws if it is no longer the one that began it. */
export type Transaction = () => Sql;

/** Nothing of a block takes this long on a server that lives: the connection is a dead one. */
const ATTEMPT_TIMEOUT_MS = 20_000;
/** Rebuilding the state of millions of accounts, or migrating a large schema. */
export const LONG_ATTEMPT_MS = 3_600_000;
/** An ask without a nearer deadline gives up then, and its caller repeats it. */
const MAX_WAIT_MS = 25_000;
const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 1_000;
const CONNECT_TIMEOUT_S = 5;
const CLOSE_TIMEOUT_S = 2;

export interface DatabaseOptions {
  readonly url: string;
  readonly schema: string;
  /** Connections in all: one of them writes blocks. */
  readonly poolSize: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for every piece of work that had to be repeated because the database went away. */
  readonly onRetry: () => void;
}

/**
 * The connections to PostgreSQL. Work is repeated while the connection is down and time is left, so whatever is
 * given to it must be repeatable: a commit whose answer was lost may have happened.
 */
export class Database {
  readonly #options: DatabaseOptions;
  /** The URL without its password, for people. */
  readonly address: string;
  #readers: Sql;
  /**
   * One connection for transactions. postgres.js's own `begin` sends its rollback to a connection that was just
   * lost, which throws outside any promise; with a client of one connection we see the loss and send nothing.
   */
  #writer: Sql;
  /** Counts lost writer connections: a transaction must not go on on another connection than it began on. */
  #losses = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #downSince_ms: number | null = null;
  #closed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.address = withoutPassword(options.url);
    this.#readers = this.#connect(Math.max(1, options.poolSize - 1));
    this.#writer = this.#connect(1, () => this.#losses++);
  }

  /**
   * Runs statements that each stand alone.
   * @param deadline_ms when the asker gives up, on the clock
   * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED
   */
  run<T>(deadline_ms: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#repeat(deadline_ms, () => work(this.#readers));
  }

  /**
   * Runs statements in one transaction; transactions take turns.
   * @param attempt_ms what it may take on a server that lives
   * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED
   */
  transaction<T>(
    deadline_ms: number,
    work: (tx: Transaction) => Promise<T>,
    attempt_ms = ATTEMPT_TIMEOUT_MS,
  ): Promise<T> {
    const turn = this.#writing.then(() => this.#repeat(deadline_ms, () => this.#attempt(work), attempt_ms));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#readers, this.#writer].map((sql) => sql.end({ timeout: CLOSE_TIMEOUT_S })));
  }

  async #attempt<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const writer = this.#writer;
    await writer`begin`;
    const losses = this.#losses;
    const tx = (): Sql => {
      if (this.#losses !== losses || this.#writer !== writer) throw lostConnection();
      return writer;
    };
    try {
      const result = await work(tx);
      const { command } = await tx()`commit`;
      // The server answers a commit of a failed transaction by rolling back, without an error.
      if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a COPY in it failed');
      return result;
    } catch (error) {
      if (this.#losses === losses && this.#writer === writer) await writer`rollback`.catch(() => undefined);
      throw error;
    }
  }

  async #repeat<T>(deadline_ms: number, attempt: () => Promise<T>, attempt_ms = ATTEMPT_TIMEOUT_MS): Promise<T> {
    const { clock } = this.#options;
    const until_ms = Math.min(deadline_ms, clock.now() + MAX_WAIT_MS);
    for (let delay_ms = FIRST_DELAY_MS; ; delay_ms = Math.min(delay_ms * 2, MAX_DELAY_MS)) {
      try {
        const result = await this.#inTime(attempt(), attempt_ms);
        this.#up();
        return result;
      } catch (error) {
        if (this.#closed || !isConnectionError(error)) throw coded(error, this.address);
        this.#down(error);
        if (clock.now() + delay_ms > until_ms) throw coded(error, this.address);
        this.#options.onRetry();
        await new Promise<void>((resolve) => clock.after(delay_ms, resolve));
      }
    }
  }

  /** Waits for an answer; a connection that gives none is dropped with its siblings. */
  async #inTime<T>(work: Promise<T>, limit_ms: number): Promise<T> {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#options.clock.after(limit_ms, () => reject(lostConnection()));
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (error instanceof LostConnection && !this.#closed) this.#replaceConnections();
      throw error;
    } finally {
      cancel();
    }
  }

  #replaceConnections(): void {
    const old = [this.#readers, this.#writer];
    this.#readers = this.#connect(Math.max(1, this.#options.poolSize - 1));
    this.#writer = this.#connect(1, () => this.#losses++);
    for (const sql of old) sql.end({ timeout: 0 }).catch(() => undefined);
  }

  #connect(max: number, onclose: () => void = () => undefined): Sql {
    const { url, schema, log } = this.#options;
    const host = socketDirectory(url);
    return postgres(url, {
      ...(host === undefined ? {} : { host }),
      max,
      onclose,
      connect_timeout: CONNECT_TIMEOUT_S,
      // Connections are kept: closing idle ones would only make the next vote wait.
      idle_timeout: 0,
      max_lifetime: 0,
      // The waiting between attempts is ours; the library's own grows to 20 s.
      backoff: () => 0.01,
      fetch_types: false,
      onnotice: (notice) => log.debug({ notice: notice.message }, 'database notice'),
      types: {
        bigint: {
          to: 20,
          from: [20],
          serialize: (value: bigint) => String(value),
          parse: (text: string) => BigInt(text),
        },
        numeric: {
          to: 1700,
          from: [1700],
          serialize: (value: bigint) => String(value),
          parse: (text: string) => BigInt(text),
        },
      },
      connection: {
        application_name: 'potoroo persistence',
        search_path: `"${schema}"`,
        statement_timeout: ATTEMPT_TIMEOUT_MS,
        idle_in_transaction_session_timeout: ATTEMPT_TIMEOUT_MS,
      },
    });
  }

  #down(error: unknown): void {
    if (this.#downSince_ms !== null) return;
    this.#downSince_ms = this.#options.clock.now();
    const code = (error as { code?: string }).code;
    this.#options.log.warn({ database: this.address, code }, 'the database does not answer: waiting for it');
  }

  #up(): void {
    if (this.#downSince_ms === null) return;
    const waited_ms = this.#options.clock.now() - this.#downSince_ms;
    this.#downSince_ms = null;
    this.#options.log.info({ database: this.address, waited_ms }, 'the database answers again');
  }
}

class LostConnection extends Error {
  readonly code = 'CONNECTION_CLOSED';
}

function lostConnection(): LostConnection {
  return new LostConnection('the connection to the database was lost');
}

/** libpq writes the directory of a unix socket as a percent-encoded host. */
function socketDirectory(url: string): string | undefined {
  const host = decodeURIComponent(parseUrl(url).hostname);
  return host.startsWith('/') ? host : undefined;
}

function withoutPassword(url: string): string {
  const parsed = parseUrl(url);
  if (parsed.password !== '') parsed.password = '***';
  return parsed.href;
}

/** @throws DATABASE_URL_INVALID */
function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  throw new CodedError(
    'DATABASE_URL_INVALID',
    'database.url must look like postgresql://user:password@host:5432/database',
  );
}
