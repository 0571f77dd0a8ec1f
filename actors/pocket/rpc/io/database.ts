import postgres from 'postgres';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, toErrorRecord } from '../../../../runtime/errors.ts';
import { Gate } from '../core/gate.ts';
import type { RpcMetrics } from '../metrics.ts';

export type Sql = postgres.Sql<{ bigint: bigint }>;

interface DatabaseOptions {
  readonly url: string;
  readonly schema: string;
  readonly connections: number;
  readonly statementTimeout_ms: number;
  readonly maxQueries: number;
  readonly clock: Clock;
  readonly metrics: RpcMetrics;
}

/** Time beyond the server's own statement timeout after which the server counts as hung. */
const GRACE_MS = 1_000;
/** How long a connection attempt may take, in seconds. */
const CONNECT_TIMEOUT_S = 3;
/** For the server to take leave of the connections, in seconds. */
const CLOSE_TIMEOUT_S = 0.3;
/** Pause between connection attempts, in seconds: short, because each request pays it while the database is down. */
const RECONNECT_S = 0.1;

/**
 * The read-only pool. Every query has a place in the gate, a deadline at the server and one here; a server that
 * keeps neither loses its connections. A database that went away is found again by the next query.
 */
export class Database {
  #sql: Sql;
  readonly #options: DatabaseOptions;
  readonly #gate: Gate;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#gate = new Gate(options.maxQueries, 'rpc.max_concurrent_queries');
    this.#sql = this.#connect();
  }

  /**
   * Runs one query.
   * @param patience_ms after which the asker is told that the database is away, although it may answer yet
   * @throws RPC_BUSY, QUERY_TIMEOUT, DATABASE_UNAVAILABLE
   */
  async query<T>(name: string, run: (sql: Sql) => Promise<T>, patience_ms?: number): Promise<T> {
    const { metrics } = this.#options;
    const done = metrics.query.startTimer({ query: name });
    try {
      const answer = this.#gate.run(() => this.#withDeadline(run));
      return await (patience_ms === undefined ? answer : this.#atMost(patience_ms, answer));
    } catch (error) {
      const coded = databaseError(error);
      metrics.queryErrors.inc({ code: toErrorRecord(coded).code });
      throw coded;
    } finally {
      done();
    }
  }

  /** Called when no request is left: whatever query still runs has nobody to answer. */
  async stop(): Promise<void> {
    await this.#sql.end({ timeout: CLOSE_TIMEOUT_S });
  }

  #atMost<T>(limit_ms: number, answer: Promise<T>, onLate = (): void => undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#options.clock.after(limit_ms, () => {
        onLate();
        reject(silent(limit_ms));
      });
      answer.then(resolve, reject).finally(cancel);
    });
  }

  #withDeadline<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = this.#sql;
    const limit_ms = this.#options.statementTimeout_ms + GRACE_MS;
    return this.#atMost(limit_ms, run(sql), () => this.#replace(sql));
  }

  /** Drops connections that hang: their queries would keep the pool occupied for ever. */
  #replace(hung: Sql): void {
    if (this.#sql !== hung) return;
    this.#sql = this.#connect();
    hung.end({ timeout: 0 }).catch(() => {});
  }

  #connect(): Sql {
    const { url, schema, connections, statementTimeout_ms } = this.#options;
    return postgres(url, {
      ...socketHost(url),
      max: connections,
      connect_timeout: CONNECT_TIMEOUT_S,
      idle_timeout: 60,
      backoff: () => RECONNECT_S,
      fetch_types: false,
      onnotice: () => {},
      types: { bigint: postgres.BigInt },
      connection: {
        application_name: 'potoroo-rpc',
        search_path: `"${schema}"`,
        default_transaction_read_only: true,
        statement_timeout: statementTimeout_ms,
      },
    });
  }
}

function silent(limit_ms: number): CodedError {
  return new CodedError('DATABASE_UNAVAILABLE', `the database did not answer within ${limit_ms} ms: repeat later`);
}

/** A unix socket stands percent-encoded in the URL, where postgres.js does not decode it. */
function socketHost(url: string): { host?: string } {
  const host = decodeURIComponent(new URL(url).hostname);
  return host.startsWith('/') ? { host } : {};
}

/** SQLSTATE of a cancelled statement: the statement timeout. */
const QUERY_CANCELED = '57014';
/**
 * SQLSTATE classes and driver codes that mean "not now": connection trouble (08), no room (53), shutdown and
 * start-up (57), tables that persistence has not installed yet (42P01, 42883, 3F000, 3D000).
 */
const AWAY =
  /^(08...|53...|57...|42P01|42883|3F000|3D000|ECONN.*|ENOENT|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|CONNECT_TIMEOUT|CONNECTION_.*)$/;

function databaseError(error: unknown): unknown {
  if (error instanceof CodedError) return error;
  const { code, message } = toErrorRecord(error);
  if (code === QUERY_CANCELED) {
    return new CodedError('QUERY_TIMEOUT', 'the query ran longer than rpc.statement_timeout_ms: ask for less');
  }
  if (AWAY.test(code)) {
    return new CodedError('DATABASE_UNAVAILABLE', `the database is not available (${code}): repeat later`, {
      code,
      message,
    });
  }
  return error;
}
