import { readFileSync } from 'node:fs';
import { CodedError } from './errors.ts';
import { writeWhole } from './whole-file.ts';

/** Where an actor wants to listen and which configuration says so. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  /** Configuration key that the operator changes, e.g. `rpc.port`. */
  readonly key: string;
}

/** Turns what `listen` failed with into an error that names the port and its configuration key. */
export function listenError(error: unknown, place: ListenPlace): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  const at = `${place.host}:${place.port}`;
  const data = { host: place.host, port: place.port, key: place.key };
  if (code === 'EADDRINUSE') {
    return new CodedError('PORT_BUSY', `${at} is in use by another program: stop it or change ${place.key}`, data);
  }
  if (code === 'EACCES') {
    return new CodedError('PORT_FORBIDDEN', `no permission to listen on ${at}: change ${place.key}`, data);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new CodedError('HOST_UNKNOWN', `this machine has no address ${place.host}: change ${place.key}`, data);
  }
  return error;
}

/** The URL under which a bound HTTP server answers; IPv6 addresses are bracketed. */
export function httpUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Publishes the address for other processes; a reader sees the old file or the whole new one. */
export function writeAddressFile(path: string, url: string): void {
  writeWhole(path, `${url}\n`);
}

/**
 * The port of the address published before, 0 if there is none. An actor on a free port takes it again after a
 * restart, so that clients find it where it was.
 */
export function publishedPort(path: string): number {
  try {
    return path === '' ? 0 : Number(new URL(readFileSync(path, 'utf8').trim()).port);
  } catch {
    return 0;
  }
}
