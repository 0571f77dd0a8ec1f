import type { Logger } from 'pino';
import { afterAwake, type Clock } from '../../../../runtime/clock.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { Client, type Sql } from './client.ts';
import { coded, isConnectionError, isLostConnection, LostConnection } from './database-errors.ts';

/** Gives the connection of a transaction, for one statement; throws if it is no longer the one that began it. */
export type Transaction = () => Sql;

/** Nothing of a block takes this long on a server that lives: the connection is a dead one. */
const ATTEMPT_TIMEOUT_MS = 20_000;
/** Rebuilding the state of millions of accounts, or migrating a large schema. */
export const LONG_ATTEMPT_MS = 3_600_000;
/** An ask without a nearer deadline gives up then, and its caller repeats it. */
const MAX_WAIT_MS = 25_000;
/** A local server is back within 150 ms, and an attempt costs little: no vote should wait for our patience. */
const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 200;
/** A stopped server keeps its connections and says nothing. Far more than any statement takes, less than any ask waits. */
const SILENCE_MS = 3_000;

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
  readonly #readers: Client;
  /**
   * One connection for transactions. postgres.js's own `begin` sends its rollback to a connection that was just
   * lost, which throws outside any promise; with a client of one connection we see the loss and send nothing.
   */
  readonly #writer: Client;
  #writing: Promise<unknown> = Promise.resolve();
  #downSince_ms: number | null = null;
  /** When the server last answered. */
  #heard_ms = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** @throws DATABASE_URL_INVALID */
  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.address = withoutPassword(options.url);
    const { url, schema, clock, poolSize } = options;
    const socketDirectory = socketDirectoryOf(url);
    const common = { url, schema, clock, socketDirectory, statementTimeout_ms: ATTEMPT_TIMEOUT_MS };
    this.#readers = new Client({ ...common, connections: poolSize - 1 });
    this.#writer = new Client({ ...common, connections: 1 });
  }

  /**
   * Runs statements that each stand alone.
   * @param deadline_ms when the asker gives up, on the clock
   * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED
   */
  run<T>(deadline_ms: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    const attempt = () => this.#noticing(() => this.#readers.use(ATTEMPT_TIMEOUT_MS, work));
    return this.#repeat(deadline_ms, attempt);
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
    const once = () => this.#writer.use(attempt_ms, (sql, losses) => inTransaction(sql, losses, work));
    // What may take long is silent for long.
    const attempt = attempt_ms > ATTEMPT_TIMEOUT_MS ? once : () => this.#noticing(once);
    const turn = this.#writing.then(() => this.#repeat(deadline_ms, attempt));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#readers.close(), this.#writer.close()]);
  }

  async #repeat<T>(deadline_ms: number, attempt: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const until_ms = Math.min(deadline_ms, clock.now() + MAX_WAIT_MS);
    for (let delay_ms = FIRST_DELAY_MS; ; delay_ms = Math.min(delay_ms * 2, MAX_DELAY_MS)) {
      try {
        const result = await attempt();
        this.#up();
        return result;
      } catch (error) {
        if (this.#closed || !isConnectionError(error)) throw coded(error, this.address);
        this.#down((error as { code?: string }).code, clock.now());
        if (clock.now() + delay_ms > until_ms) throw coded(error, this.address);
        this.#options.onRetry();
        await new Promise<void>((resolve) => clock.after(delay_ms, resolve));
      }
    }
  }

  /** Does a piece of work; if the server is silent meanwhile, the log says so. */
  async #noticing<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const began_ms = clock.now();
    const cancel = afterAwake(clock, SILENCE_MS, () => {
      if (this.#heard_ms <= began_ms) this.#down('NO_ANSWER', began_ms);
    });
    try {
      return await work();
    } finally {
      cancel();
    }
  }

  #down(code: string | undefined, since_ms: number): void {
    if (this.#downSince_ms !== null) return;
    this.#downSince_ms = since_ms;
    this.#options.log.warn({ database: this.address, code }, 'the database does not answer: waiting for it');
  }

  #up(): void {
    this.#heard_ms = this.#options.clock.now();
    if (this.#downSince_ms === null) return;
    const waited_ms = this.#options.clock.now() - this.#downSince_ms;
    this.#downSince_ms = null;
    this.#options.log.info({ database: this.address, waited_ms }, 'the database answers again');
  }
}

async function inTransaction<T>(sql: Sql, losses: () => number, work: (tx: Transaction) => Promise<T>): Promise<T> {
  await sql`begin`;
  const begun = losses();
  const tx = (): Sql => {
    if (losses() !== begun) throw new LostConnection();
    return sql;
  };
  try {
    const result = await work(tx);
    const { command } = await tx()`commit`;
    // The server answers the commit of a failed transaction by rolling back, without an error.
    if (command !== 'COMMIT') throw new Error(`the transaction was rolled back (${command})`);
    return result;
  } catch (error) {
    // A lost connection is thrown away with its transaction.
    if (!isLostConnection(error) && losses() === begun) await sql`rollback`;
    throw error;
  }
}

/** libpq writes the directory of a unix socket as a percent-encoded host. */
function socketDirectoryOf(url: string): string | undefined {
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
