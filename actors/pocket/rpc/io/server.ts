import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, INTERNAL_ERROR, toErrorRecord } from '../../../../runtime/errors.ts';
import { httpUrl, listenError, publishedPort, writeAddressFile } from '../../../../runtime/listen.ts';
import type { RpcConfig } from '../config.ts';
import { Gate } from '../core/gate.ts';
import { toJson } from '../core/json.ts';
import { RPC_ERRORS, statusOf } from '../errors.ts';
import type { RpcMetrics } from '../metrics.ts';

/** Largest body of any route but the batch. A transaction of the largest size fits as hex. */
const SMALL_BODY_BYTES = 64 * 1024;
/** Largest size of all headers together. */
const HEADER_BYTES = 8 * 1024;
/** Requests on one connection before it is closed, so that load balancers can move it. */
const REQUESTS_PER_SOCKET = 10_000;
/** Longest error text sent to a client. */
const MESSAGE_LENGTH = 500;
/** What a refused client waits before it repeats, in seconds. */
const RETRY_AFTER_S = '1';
const JSON_TYPE = 'application/json; charset=utf-8';

export interface ServerParts {
  readonly config: RpcConfig;
  /** Version of this software. */
  readonly version: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: RpcMetrics;
}

/** The HTTP server: limits, errors and the OpenAPI document; routes are added to it. */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { config } = parts;
  const app = Fastify({
    logger: false,
    bodyLimit: SMALL_BODY_BYTES,
    connectionTimeout: config.idle_timeout_ms,
    keepAliveTimeout: config.keep_alive_timeout_ms,
    requestTimeout: config.request_timeout_ms,
    maxRequestsPerSocket: REQUESTS_PER_SOCKET,
    forceCloseConnections: 'idle',
    // Answered by the hook below, in our own error shape.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: Math.min(config.headers_timeout_ms, config.request_timeout_ms),
      connectionsCheckingInterval: 1_000,
    },
    clientErrorHandler: answerNonHttp,
    frameworkErrors: (error, _request, reply) => sendError(parts, reply, error),
  });
  app.server.maxConnections = config.max_connections;
  app.server.on('drop', () => parts.metrics.connections.inc());
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(({ schema }) => validator(schema as z.ZodType));
  app.setSerializerCompiler(() => toJson);
  app.setReplySerializer(toJson);
  app.setErrorHandler((error, _request, reply) => sendError(parts, reply, error));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      parts,
      reply,
      new CodedError('ROUTE_NOT_FOUND', `no route ${request.method} ${request.url}: see /v1/openapi.json`),
    ),
  );
  admitRequests(app, parts);
  await describe(app, parts.version);
  return app;
}

/** Binds, and publishes the address. @throws PORT_BUSY, PORT_FORBIDDEN, HOST_UNKNOWN */
export async function listen(app: FastifyInstance, { config, log }: ServerParts): Promise<void> {
  const { host, address_file } = config;
  try {
    await listenOn(app, config, config.port === 0 ? publishedPort(address_file) : config.port);
  } catch (error) {
    throw listenError(error, { host, port: config.port, key: 'rpc.port' });
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const url = httpUrl(host, port);
  if (address_file !== '') writeAddressFile(address_file, url);
  log.info({ url }, 'HTTP API listening');
}

/** A free port that was taken meanwhile is replaced by another free one; a configured port is not. */
async function listenOn(app: FastifyInstance, config: RpcConfig, port: number): Promise<void> {
  const place = { host: config.host, backlog: config.max_connections };
  try {
    await app.listen({ ...place, port });
  } catch (error) {
    if (config.port !== 0 || port === 0) throw error;
    await app.listen({ ...place, port: 0 });
  }
}

/** Lets requests in work end, then cuts what is left. */
export async function close(app: FastifyInstance, { clock, config }: ServerParts): Promise<void> {
  const cancel = clock.after(config.drain_timeout_ms, () => app.server.closeAllConnections());
  await app.close();
  cancel();
}

/** Counts every request, and refuses those beyond the limits before their body is read. */
function admitRequests(app: FastifyInstance, { config, metrics }: ServerParts): void {
  const requests = new Gate(config.max_concurrent_requests, 'rpc.max_concurrent_requests');
  const bodies = new Gate(config.max_buffered_bytes, 'rpc.max_buffered_bytes');
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  // A connection kept alive would hold up the stop until the drain time is over.
  app.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const done = metrics.duration.startTimer({ route });
    metrics.inWork.inc();
    const held: (() => void)[] = [];
    // `close` comes for answered and for aborted requests alike.
    reply.raw.once('close', () => {
      for (const leave of held) leave();
      metrics.inWork.dec();
      metrics.requests.inc({ route, status: String(reply.raw.statusCode) });
      done();
    });
    if (stopping) throw new CodedError('RPC_STOPPING', RPC_ERRORS.RPC_STOPPING);
    held.push(requests.enter());
    if (request.method !== 'GET') held.push(bodies.enter(bodyCost(request)));
  });
}

