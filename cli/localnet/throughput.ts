import { blockHashes, MAX_HASH_BLOCKS } from '../block-hashes.ts';
import { NodeClient } from '../node-client.ts';

/** Transactions that were committed per second, from the blocks of whichever node is ahead. */
export class ThroughputMeter {
  readonly #clients: readonly NodeClient[];
  #height: number | null = null;
  #since_ms = 0;
  #tps = 0;

  constructor(urls: readonly string[]) {
    this.#clients = urls.map((url) => new NodeClient(url, { timeout_ms: 3_000, connections: 1 }));
  }

  /** @param heights of the nodes, in the order of the URLs */
  async measure(heights: readonly (number | null)[]): Promise<number> {
    const height = Math.max(-1, ...heights.map((one) => one ?? -1));
    const client = this.#clients[heights.indexOf(height)];
    if (client === undefined) return 0;
    const last = this.#height;
    const now = performance.now();
    // The first look, and one after a long silence, only set the mark.
    if (last === null || height - last >= MAX_HASH_BLOCKS) this.#mark(height, now, 0);
    else if (height > last) {
      const rows = await blockHashes(client, last + 1, height).catch(() => []);
      const transactions = rows.reduce((sum, row) => sum + row.hashes.length, 0);
      this.#mark(height, now, (transactions * 1_000) / (now - this.#since_ms));
    }
    return this.#tps;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #mark(height: number, now_ms: number, tps: number): void {
    this.#height = height;
    this.#since_ms = now_ms;
    this.#tps = tps;
  }
}
