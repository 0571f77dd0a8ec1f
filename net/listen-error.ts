import { CodedError } from '../runtime/errors.ts';

/**
 * What libp2p failed to listen with, as an error that names the port.
 * @param listen the multiaddrs that were wanted
 * @param key of the configuration or command line that names them
 * @returns PORT_BUSY or LISTEN_FAILED
 */
export function listenError(listen: readonly string[], key: string, error: unknown): CodedError {
  const text = (error as Error).message;
  const busy = /EADDRINUSE[^\n]*?:(\d+)\s*$/m.exec(text);
  if (busy !== null) {
    const port = Number(busy[1]);
    return new CodedError(
      'PORT_BUSY',
      `port ${port} is in use: stop the process that listens on it, or change ${key} (${listen.join(', ')})`,
      { port, key },
      { cause: error },
    );
  }
  return new CodedError(
    'LISTEN_FAILED',
    `cannot listen on ${listen.join(', ')} (${key}): ${text}`,
    { key },
    { cause: error },
  );
}
