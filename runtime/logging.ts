import { type Logger, pino } from 'pino';

export interface LogOptions {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Absolute path of the file that all threads append to; absent: standard error. */
  file?: string;
}

/**
 * The log of one thread. Writes are synchronous: an asynchronous destination would lose the last words of a
 * thread that dies, and those are the ones that are read. Lines are appended whole, so threads share a file.
 */
export function createLog(actor: string, options: LogOptions): Logger {
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, append: true, mkdir: true });
  // A disk that is full costs lines of the log, not the thread that writes them.
  destination.on('error', () => undefined);
  return pino(
    {
      level: options.level,
      base: { actor },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
