import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fromHex } from '../../actors/pocket/chain/hex.ts';
import type { NodeStatus } from '../../cli/localnet/files.ts';
import { until } from './command.ts';
import { LocalNetwork } from './local-network.ts';

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

/** A network of one validator in a process of its own, seen from outside. */
export class OneNode {
  readonly directory: string;
  readonly #network: LocalNetwork;

  private constructor(directory: string) {
    this.directory = directory;
    this.#network = new LocalNetwork(directory, '--validators', '1');
  }

  /** Resolves once it has committed a block. */
  static async start(directory: string): Promise<OneNode> {
    const node = new OneNode(directory);
    try {
      await node.#network.reaches(1);
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  get entry(): NodeStatus {
    return this.#network.node(1);
  }

  get networkId(): string {
    return this.#network.status.network_id;
  }

  /** All that the node and the process around it have written. */
  get log(): string {
    return this.#network.output + readFileSync(this.entry.log, 'utf8');
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
  stop(): Promise<number | null> {
    return this.#network.end();
  }
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
