import { CodedError } from '../../../../runtime/errors.ts';
import { transactionHash } from '../../chain/transaction.ts';
import { byteaArray } from './bytea.ts';
import type { Sql } from './client.ts';
import type { Database } from './database.ts';

/** Far above any mempool: reached only if nobody forgets. */
const MAX_JOURNAL = 200_000;
/** Of one answer to `journaled`. */
const MAX_PAGE = 5_000;

interface Waiting {
  readonly transactions: readonly Uint8Array[];
  readonly deadline_ms: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Accepted transactions that are not yet in a block. Asks that come while one write is on its way to the disk
 * share the next: the disk is waited for once for all of them.
 */
export class Journal {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #writing = false;
  #size = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Transactions in the journal, as far as this actor knows. */
  get size(): number {
    return this.#size;
  }

  /** Counts them anew: at start, and when the answer of a commit was lost. */
  async count(deadline_ms: number): Promise<void> {
    const [row] = await this.#database.run(
      deadline_ms,
      (sql) => sql<{ count: number }[]>`
      select count(*)::integer as count from journal`,
    );
    this.#size = row?.count ?? 0;
  }

  /** Resolves when they are on disk. @throws JOURNAL_FULL */
  add(transactions: readonly Uint8Array[], deadline_ms: number): Promise<void> {
    if (this.#size + transactions.length > MAX_JOURNAL) {
      throw new CodedError(
        'JOURNAL_FULL',
        `${this.#size} accepted transactions wait to be committed; try again later`,
        {
          size: this.#size,
          limit: MAX_JOURNAL,
        },
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transactions, deadline_ms, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async forget(hashes: readonly Uint8Array[], deadline_ms: number): Promise<void> {
    const { count } = await this.#database.run(
      deadline_ms,
      (sql) => sql`delete from journal where hash = any(${byteaArray(hashes)}::text::bytea[])`,
    );
    this.left(count);
  }

  /** Counts transactions that left with a block. */
  left(count: number): void {
    this.#size = Math.max(0, this.#size - count);
  }

  async page(after: bigint, limit: number, deadline_ms: number): Promise<{ transactions: Uint8Array[]; last: bigint }> {
    const rows = await this.#database.run(
      deadline_ms,
      (sql) => sql<{ id: bigint; bytes: Uint8Array }[]>`
      select id, bytes from journal where id > ${after} order by id limit ${Math.min(limit, MAX_PAGE)}`,
    );
    return { transactions: rows.map(({ bytes }) => bytes), last: rows.at(-1)?.id ?? after };
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = false;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const transactions = group.flatMap((waiting) => waiting.transactions);
    const deadline_ms = Math.max(...group.map((waiting) => waiting.deadline_ms));
    const hashes = byteaArray(transactions.map(transactionHash));
    const bytes = byteaArray(transactions);
    // A transaction may be committed between its admission and this write: nothing would take it out again.
    const insert = (sql: Sql) => sql`
      insert into journal (hash, bytes)
      select hash, bytes
      from unnest(${hashes}::text::bytea[], ${bytes}::text::bytea[]) with ordinality t(hash, bytes, place)
      where not exists (select from tx where tx.hash = t.hash)
        and not exists (select from remembered r where r.hash = t.hash) order by place
      on conflict (hash) do nothing`;
    const { count } = await this.#database.run(deadline_ms, insert);
    this.#size += count;
  }
}
