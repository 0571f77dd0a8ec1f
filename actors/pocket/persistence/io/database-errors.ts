import { CodedError } from '../../../../runtime/errors.ts';

/** The socket is gone or never was: Node and postgres.js. */
const SOCKET_CODES = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOENT',
  'EPIPE',
  'EAGAIN',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout, idle_in_transaction_session_timeout
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P03',
  // too_many_connections
  '53300',
]);

/** The server lives and asks to try again. */
const RETRY_CODES = new Set([
  // query_canceled (statement_timeout), serialization_failure, deadlock_detected, lock_not_available
  '57014',
  '40001',
  '40P01',
  '55P03',
]);

/** Wrong password, no such role, no such database, no privilege. */
const REFUSAL_CODES = new Set(['28000', '28P01', '3D000', '42501', 'EACCES']);

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** A connection that gave no answer in time, or is not the one a transaction began on. */
export class LostConnection extends Error {
  readonly code = 'CONNECTION_CLOSED';

  constructor() {
    super('the connection was lost');
  }
}

/** True if the connection that the work was done on is of no more use. */
export function isLostConnection(error: unknown): boolean {
  const code = codeOf(error);
  return SOCKET_CODES.has(code) || code.startsWith('08');
}

/** True if the same work may succeed when it is done again. */
export function isConnectionError(error: unknown): boolean {
  return isLostConnection(error) || RETRY_CODES.has(codeOf(error));
}

/** Turns what postgres.js or the system says into what an operator can act on; other errors pass. */
export function coded(error: unknown, address: string): unknown {
  const code = codeOf(error);
  const reason = error instanceof Error && error.message !== '' ? error.message : code;
  if (isConnectionError(error)) {
    return new CodedError(
      'DATABASE_UNREACHABLE',
      `the database at ${address} does not answer (${reason}). Start it, or correct database.url.`,
      { database: address, cause: code },
      { cause: error },
    );
  }
  if (REFUSAL_CODES.has(code)) {
    return new CodedError(
      'DATABASE_REFUSED',
      `the database at ${address} refuses (${reason}). Check user, password, database and privileges.`,
      { database: address, cause: code },
      { cause: error },
    );
  }
  return error;
}
