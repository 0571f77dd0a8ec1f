import { setTimeout as sleep } from 'node:timers/promises';
import { blockHashes, latestHeight, MAX_HASH_BLOCKS } from '../block-hashes.ts';
import type { NodeClient } from '../node-client.ts';

/** The precision of commit latencies; each look costs the node one indexed query. */
const POLL_ms = 50;
/** After a failed look: the node is down or busy. */
const RETRY_ms = 250;
/** A node that was killed as the load began needs this long at worst until it answers again. */
const START_TIMEOUT_ms = 60_000;

/** Follows the blocks of one node and says which transactions became durable there. */
export class Follower {
  readonly #client: NodeClient;
  readonly #onBlock: (height: number, hashes: readonly string[]) => void;
  #next: number | null = null;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: NodeClient, onBlock: (height: number, hashes: readonly string[]) => void) {
    this.#client = client;
    this.#onBlock = onBlock;
  }

  /** Begins at the block after the latest one. @throws NODE_UNREACHABLE if the node stays away */
  async start(): Promise<void> {
    const tip = await this.#tip(Date.now() + START_TIMEOUT_ms);
    this.#next = tip + 1;
    this.#onBlock(tip, []);
    this.#later(0);
  }

  async #tip(deadline_ms: number): Promise<number> {
    for (;;) {
      try {
        return await latestHeight(this.#client);
      } catch (error) {
        if (this.#stopped || Date.now() > deadline_ms) throw error;
        await sleep(RETRY_ms);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #later(wait_ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#look().then(
        (more) => this.#later(more ? 0 : POLL_ms),
        () => this.#later(RETRY_ms),
      );
    }, wait_ms);
  }

  /** True if there may be more at once. */
  async #look(): Promise<boolean> {
    const from = this.#next ?? 0;
    const rows = await blockHashes(this.#client, from, from + MAX_HASH_BLOCKS - 1);
    for (const row of rows) this.#onBlock(row.height, row.hashes);
    this.#next = (rows.at(-1)?.height ?? from - 1) + 1;
    return rows.length > 1;
  }
}
