/**
 * The one class of coded errors. A code is stable and documented; `data` carries the numbers an operator
 * needs; the message says what to do. The class crosses a thread hop as {code, message, data}, and so does
 * any other error that has a string `code` (Node's and Postgres's have one).
 */
export class CodedError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CodedError';
    this.code = code;
    this.data = data;
  }
}

/** What of an error crosses a thread or is written to a report. */
export interface ErrorRecord {
  code: string;
  message: string;
  data: Readonly<Record<string, unknown>>;
}

/** The code of an error that carries none: a bug, reported as such. */
export const INTERNAL_ERROR = 'INTERNAL_ERROR';

/** True if `error` is a coded error, of ours or of anyone else's, with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === code;
}

/** Flattens any thrown value for a hop. Never throws. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof CodedError) return { code: error.code, message: error.message, data: error.data };
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    return { code: typeof code === 'string' ? code : INTERNAL_ERROR, message: error.message, data: {} };
  }
  return { code: INTERNAL_ERROR, message: String(error), data: {} };
}

/** Rebuilds the error on the other side of a hop. */
export function fromErrorRecord(record: ErrorRecord): CodedError {
  return new CodedError(record.code, record.message, { ...record.data });
}
