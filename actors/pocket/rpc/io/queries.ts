import { CodedError } from '../../../../runtime/errors.ts';
import { decodeHeader, type Header } from '../../chain/block.ts';
import { fromHex } from '../../chain/hex.ts';
import type { ActorAnswer, HashesAnswer } from '../core/answers.ts';
import type { Fees, IndexedTransaction } from '../core/render.ts';
import type { Database, Sql } from './database.ts';

/**
 * Every SQL statement of this actor. They name only the views and functions that persistence declares stable in
 * its README; the search path is its schema.
 */

/** Transactions after which a tx_hashes answer ends: about 3.5 MB of JSON. */
const MAX_HASHES = 50_000n;
/** Probes of health, who wait some seconds at most, ask for the tip: it is one row of an index. */
const TIP_PATIENCE_MS = 2_000;

export interface BlockRecord {
  readonly header: Header;
  readonly transactions: Uint8Array[];
  readonly commitQc: Uint8Array | null;
}

export interface PoolRecord {
  readonly address: string;
  readonly name: string;
  readonly amount: string;
}

/** A validator as the database gives it; its chains as JSON. */
interface ActorRow extends Omit<ActorAnswer, 'chains' | 'output_addr'> {
  chains: string;
  output_address: string;
}

/** Lowest heights of which the state and the whole block are in the database, and the last one. */
interface Extent {
  readonly state_from: bigint;
  readonly blocks_from: bigint;
  readonly latest: bigint;
}

interface TransactionRow {
  height: bigint;
  index: number;
  hash: string;
  code: number;
  error: string;
  signer: string;
  recipient: string;
  message_type: string;
  bytes: Uint8Array;
}

export function queries(database: Database) {
  const tip = async (): Promise<bigint> => {
    const [row] = await database.query(
      'tip',
      (sql) => sql<{ tip: bigint | null }[]>`
      select max(height) as tip from v_blocks`,
      TIP_PATIENCE_MS,
    );
    return present(row?.tip);
  };

  const extent = async (): Promise<Extent> => {
    const [row] = await database.query('extent', (sql) => sql<Extent[]>`select * from v_extent`);
    if (row !== undefined) return { ...row, latest: present(row.latest) };
    return { state_from: 0n, blocks_from: 0n, latest: present(null) };
  };

  const resolveFrom =
    (lowest: 'state_from' | 'blocks_from') =>
    async (height: bigint): Promise<bigint> => {
      const { latest, [lowest]: earliest } = await extent();
      if (height > latest) throw unknownHeight(height, latest);
      const at = height === 0n ? latest : height;
      if (at < earliest) throw beforeBeginning(at, earliest);
      return at;
    };
  /** The height whose state a request means; 0 is the tip. @throws BLOCK_NOT_FOUND */
  const resolve = resolveFrom('state_from');
  /** The height of the block that a request means; 0 is the tip. @throws BLOCK_NOT_FOUND */
  const resolveBlock = resolveFrom('blocks_from');

  /** What messages cost at a height, by the name of the parameter. */
  const fees = async (height: bigint): Promise<Fees> => {
    const rows = await database.query(
      'fees',
      (sql) => sql<{ name: string; value: string }[]>`
      select name, value from params_at(${height}) where name like 'message%fee'`,
    );
    return new Map(rows.map(({ name, value }) => [name, BigInt(value)]));
  };

  return {
    tip,
    resolve,
    fees,
    resolveBlock,

    async block(height: bigint): Promise<BlockRecord> {
      const at = await resolveBlock(height);
      const [row] = await database.query(
        'block',
        (sql) => sql<{ header: Uint8Array; commit_qc: Uint8Array | null }[]>`
        select header, commit_qc from v_blocks where height = ${at}`,
      );
      if (row === undefined) throw unknownHeight(at);
      const body = await database.query(
        'block_body',
        (sql) => sql<{ bytes: Uint8Array }[]>`
        select bytes from v_transactions where height = ${at} order by index`,
      );
      return {
        header: decodeHeader(row.header),
        transactions: body.map((one) => one.bytes),
        commitQc: row.commit_qc,
      };
    },

    async transactionCount(height: bigint): Promise<number> {
      const [row] = await database.query(
        'block_size',
        (sql) => sql<{ transactions: number }[]>`
        select transactions from v_blocks where height = ${height}`,
      );
      if (row === undefined) throw unknownHeight(height);
      return row.transactions;
    },

    async blockTransactions(
      height: bigint,
      page: { offset: number; limit: number; sort: 'asc' | 'desc' },
    ): Promise<IndexedTransaction[]> {
      const rows = await database.query(
        'block_txs',
        (sql) => sql<TransactionRow[]>`
        select ${transactionColumns(sql)} from v_transactions where height = ${height}
        order by index ${page.sort === 'asc' ? sql`asc` : sql`desc`} limit ${page.limit} offset ${page.offset}`,
      );
      return rows.map(indexed);
    },

    async transaction(hash: string): Promise<IndexedTransaction> {
      const [row] = await database.query(
        'tx',
        (sql) => sql<TransactionRow[]>`
        select ${transactionColumns(sql)} from transaction_by_hash(${hash})`,
      );
      if (row === undefined) {
        throw new CodedError('TX_NOT_FOUND', 'no committed transaction has this hash', { hash });
      }
      return indexed(row);
    },

    /** Balance at a height; 0 for an address that never received anything. */
    async balance(address: string, height: bigint): Promise<bigint> {
      const at = await resolve(height);
      const [row] = await database.query(
        'balance',
        (sql) => sql<{ amount: string }[]>`
        select amount from account_at(${address}, ${at})`,
      );
      return BigInt(row?.amount ?? 0);
    },

    async supply(height: bigint): Promise<{ pools: PoolRecord[]; accounts: bigint }> {
      const at = await resolve(height);
      const pools = await database.query(
        'pools',
        (sql) => sql<PoolRecord[]>`
        select address, name, amount from pools_at(${at}) order by name`,
      );
      const [sum] = await database.query(
        'supply',
        (sql) => sql<{ amount: string }[]>`
        select coalesce(sum(amount), 0) as amount from accounts_at(${at})`,
      );
      return { pools: [...pools], accounts: BigInt(sum?.amount ?? 0) };
    },

    /** A page of the validators at a height, by address, and how many there are. */
    async validators(
      height: bigint,
      page: { offset: number; limit: number; sort: 'asc' | 'desc' },
    ): Promise<ActorAnswer[]> {
      const rows = await database.query(
        'validators',
        (sql) => sql<ActorRow[]>`
        select ${actorColumns(sql)} from actors_at(${height}) where actor_type = 'validator'
        order by address ${page.sort === 'asc' ? sql`asc` : sql`desc`} limit ${page.limit} offset ${page.offset}`,
      );
      return rows.map(actorAnswer);
    },

    async validatorCount(height: bigint): Promise<number> {
      const [row] = await database.query(
        'validator_count',
        (sql) => sql<{ count: number }[]>`
        select count(*)::int as count from actors_at(${height}) where actor_type = 'validator'`,
      );
      return row?.count ?? 0;
    },

    async validator(address: string, height: bigint): Promise<ActorAnswer> {
      const at = await resolve(height);
      const [row] = await database.query(
        'validator',
        (sql) => sql<ActorRow[]>`
        select ${actorColumns(sql)} from actors_at(${at}) where actor_type = 'validator' and address = ${address}`,
      );
      if (row !== undefined) return actorAnswer(row);
      throw new CodedError('ACTOR_NOT_FOUND', `no validator with this address is staked at height ${at}`, { address });
    },

    async params(): Promise<{ name: string; value: string }[]> {
      const at = await tip();
      const rows = await database.query(
        'params',
        (sql) => sql<{ name: string; value: string }[]>`
        select name, value from params_at(${at}) order by name`,
      );
      return [...rows];
    },

    /** Hashes of a range of heights, cut before the answer grows beyond MAX_HASHES; the first height always fits. */
    async hashes(from: bigint, to: bigint): Promise<HashesAnswer> {
      const rows = await database.query(
        'tx_hashes',
        (sql) => sql<{ height: bigint; hash: string; state_hash: string; timestamp_ms: bigint; hashes: string }[]>`
        select b.height, b.hash, b.state_hash, b.timestamp_ms, coalesce((
            select string_agg(t.hash, ',' order by t.index) from v_transactions t where t.height = b.height
          ), '') as hashes
        from (
          select height, hash, state_hash, timestamp_ms, transactions,
            sum(transactions) over (order by height) as running
          from v_blocks where height between ${from} and ${to} and transactions is not null
        ) b
        where b.running <= ${MAX_HASHES} or b.height = ${from} order by b.height`,
      );
      return rows.map((row) => ({
        height: row.height,
        block_hash: row.hash,
        state_hash: row.state_hash,
        timestamp_ms: row.timestamp_ms,
        hashes: row.hashes === '' ? [] : row.hashes.split(','),
      }));
    },
  };
}
export type Queries = ReturnType<typeof queries>;

