import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeConfigInput } from '../../config/schema.ts';
import type { OneNode } from './one-node.ts';

/**
 * Homes of nodes that must refuse to start. They have keys and genesis of a running node, and unless told
 * otherwise a schema of their own in its database: no server has to be made for each.
 */
export class BrokenHome {
  readonly home: string;

  constructor(node: OneNode, name: string, change: NodeConfigInput = {}) {
    const original = node.entry.home;
    this.home = join(node.directory, 'broken', name);
    mkdirSync(join(this.home, 'signer'), { recursive: true, mode: 0o700 });
    for (const part of ['genesis.json', 'keys'])
      cpSync(join(original, part), join(this.home, part), { recursive: true });
    const config: NodeConfigInput = {
      database: { url: node.entry.psql_url!.split('?')[0]!, schema: name },
      p2p: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      rpc: { port: 0 },
      telemetry: { port: 0 },
      ...change,
    };
    this.write('config.json', JSON.stringify(config));
  }

  write(file: string, content: string | Uint8Array, mode = 0o600): this {
    const path = join(this.home, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, mode);
    return this;
  }

  /** Replaces a file by what `change` makes of it. */
  edit(file: string, change: (text: string) => string): this {
    return this.write(file, change(readFileSync(join(this.home, file), 'utf8')));
  }

  has(file: string): boolean {
    return existsSync(join(this.home, file));
  }

  read(file: string): Buffer {
    return readFileSync(join(this.home, file));
  }
}
