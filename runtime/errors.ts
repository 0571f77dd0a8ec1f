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

/** A kernel broke off in the middle: what it left in its memory is not to be used. */
export function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || hasCode(error, KERNEL_TRAP);
}

/** The code of a trap. */
export const KERNEL_TRAP = 'KERNEL_TRAP';

/** The error as one that keeps its code when it ends a thread: classes do not survive that, properties do. */
export function withCode(error: unknown): unknown {
  if (!isTrap(error)) return error;
  const coded = fromErrorRecord(toErrorRecord(error));
  coded.stack = (error as Error).stack ?? '';
  return coded;
}

/** Flattens any thrown value for a hop. Never throws. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof CodedError) return { code: error.code, message: error.message, data: error.data };
  if (isTrap(error)) return { code: KERNEL_TRAP, message: (error as Error).message, data: {} };
  if (error instanceof Error) {
    // A coded error that ended a thread comes without its class.
    const { code, data } = error as { code?: unknown; data?: unknown };
    const kept = typeof data === 'object' && data !== null ? { ...data } : {};
    return { code: typeof code === 'string' ? code : INTERNAL_ERROR, message: error.message, data: kept };
  }
  return { code: INTERNAL_ERROR, message: String(error), data: {} };
}

/** Rebuilds the error on the other side of a hop. */
export function fromErrorRecord(record: ErrorRecord): CodedError {
  return new CodedError(record.code, record.message, { ...record.data });
}

/** Codes of the runtime itself. */
export const RUNTIME_ERRORS = {
  INTERNAL_ERROR: 'A bug: an error without a code. The log has the stack; please report it.',
  ACTOR_RESTARTED: 'The actor died, or is down, before it answered. Ask again.',
  MAILBOX_FULL: 'The actor has more work than it can take. Slow down and ask again.',
  DEAD_LETTER:
    'The request killed the actor twice and is not tried again for some minutes: see `potoroo actor dead-letters`.',
  DEADLINE_EXCEEDED: 'No answer within the time of the request.',
  ACTOR_DOWN: 'The actor is down at the moment. Look again with `potoroo actor list`.',
  ACTOR_EXITED: 'The thread of an actor ended by itself without an error.',
  ACTOR_KILLED: 'The thread of an actor was ended by order: an operator, or the replacement of what it depends on.',
  ACTOR_OUT_OF_MEMORY:
    'An actor held more buffers or WebAssembly memory than supervision.max_external_mb, and was replaced.',
  ACTOR_STALLED: 'The event loop of an actor did not turn for supervision.stall_timeout_ms, and it was replaced.',
  ACTOR_UNKNOWN: 'There is no actor of that name.',
  BIND_TIMEOUT: 'The other end of a new connection between two threads did not answer.',
  CONTROL_TIMEOUT: 'An actor did not load, start, connect or get ready in time.',
  ERR_WORKER_OUT_OF_MEMORY: 'The heap of an actor reached supervision.max_heap_mb, and it was replaced.',
  FAULT_INJECTED: 'An operator had an actor die to see it replaced.',
  FRAME_MALFORMED: 'A frame between threads cannot be decoded: a bug.',
  KERNEL_TRAP: 'A WebAssembly kernel broke off; the actor was replaced, because its memory is not to be trusted.',
  MESSAGE_UNKNOWN: 'An actor sent a message that is not declared in its protocol: a bug.',
  INTENSITY_EXCEEDED: 'An actor died too often in a short time; the node gives up. The message names the last cause.',
  SUPERVISOR_FAILED: 'The main thread failed; the node ends.',
  SUPERVISOR_STOPPED: 'The node was stopped while its actors were starting.',
  THREAD_STUCK: 'The thread of an actor could not be ended: it waits for the system. The process has to end.',
  PORT_BUSY: 'Another program listens on the port. Stop it, or change the configuration key that the message names.',
  PORT_FORBIDDEN: 'No permission to listen on the port. Choose one from 1024 on, or allow it.',
  HOST_UNKNOWN: 'The machine has no such address. Change the configuration key that the message names.',
} as const;