/** Bytes that the body may take: what the client declares, else the most that the route accepts. */
function bodyCost(request: FastifyRequest): number {
  const limit = request.routeOptions.bodyLimit ?? SMALL_BODY_BYTES;
  const declared = Number(request.headers['content-length'] ?? limit);
  return Number.isFinite(declared) ? Math.min(declared, limit) : limit;
}

function validator(schema: z.ZodType) {
  return (value: unknown) => {
    const parsed = schema.safeParse(value ?? {});
    if (parsed.success) return { value: parsed.data };
    const issue = parsed.error.issues[0];
    const field = issue !== undefined && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
    const text = `${field}${issue?.message ?? 'wrong shape'}`;
    const code = issue?.message.startsWith('must be hex') ? 'HEX_INVALID' : 'INVALID_REQUEST';
    return { error: new CodedError(code, text) };
  };
}

/** Codes of fastify that mean something to a client, with ours. */
const FASTIFY_CODES: Readonly<Record<string, keyof typeof RPC_ERRORS>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BAD_HTTP',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_NOT_JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BODY_NOT_JSON',
  FST_ERR_BAD_URL: 'BAD_HTTP',
  FST_ERR_MAX_PARAM_LENGTH: 'BAD_HTTP',
  FST_ERR_ASYNC_CONSTRAINT: 'BAD_HTTP',
};

function sendError(parts: ServerParts, reply: FastifyReply, error: unknown): FastifyReply {
  const { code, message } = clientError(error);
  const status = statusOf(code);
  parts.metrics.refused.inc({ code });
  if (status === 500) parts.log.error({ err: error, route: reply.request.routeOptions.url }, 'request failed');
  if (status === 503 || status === 504) reply.header('retry-after', RETRY_AFTER_S);
  if (!reply.request.raw.complete) {
    // Closed while its client still writes, a connection is reset, and takes the answer with it.
    if (isWorthDraining(reply.request, parts.config)) reply.removeHeader('connection');
    else reply.header('connection', 'close');
  }
  return reply
    .code(status)
    .type(JSON_TYPE)
    .serializer(toJson)
    .send({ code, message: message.slice(0, MESSAGE_LENGTH) });
}

/** True if what is left of a refused body is of a known size that costs little to read and throw away. */
function isWorthDraining({ headers }: FastifyRequest, { max_buffered_bytes }: RpcConfig): boolean {
  const declared = Number(headers['content-length']);
  return declared <= max_buffered_bytes;
}

/** What of an error a client may see. Details of defects stay in the log. */
function clientError(error: unknown): { code: string; message: string } {
  const record = toErrorRecord(error);
  if (Object.hasOwn(RPC_ERRORS, record.code) && record.code !== INTERNAL_ERROR) return record;
  const mapped = FASTIFY_CODES[record.code];
  // Only of a bad URL does fastify say more than our own text, which tells what to send instead.
  if (mapped !== undefined)
    return { code: mapped, message: mapped === 'BAD_HTTP' ? record.message : RPC_ERRORS[mapped] };
  // The JSON parser refuses `__proto__` keys with a plain error of status 400.
  if ((error as FastifyError).statusCode === 400) return { code: 'BODY_NOT_JSON', message: RPC_ERRORS.BODY_NOT_JSON };
  return { code: INTERNAL_ERROR, message: RPC_ERRORS.INTERNAL_ERROR };
}

/** Bytes that are no HTTP request never reach a route: the answer is written by hand. */
function answerNonHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? (['408 Request Timeout', 'REQUEST_TIMEOUT'] as const)
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? (['431 Request Header Fields Too Large', 'BAD_HTTP'] as const)
        : (['400 Bad Request', 'BAD_HTTP'] as const);
  const body = toJson({ code, message: RPC_ERRORS[code] });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroySoon(),
  );
}

/** The OpenAPI document, made from the schemas that check the requests. */
async function describe(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Potoroo node API',
        version,
        description: 'Pocket Network V1 routes and shapes. Every error is {code, message}; the codes are in errors.md.',
      },
    },
    transform: ({ schema, url }) => ({ schema: jsonSchemas(schema ?? {}), url }),
  });
  app.get('/v1/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
}

function jsonSchemas(schema: object): Record<string, unknown> {
  const out: Record<string, unknown> = { ...schema };
  for (const part of ['body', 'querystring'] as const) {
    if (out[part] instanceof z.ZodType) out[part] = jsonSchema(out[part], 'input');
  }
  const answers = Object.entries((out.response ?? {}) as Record<string, unknown>);
  if (answers.length > 0) {
    out.response = Object.fromEntries(
      answers.map(([status, answer]) => [status, answer instanceof z.ZodType ? jsonSchema(answer, 'output') : answer]),
    );
  }
  return out;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
