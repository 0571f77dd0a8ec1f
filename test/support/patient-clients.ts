import { setTimeout as sleep } from 'node:timers/promises';
import { statusOf } from '../../actors/pocket/rpc/errors.ts';
import type { SignedTransaction, TransactionSource } from '../../cli/load/transactions.ts';
import { NodeClient } from '../../cli/node-client.ts';
import { CodedError, toErrorRecord } from '../../runtime/errors.ts';

/** What is refused for the moment is tried again after this. */
const PAUSE_ms = 25;

/** Results of a submission that mean: the transaction is durable here. */
const ACCEPTED = new Set([0, 35, 95]);

/** Clients of one node's API that do what its documentation says: what may be repeated is repeated, byte for byte. */
export class PatientClients {
  /** Hashes of what was answered with acceptance. */
  readonly accepted: string[] = [];
  /** How often what was refused in a way that may be repeated. */
  readonly refusals = new Map<string, number>();
  /** Everything else. */
  readonly unexpected: string[] = [];
  readonly #client: NodeClient;
  readonly #source: TransactionSource;
  readonly #running: Promise<void>[];
  #stopped = false;

  constructor(url: string, source: TransactionSource, clients: number) {
    this.#client = new NodeClient(url, { connections: 2 * clients });
    this.#source = source;
    this.#running = Array.from({ length: clients }, () => [this.#submits(), this.#reads()]).flat();
  }

  /** Resolves when nobody waits for an answer any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    this.#client.close();
  }

  async #submits(): Promise<void> {
    while (!this.#stopped) await this.#submit(this.#source.next(0n));
  }

  async #submit({ bytes, hash }: SignedTransaction): Promise<void> {
    const body = { raw_hex_bytes: bytes };
    const answer = await this.#patiently(() => this.#client.postJson('/v1/client/broadcast_tx_sync', body));
    const { code } = answer as { code: number };
    if (ACCEPTED.has(code)) this.accepted.push(hash);
    else this.unexpected.push(`result ${code}`);
    await sleep(PAUSE_ms);
  }

  async #reads(): Promise<void> {
    for (; !this.#stopped; await sleep(PAUSE_ms)) await this.#patiently(() => this.#client.get('/v1/query/height'));
  }

  async #patiently<T>(request: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        const { code, message, data } = toErrorRecord(error);
        const maybe = code === 'NODE_UNREACHABLE' || (isPassing(data.status) && isPassing(statusOf(code)));
        if (!maybe) {
          this.unexpected.push(`${code}: ${message}`);
          throw new CodedError('UNEXPECTED', message, {}, { cause: error });
        }
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
      }
      await sleep(PAUSE_ms);
    }
  }
}

/** Statuses of which the API says that the same request may be repeated. */
function isPassing(status: unknown): boolean {
  return status === 503 || status === 504;
}
