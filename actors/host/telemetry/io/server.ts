import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { httpUrl, listenError, publishedPort, writeAddressFile } from '../../../../runtime/listen.ts';
import type { TelemetryConfig } from '../config.ts';
import { EXPOSITION_TYPE } from '../core/exposition.ts';
import { TELEMETRY_ERRORS } from '../errors.ts';

/** Scrapers are few; more connections than this are a mistake or an attack. */
const MAX_CONNECTIONS = 32;
/** A scraper sends a few hundred bytes of headers, at once. */
const HEADER_BYTES = 8 * 1024;
const REQUEST_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;

/** Serves /metrics and /health. A request that fails is answered; none ends the actor. */
export function createMetricsServer(collect: () => Promise<string>, log: Logger): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request, response, collect).catch((error: unknown) => {
        log.error({ err: error }, 'metrics not collected');
        sendError(response, 503, 'METRICS_UNAVAILABLE');
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  collect: () => Promise<string>,
): Promise<void> {
  // A body is of no use here and is not waited for.
  request.resume();
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendError(response, 405, 'METHOD_NOT_ALLOWED');
  const [path] = (request.url ?? '').split('?');
  if (path === '/metrics') return send(response, 200, EXPOSITION_TYPE, await collect());
  if (path === '/health') return send(response, 200, 'application/json; charset=utf-8', '{"live":true}');
  return sendError(response, 404, 'ROUTE_NOT_FOUND');
}

function sendError(response: ServerResponse, status: number, code: keyof typeof TELEMETRY_ERRORS): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify({ code, message: TELEMETRY_ERRORS[code] }));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Binds, and publishes the address. @throws PORT_BUSY, PORT_FORBIDDEN, HOST_UNKNOWN */
export async function listen(server: Server, config: TelemetryConfig, log: Logger): Promise<void> {
  const { host, address_file } = config;
  try {
    await listenOn(server, config);
  } catch (error) {
    throw listenError(error, { host, port: config.port, key: 'telemetry.port' });
  }
  server.on('error', (error) => log.error({ err: error }, 'metrics server'));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const url = httpUrl(host, port);
  if (address_file !== '') writeAddressFile(address_file, url);
  log.info({ url: `${url}/metrics` }, 'metrics served');
}

/** A free port of a former life that was taken meanwhile is replaced by another free one. */
async function listenOn(server: Server, { host, port, address_file }: TelemetryConfig): Promise<void> {
  const published = port === 0 ? publishedPort(address_file) : port;
  try {
    await bind(server, host, published);
  } catch (error) {
    if (port !== 0 || published === 0) throw error;
    await bind(server, host, 0);
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Nothing here is worth waiting for: open scrapes are cut. */
export async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
