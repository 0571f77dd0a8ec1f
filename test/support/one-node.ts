import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fromHex } from '../../actors/pocket/chain/hex.ts';

const BIN = fileURLToPath(new URL('../../../bin/potoroo', import.meta.url));
const POLL_ms = 100;
/** A loaded machine of two cores needs tens of seconds for what takes five. */
const LIMIT_ms = 60_000;

/** A node waits 25 s for its database before it gives up. */
const COMMAND_LIMIT_ms = 45_000;

export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  limit_ms = LIMIT_ms,
): Promise<T> {
  const end = performance.now() + limit_ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await sleep(POLL_ms);
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end. A signal counts as no exit code. */
export function potoroo(...parameters: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [BIN, ...parameters],
      { timeout: COMMAND_LIMIT_ms },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** Sends bytes to a port and collects what comes back until the other end closes. */
export function exchange(port: number, bytes: Uint8Array | string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

interface NodeEntry {
  state: string;
  pid: number;
  home: string;
  log: string;
  rpc_url: string;
  metrics_url: string;
  p2p_address: string;
  psql_url: string;
  ports: { rpc: number; metrics: number; p2p: number };
}

/** A network of one validator in a process of its own, seen from outside. */
export class OneNode {
  readonly directory: string;
  readonly #process: ChildProcess;
  readonly #exit: Promise<number | null>;
  #output = '';

  private constructor(directory: string) {
    this.directory = directory;
    this.#process = spawn(process.execPath, [BIN, 'localnet', '--validators', '1', '--dir', directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exit = once(this.#process, 'close').then(([code]) => code as number | null);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk;
      });
    }
  }

  /** Resolves once it has committed a block. */
  static async start(directory: string): Promise<OneNode> {
    const node = new OneNode(directory);
    const height = (): Promise<number> => node.height().catch(() => 0);
    await until('the first block', async () => ((await height()) > 0 ? true : undefined)).catch((error) => {
      throw new Error(`${error.message}\n${node.#output}`);
    });
    return node;
  }

  get entry(): NodeEntry {
    return this.#status.nodes[0]!;
  }

  get networkId(): string {
    return this.#status.network_id;
  }

  get #status(): { network_id: string; nodes: NodeEntry[] } {
    return JSON.parse(readFileSync(join(this.directory, 'localnet.json'), 'utf8'));
  }

  /** All that the node and the process around it have written. */
  get log(): string {
    return this.#output + readFileSync(this.entry.log, 'utf8');
  }

  /** Seeds of the funded accounts. */
  get accountSeeds(): Uint8Array[] {
    const folder = join(this.directory, 'accounts');
    return readdirSync(folder).map((name) => fromHex(JSON.parse(readFileSync(join(folder, name), 'utf8')).seed));
  }

  async get(path: string): Promise<Answer> {
    return answerOf(await fetch(this.entry.rpc_url + path));
  }

  /** @param body sent as it is if it is a text, else as JSON */
  async post(path: string, body: unknown, type = 'application/json'): Promise<Answer> {
    const headers = type === '' ? undefined : { 'content-type': type };
    const text = typeof body === 'string' ? Buffer.from(body) : JSON.stringify(body);
    return answerOf(await fetch(this.entry.rpc_url + path, { method: 'POST', headers, body: text }));
  }

  async height(): Promise<number> {
    return Number((await this.get('/v1/query/height')).body.height);
  }

  /** State hash of the latest block: empty blocks do not change it. */
  async stateHash(): Promise<string> {
    const { block } = (await this.post('/v1/query/block', {})).body as {
      block: { block_header: { state_hash: string } };
    };
    return block.block_header.state_hash;
  }

  /** Resolves once the node has committed more blocks. */
  async commits(blocks = 1): Promise<void> {
    const goal = (await this.height()) + blocks;
    await until(`height ${goal}`, async () => ((await this.height()) >= goal ? true : undefined));
  }

  /** Value of a metric, summed over the series that have this label. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.entry.metrics_url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Stops it in order, once; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    return this.#exit;
  }
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
