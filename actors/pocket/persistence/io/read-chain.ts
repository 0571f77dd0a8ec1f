import { decodeHeader, encodeBlock } from '../../chain/block.ts';
import { equalBytes } from '../../chain/hex.ts';
import { encodeValidatorSet } from '../../chain/validators.ts';
import type { ValidatorRules } from '../core/validators.ts';
import type { AccountRow, StoredBlock, StoredHeader } from '../protocol.ts';
import { byteaArray } from './bytea.ts';
import type { Sql } from './client.ts';
import { readValidators } from './load-state.ts';

/** Blocks of one answer, whatever the asker wants: bounds memory. */
const MAX_BLOCKS = 256;
const MAX_ANSWER_BYTES = 16_000_000;
/** Headers of one answer, whatever the asker wants: 256 with the certificates of 100 validators. */
const MAX_HEADER_BYTES = 4_000_000;

interface StoredRow {
  height: bigint;
  header: Uint8Array;
  commit_qc: Uint8Array | null;
}

/** Balances at a committed height, in one query. Absent ones are left out. */
export async function readBalances(
  sql: Sql,
  height: bigint,
  keys: { accounts: readonly Uint8Array[]; pools: readonly Uint8Array[] },
): Promise<{ accounts: AccountRow[]; pools: AccountRow[] }> {
  const rows = await sql<{ pool: boolean; address: Uint8Array; amount: bigint }[]>`
    select false as pool, k.address, l.amount
    from unnest(${byteaArray(keys.accounts)}::text::bytea[]) k(address)
    cross join lateral (
      select a.amount from account a where a.address = k.address and a.height <= ${height}
      order by a.height desc limit 1) l
    union all
    select true, k.address, l.amount
    from unnest(${byteaArray(keys.pools)}::text::bytea[]) k(address)
    cross join lateral (
      select p.amount from pool p where p.address = k.address and p.height <= ${height}
      order by p.height desc limit 1) l`;
  const of = (pool: boolean): AccountRow[] =>
    rows.filter((row) => row.pool === pool).map(({ address, amount }) => ({ address, amount }));
  return { accounts: of(false), pools: of(true) };
}

/** Hash of the committed block at a height. */
export async function readHashAt(sql: Sql, height: bigint): Promise<Uint8Array | null> {
  const [row] = await sql<{ hash: Uint8Array }[]>`select hash from block where height = ${height}`;
  return row?.hash ?? null;
}

/** Canonical bytes of a committed block; null for one that is not here, or only with its header. */
export async function readBlock(sql: Sql, hash: Uint8Array): Promise<Uint8Array | null> {
  const [row] = await sql<StoredRow[]>`
    select height, header, commit_qc from block where hash = ${hash} and transactions is not null`;
  return row === undefined ? null : assemble(row, await readBodies(sql, row.height, row.height));
}

/** Committed blocks from a height on: as many as fit, but at least one if there is one at that height. */
export async function readBlocks(
  sql: Sql,
  range: { from: bigint; count: number; maxBytes: number },
): Promise<StoredBlock[]> {
  const first = range.from > 1n ? range.from : 1n;
  const count = Math.min(range.count, MAX_BLOCKS);
  const maxBytes = Math.min(range.maxBytes, MAX_ANSWER_BYTES);
  if (count < 1) return [];
  const rows = await sql<StoredRow[]>`
    select height, header, commit_qc from (
      select height, header, commit_qc, sum(size_bytes) over (order by height) as total
      from block where height >= ${first} and height < ${first + BigInt(count)} and transactions is not null) b
    where total <= ${maxBytes} or height = ${first}
    order by height`;
  const last = rows.at(-1);
  // A chain that begins later has nothing to say to who begins here.
  if (last === undefined || rows[0]?.height !== first) return [];
  const bodies = await readBodies(sql, first, last.height);
  return rows.map((row) => ({ block: assemble(row, bodies), commitQc: row.commit_qc ?? new Uint8Array() }));
}

/**
 * Committed headers from a height on, each with the validators of the next height where it changes them: as many as fit,
 * but at least one if there is one at that height.
 */
export async function readHeaders(
  sql: Sql,
  range: { from: bigint; count: number },
  rules: ValidatorRules,
): Promise<StoredHeader[]> {
  const first = range.from > 1n ? range.from : 1n;
  const count = Math.min(range.count, MAX_BLOCKS);
  if (count < 1) return [];
  const rows = await sql<StoredRow[]>`
    select height, header, commit_qc from block where height >= ${first} and height < ${first + BigInt(count)}
    order by height`;
  if (rows[0]?.height !== first) return [];
  const headers: StoredHeader[] = [];
  let bytes = 0;
  for (const row of rows) {
    const { valSetHash, nextValSetHash } = decodeHeader(row.header);
    const changes = !equalBytes(valSetHash, nextValSetHash);
    const validators = changes
      ? encodeValidatorSet((await readValidators(sql, row.height, rules)).active)
      : new Uint8Array();
    const commitQc = row.commit_qc ?? new Uint8Array();
    bytes += row.header.length + commitQc.length + validators.length;
    if (bytes > MAX_HEADER_BYTES && headers.length > 0) break;
    headers.push({ header: row.header, commitQc, validators });
  }
  return headers;
}

/** Lowest heights of which the state and the whole block are here: above 1 where the chain began with a snapshot. */
export async function readExtent(sql: Sql): Promise<{ stateFrom: bigint; blocksFrom: bigint }> {
  const [row] = await sql<{ state_from: bigint; blocks_from: bigint }[]>`select state_from, blocks_from from v_extent`;
  return { stateFrom: row?.state_from ?? 0n, blocksFrom: row?.blocks_from ?? 0n };
}

async function readBodies(sql: Sql, from: bigint, to: bigint): Promise<Map<bigint, Uint8Array[]>> {
  const rows = await sql<{ height: bigint; bytes: Uint8Array }[]>`
    select height, bytes from tx where height between ${from} and ${to} order by height, index`;
  const bodies = new Map<bigint, Uint8Array[]>();
  for (const { height, bytes } of rows) {
    const body = bodies.get(height);
    if (body === undefined) bodies.set(height, [bytes]);
    else body.push(bytes);
  }
  return bodies;
}

function assemble(row: StoredRow, bodies: ReadonlyMap<bigint, Uint8Array[]>): Uint8Array {
  return encodeBlock({ header: decodeHeader(row.header), transactions: bodies.get(row.height) ?? [] });
}
