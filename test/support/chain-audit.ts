import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { blockHash, bodyRoot, decodeHeader } from '../../actors/pocket/chain/block.ts';
import { equalBytes } from '../../actors/pocket/chain/hex.ts';

interface BlockRow {
  readonly height: string;
  readonly hash: Uint8Array;
  readonly header: Uint8Array;
  readonly state_hash: Uint8Array;
  readonly transactions: number;
  readonly bodies: Uint8Array[] | null;
}

/** Looks into a node's database by SQL, past all of its actors. */
export class ChainAudit {
  readonly #sql: postgres.Sql;

  constructor(databaseUrl: string) {
    const host = decodeURIComponent(new URL(databaseUrl).hostname);
    this.#sql = postgres(databaseUrl, {
      // postgres.js does not decode the directory of a unix socket.
      ...(host.startsWith('/') ? { host } : {}),
      max: 2,
      onnotice: () => undefined,
      connection: { search_path: 'potoroo', application_name: 'audit' },
    });
  }

  async close(): Promise<void> {
    await this.#sql.end();
  }

  /** Resolves when persistence is writing a block: its transaction is open and holds rows. */
  async commitBegins(): Promise<void> {
    for (const end = performance.now() + 60_000; performance.now() < end; await sleep(1)) {
      const [row] = await this.#sql`
        select 1 from pg_stat_activity where application_name = 'potoroo persistence' and backend_xid is not null
          and (state = 'idle in transaction' or query ~ '(insert into block|copy|delete from (journal|proposal)|commit)')`;
      if (row) return;
    }
    throw new Error('no block was written within a minute');
  }

  /** Proposer of the block that holds a transaction, in hex; empty while none does. */
  async proposerOf(transactionHash: string): Promise<string> {
    const [row] = await this.#sql<{ proposer: string }[]>`
      select b.proposer from v_transactions t join v_blocks b using (height) where t.hash = ${transactionHash}`;
    return row?.proposer ?? '';
  }

  /** How many of these transactions are in blocks. */
  async committed(transactionHashes: readonly string[]): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int from tx where encode(hash, 'hex') = any(${[...transactionHashes]})`;
    return row?.count ?? 0;
  }

  /** Everything in which the database shows something else than whole blocks, one on the other, at one moment. */
  async faults(): Promise<{ height: number; faults: string[] }> {
    const { blocks, rows } = await this.#sql.begin('isolation level repeatable read read only', async (sql) => ({
      blocks: await sql<BlockRow[]>`
        select b.*, (select array_agg(t.bytes order by t.index) from tx t where t.height = b.height) as bodies
        from block b order by b.height`,
      rows: await sql<{ fault: string }[]>`
        select 'rows of height ' || height || ', which has no block' as fault from
          (select height from tx union select height from account union select height from pool) r
          where height > (select max(height) from block)
        union all select 'money made or lost at height ' || height from (
          select height, amount - coalesce(lag(amount) over (partition by address order by height), 0) as change from account
          union all
          select height, amount - coalesce(lag(amount) over (partition by address order by height), 0) from pool) c
          where height > 0 group by height having sum(change) <> 0
        union all select 'committed and still in the journal: ' || encode(hash, 'hex') from journal join tx using (hash)
        union all select 'an undecided block of height ' || height from proposal
          where height <= (select max(height) from block)`,
    }));
    return { height: blocks.length - 1, faults: [...rows.map(({ fault }) => fault), ...blocks.flatMap(faultsOf)] };
  }
}

/** What a block's rows say of each other and of the block before. */
function faultsOf(block: BlockRow, index: number, blocks: readonly BlockRow[]): string[] {
  const header = decodeHeader(block.header);
  const bodies = block.bodies ?? [];
  const parent = blocks[index - 1];
  const isWhole =
    Number(block.height) === index &&
    header.height === BigInt(index) &&
    equalBytes(blockHash(header), block.hash) &&
    equalBytes(header.stateHash, block.state_hash) &&
    block.transactions === bodies.length &&
    (!parent || (equalBytes(header.parentHash, parent.hash) && equalBytes(header.bodyRoot, bodyRoot(bodies))));
  return isWhole ? [] : [`block ${block.height} is not whole`];
}
