import postgres from 'postgres';
import type { Clock } from '../../../../runtime/clock.ts';
import { isLostConnection, LostConnection } from './database-errors.ts';

type Types = { bigint: bigint; numeric: bigint };
export type Sql = postgres.Sql<Types>;

const CONNECT_TIMEOUT_S = 5;
/** A server on this machine answers at once, or is not ready. */
const LOCAL_CONNECT_TIMEOUT_S = 2;
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

/** Time for the reason of a loss (ECONNREFUSED, …) to reach the work by itself. */
const LOSS_GRACE_MS = 20;

/** A postgres.js client and who is told when it loses a connection. */
interface Session {
  readonly sql: Sql;
  readonly working: Set<(error: Error) => void>;
}

/**
 * A postgres.js client that is thrown away with its connections once one of them is lost. postgres.js can
 * reconnect, but it forgets a statement that was given to a connection between its error and its close, and a
 * connection that dies before a write was flushed never recovers.
 */
export class Client {
  readonly #options: ClientOptions;
  #session: Session;
  /** Counts lost connections. */
  #losses = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#session = this.#connect();
  }

  /**
   * Does a piece of work, at most for `limit_ms`. `losses` tells how many connections were lost so far.
   */
  async use<T>(limit_ms: number, work: (sql: Sql, losses: () => number) => Promise<T>): Promise<T> {
    const session = this.#session;
    let fail: (error: Error) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const cancel = this.#options.clock.after(limit_ms, () => fail(new LostConnection()));
    session.working.add(fail);
    try {
      return await Promise.race([work(session.sql, () => this.#losses), lost]);
    } catch (error) {
      if (isLostConnection(error)) this.#replace(session);
      throw error;
    } finally {
      cancel();
      session.working.delete(fail);
    }
  }

  close(): Promise<void> {
    return this.#session.sql.end({ timeout: CLOSE_TIMEOUT_S });
  }

  #replace(lost: Session): void {
    if (lost !== this.#session) return;
    this.#losses++;
    this.#session = this.#connect();
    lost.sql.end({ timeout: 0 }).catch(() => undefined);
  }

  #connect(): Session {
    const working = new Set<(error: Error) => void>();
    const onclose = (): void => {
      this.#losses++;
      const affected = [...working];
      this.#options.clock.after(LOSS_GRACE_MS, () => {
        for (const fail of affected) fail(new LostConnection());
      });
    };
    return { sql: this.#open(onclose), working };
  }

  #open(onclose: () => void): Sql {
    const { url, socketDirectory, schema, connections, statementTimeout_ms } = this.#options;
    return postgres(url, {
      ...(socketDirectory === undefined ? {} : { host: socketDirectory }),
      max: connections,
      onclose,
      connect_timeout: socketDirectory === undefined ? CONNECT_TIMEOUT_S : LOCAL_CONNECT_TIMEOUT_S,
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