function transactionColumns(sql: Sql) {
  return sql`height, index, hash, code, error, signer, recipient, message_type, bytes`;
}

function actorColumns(sql: Sql) {
  return sql`address, actor_type, public_key, to_json(chains)::text as chains, service_url,
    staked_amount::text as staked_amount, paused_height, unstaking_height, output_address, missed_blocks,
    punished_height`;
}

function actorAnswer({ chains, output_address, ...row }: ActorRow): ActorAnswer {
  return { ...row, chains: JSON.parse(chains) as string[], output_addr: output_address };
}

function indexed(row: TransactionRow): IndexedTransaction {
  return {
    height: row.height,
    index: row.index,
    hash: fromHex(row.hash),
    bytes: row.bytes,
    code: row.code,
    error: row.error,
    signer: fromHex(row.signer),
    recipient: fromHex(row.recipient),
    messageType: row.message_type,
  };
}

function present(tip: bigint | null | undefined): bigint {
  if (tip !== null && tip !== undefined) return tip;
  throw new CodedError('DATABASE_UNAVAILABLE', 'the database holds no block yet, not even genesis: repeat later');
}

function unknownHeight(height: bigint, latest?: bigint): CodedError {
  const hint = latest === undefined ? '' : `: the latest is ${latest}`;
  return new CodedError('BLOCK_NOT_FOUND', `no block is committed at height ${height}${hint}`, { height, latest });
}

function beforeBeginning(height: bigint, earliest: bigint): CodedError {
  const hint = `this node began with a snapshot and has them from height ${earliest} on: ask an older node`;
  return new CodedError('BLOCK_NOT_FOUND', `there is no block or state of height ${height} here: ${hint}`, {
    height,
    earliest,
  });
}
