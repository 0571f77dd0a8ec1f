import { Agent, type IncomingMessage, request } from 'node:http';
import { CodedError, toErrorRecord } from '../runtime/errors.ts';

/** Larger answers are not of a node: the largest is a block of 8 MB in hex. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_ms = 10_000;

/** HTTP connection to one node. Requests time out, connections are kept, errors are coded. */
export class NodeClient {
  readonly url: string;
  readonly #timeout_ms: number;
  readonly #agent: Agent;

  constructor(url: string, options: { timeout_ms?: number; connections?: number } = {}) {
    this.url = url.replace(/\/+$/, '');
    this.#timeout_ms = options.timeout_ms ?? DEFAULT_TIMEOUT_ms;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections ?? 4 });
  }

  /** The body of the answer, as it came. @throws NODE_UNREACHABLE, NODE_TIMEOUT, NODE_ANSWER, the node's own codes */
  get(path: string): Promise<string> {
    return this.#request('GET', path, null);
  }

  post(path: string, body: unknown): Promise<string> {
    return this.#request('POST', path, JSON.stringify(body));
  }

  async getJson(path: string): Promise<unknown> {
    return parse(this.url, await this.get(path));
  }

  async postJson(path: string, body: unknown): Promise<unknown> {
    return parse(this.url, await this.post(path, body));
  }

  /** Closes kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #request(method: string, path: string, body: string | null): Promise<string> {
    const { status, text } = await this.#exchange(method, path, body);
    if (status >= 200 && status < 300) return text;
    throw answerError(this.url, status, text);
  }

  #exchange(method: string, path: string, body: string | null): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      let target: URL;
      try {
        target = new URL(`${this.url}${path}`);
        if (target.protocol !== 'http:') throw new Error(`${target.protocol} is not supported`);
      } catch (error) {
        reject(
          new CodedError(
            'NODE_UNREACHABLE',
            `${this.url} is not a URL like http://127.0.0.1:50832`,
            {},
            { cause: error },
          ),
        );
        return;
      }
      const headers =
        body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const outgoing = request(target, { method, headers, agent: this.#agent });
      // Of the whole exchange, not of a silence: a node that dribbles is as good as none.
      const timer = setTimeout(() => {
        outgoing.destroy(
          new CodedError('NODE_TIMEOUT', `${this.url} did not answer ${path} within ${this.#timeout_ms} ms`),
        );
      }, this.#timeout_ms);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        reject(error instanceof CodedError ? error : unreachable(this.url, error));
      };
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        readAll(incoming).then((text) => {
          clearTimeout(timer);
          resolve({ status: incoming.statusCode ?? 0, text });
        }, fail);
      });
      outgoing.end(body ?? undefined);
    });
  }
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new CodedError('NODE_ANSWER', `an answer exceeds ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CodedError('NODE_ANSWER', `${url} answered what is not JSON: is it the RPC of a node?`);
  }
}

function unreachable(url: string, error: unknown): CodedError {
  return new CodedError(
    'NODE_UNREACHABLE',
    `no node answers at ${url} (${toErrorRecord(error).message}): is it running, and is --node right?`,
    { url },
  );
}

/** A node's error body is {code, message}; both are passed on. */
function answerError(url: string, status: number, text: string): CodedError {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof code === 'string' && typeof message === 'string') return new CodedError(code, message, { status, url });
  } catch {
    // Not a node's error body: reported as such.
  }
  return new CodedError('NODE_ANSWER', `${url} answered with HTTP status ${status}: ${text.slice(0, 200)}`, { status });
}
