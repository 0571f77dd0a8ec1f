import postgres from 'postgres';
import type { Clock } from '../../../../runtime/clock.ts';
import { isLostConnection, LostConnection } from './database-errors.ts';

type Types = { bigint: bigint; numeric: bigint };
export type Sql = postgres.Sql<Types>;

const CONNECT_TIMEOUT_S = 5;
const CLOSE_TIMEOUT_S = 2;

export interface ClientOptions {
  readonly url: string;
  /** The directory of the unix socket where the URL names one. */
  readonly socketDirectory: string | undefined;
  readonly schema: string;
  readonly connections: number;
  /** The server ends a statement, or a transaction that does nothing, after this. */
  readonly statementTimeout_ms: number;
  readonly clock: Clock;
}

/**
 * A postgres.js client that is thrown away with its connections once one of them is lost. postgres.js can
 * reconnect, but a connection that dies between a write and its flush leaves it waiting for ever.
 */
export class Client {
  readonly #options: ClientOptions;
  #sql: Sql;
  /** Counts lost connections. */
  #losses = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#sql = this.#connect();
  }

  /**
   * Does a piece of work, at most for `limit_ms`. `losses` tells how many connections were lost so far.
   */
  async use<T>(limit_ms: number, work: (sql: Sql, losses: () => number) => Promise<T>): Promise<T> {
    const sql = this.#sql;
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#options.clock.after(limit_ms, () => reject(new LostConnection()));
    });
    try {
      return await Promise.race([work(sql, () => this.#losses), late]);
    } catch (error) {
      if (isLostConnection(error)) this.#replace(sql);
      throw error;
    } finally {
      cancel();
    }
  }

  close(): Promise<void> {
    return this.#sql.end({ timeout: CLOSE_TIMEOUT_S });
  }

  #replace(lost: Sql): void {
    if (lost !== this.#sql) return;
    this.#losses++;
    this.#sql = this.#connect();
    lost.end({ timeout: 0 }).catch(() => undefined);
  }

  #connect(): Sql {
    const { url, socketDirectory, schema, connections, statementTimeout_ms } = this.#options;
    return postgres(url, {
      ...(socketDirectory === undefined ? {} : { host: socketDirectory }),
      max: connections,
      onclose: () => {
        this.#losses++;
      },
      connect_timeout: CONNECT_TIMEOUT_S,
      // Connections are kept: closing idle ones would only make the next vote wait.
      idle_timeout: 0,
      max_lifetime: 0,
      // The waiting between attempts is ours; the library's own grows to 20 s.
      backoff: () => 0.01,
      fetch_types: false,
      onnotice: () => undefined,
      types: {
        bigint: { to: 20, from: [20], serialize: String, parse: (text: string) => BigInt(text) },
        numeric: { to: 1700, from: [1700], serialize: String, parse: (text: string) => BigInt(text) },
      },
      connection: {
        application_name: 'potoroo persistence',
        search_path: `"${schema}"`,
        statement_timeout: statementTimeout_ms,
        idle_in_transaction_session_timeout: statementTimeout_ms,
      },
    });
  }
}
