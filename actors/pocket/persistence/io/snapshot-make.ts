import { encodeAccount } from '../../chain/account.ts';
import { ACTOR_APP, ACTOR_FISHERMAN, ACTOR_SERVICER, ACTOR_VALIDATOR, encodeActor } from '../../chain/actor.ts';
import { decodeHeader } from '../../chain/block.ts';
import { encodeParam } from '../../chain/params.ts';
import { SNAPSHOT_TREES, type SnapshotTree } from '../../chain/snapshot.ts';
import { encodeValidatorSet } from '../../chain/validators.ts';
import type { ParamRow } from '../core/entries.ts';
import { ChunkCutter } from '../core/snapshot-chunks.ts';
import type { ValidatorRules } from '../core/validators.ts';
import type { AccountRow } from '../protocol.ts';
import type { Sql } from './client.ts';
import type { Transaction } from './database.ts';
import { type ActorRow, actorOf, readVoters } from './load-state.ts';
import type { SnapshotStore, UnfinishedSnapshot } from './snapshot-store.ts';

/** Rows in one slice of work: some 10 ms of the thread, which a vote may have to wait for. */
const SLICE_ROWS = 2_000;

const ACTOR_TYPES = { app: ACTOR_APP, fish: ACTOR_FISHERMAN, servicer: ACTOR_SERVICER, val: ACTOR_VALIDATOR } as const;

export interface SnapshotRequest {
  readonly height: bigint;
  readonly rules: ValidatorRules;
  /** How far ahead a transaction's last height may lie. */
  readonly windowBlocks: number;
  /** Waits between two slices of work; rejects to end it. */
  pause(): Promise<void>;
}

/**
 * Writes the snapshot of a height below the tip: rows are versioned by height, so the state is read while blocks are being
 * committed.
 * @param tx in a transaction of its own, on a connection of its own
 * @returns bytes of all chunks
 */
export async function makeSnapshot(tx: Transaction, store: SnapshotStore, request: SnapshotRequest): Promise<number> {
  await tx()`set transaction isolation level repeatable read, read only`;
  await tx()`set local statement_timeout = 0`;
  await tx()`set local idle_in_transaction_session_timeout = 0`;
  const parts = await readParts(tx(), request);
  const snapshot = await store.begin(request.height);
  await writeChunks(tx, snapshot, request);
  await snapshot.finish(parts);
  return snapshot.bytes;
}

async function readParts(sql: Sql, { height, rules }: SnapshotRequest) {
  const rows = await sql<{ header: Uint8Array }[]>`
    select header from block where height between ${height} and ${height + 1n} order by height`;
  const [header, child] = rows.map((row) => decodeHeader(row.header));
  if (rows[0] === undefined || header === undefined || child === undefined) {
    throw new Error(`block ${height} and the one after it are not both in the database`);
  }
  const voters = encodeValidatorSet(await readVoters(sql, header, rules));
  // Nodes may have committed a block with different QCs; its child carries one for all of them.
  return { header: rows[0].header, commitQc: child.quorumCertificate, voters };
}

async function writeChunks(tx: Transaction, snapshot: UnfinishedSnapshot, request: SnapshotRequest): Promise<void> {
  const cutter = new ChunkCutter();
  for (const tree of SNAPSHOT_TREES) {
    for await (const values of valuesOf(tx(), tree, request)) {
      for (const value of values) {
        const chunk = cutter.add(tree, value);
        if (chunk !== null) await snapshot.add(chunk);
      }
      await request.pause();
      // The connection of the cursor, or none.
      tx();
    }
  }
  const last = cutter.end();
  if (last !== null) await snapshot.add(last);
}

/** What a state trie of the height holds, by ascending key, slice by slice. */
async function* valuesOf(sql: Sql, tree: SnapshotTree, request: SnapshotRequest): AsyncGenerator<Uint8Array[]> {
  const { height } = request;
  if (tree === 'account' || tree === 'pool') {
    for await (const rows of balancesAt(sql, tree, height)) yield rows.map(encodeAccount);
  } else if (tree === 'params') {
    yield (await paramsAt(sql, height)).map(encodeParam);
  } else if (tree === 'transactions') {
    for await (const rows of windowAt(sql, request)) yield rows.map(({ bytes }) => bytes);
  } else {
    for await (const rows of actorsAt(sql, ACTOR_TYPES[tree], height)) {
      yield rows.filter(({ removed }) => !removed).map((row) => encodeActor(actorOf(row)));
    }
  }
}

function balancesAt(sql: Sql, table: 'account' | 'pool', height: bigint): AsyncIterable<AccountRow[]> {
  return sql<AccountRow[]>`
    select distinct on (address) address, amount from ${sql(table)} where height <= ${height}
    order by address, height desc`.cursor(SLICE_ROWS);
}

function actorsAt(sql: Sql, type: number, height: bigint): AsyncIterable<(ActorRow & { removed: boolean })[]> {
  return sql<(ActorRow & { removed: boolean })[]>`
    select distinct on (address) actor_type, address, public_key, to_json(chains)::text as chains, service_url,
      staked_amount, paused_height, unstaking_height, output_address, missed_blocks, punished_height, removed
    from actor where actor_type = ${type} and height <= ${height}
    order by address, height desc`.cursor(SLICE_ROWS);
}

function paramsAt(sql: Sql, height: bigint): Promise<ParamRow[]> {
  return sql<ParamRow[]>`
    select name, value, height from (
      select distinct on (name) name, value, height from param where height <= ${height}
      order by name desc, height desc) latest
    order by name collate "C"`;
}

/** The replay window of a height (core/window.ts): what was committed up to it, and may not be committed again. */
function windowAt(sql: Sql, { height, windowBlocks }: SnapshotRequest): AsyncIterable<{ bytes: Uint8Array }[]> {
  const from = height - BigInt(windowBlocks);
  return sql<{ bytes: Uint8Array }[]>`
    select bytes from (
      select replay_key, bytes from tx
      where height between ${from} and ${height} and valid_until_height >= ${height}
      union all
      select replay_key, bytes from tx where height <= ${height} and valid_until_height = 0
      union all
      select replay_key, bytes from remembered where valid_until_height >= ${height} or valid_until_height = 0) w
    order by replay_key`.cursor(SLICE_ROWS);
}
