import { CodedError } from '../../../../runtime/errors.ts';
import { ACTOR_VALIDATOR, type Actor } from '../../chain/actor.ts';
import { decodeHeader, type Header } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import { decodeValidatorSet, type ValidatorSet } from '../../chain/validators.ts';
import type { TipState } from '../core/chain-state.ts';
import { accountEntries, actorEntries, type ParamRow, paramEntries } from '../core/entries.ts';
import { differingTrees } from '../core/header.ts';
import { StateTries } from '../core/tries.ts';
import { type ValidatorRules, Validators } from '../core/validators.ts';
import { isInWindow, ReplayWindow, type WindowEntry, windowEntries } from '../core/window.ts';
import type { AccountRow } from '../protocol.ts';
import type { Sql } from './client.ts';
import type { Transaction } from './database.ts';

/** Rows read at once: bounds the memory of a rebuild. */
const BATCH_ROWS = 10_000;

interface BlockRow {
  hash: Uint8Array;
  header: Uint8Array;
  commit_qc: Uint8Array | null;
}
/** A row of table actor; `chains` as the text of a JSON list. */
export interface ActorRow {
  actor_type: number;
  address: Uint8Array;
  public_key: Uint8Array;
  chains: string;
  service_url: string;
  staked_amount: bigint;
  paused_height: bigint;
  unstaking_height: bigint;
  output_address: Uint8Array;
  missed_blocks: bigint;
  punished_height: bigint;
}

/** SHA-256 of the genesis file this schema was made from; null if it is empty. */
export async function readGenesisHash(tx: Transaction): Promise<Uint8Array | null> {
  const [row] = await tx()<{ hash: Uint8Array }[]>`select hash from genesis`;
  return row?.hash ?? null;
}

/**
 * Reads the last block and rebuilds its state from the latest rows.
 * @param rules who of the validators decide
 * @param windowBlocks how far ahead a transaction's last height may lie
 * @throws STATE_CORRUPT
 */
export async function loadState(
  tx: Transaction,
  windowBlocks: number,
  rules: ValidatorRules,
): Promise<{ tip: TipState; window: ReplayWindow }> {
  const [block] = await tx()<BlockRow[]>`select hash, header, commit_qc from block order by height desc limit 1`;
  if (block === undefined) throw new CodedError('STATE_CORRUPT', 'the database has a genesis but no block');
  const header = decodeHeader(block.header);
  const window = new ReplayWindow();
  let tries = StateTries.empty();
  for (const [tree, table] of [
    ['account', 'account'],
    ['pool', 'pool'],
  ] as const) {
    for await (const rows of latestBalances(tx, table)) tries = tries.advance({ [tree]: accountEntries(rows) });
  }
  const actors = await actorsAt(tx(), header.height);
  tries = tries.advance({
    ...actorEntries({ actors, removedActors: [] }),
    params: paramEntries(await latestParams(tx)),
  });
  for await (const entries of windowRows(tx, header.height, BigInt(windowBlocks))) {
    tries = tries.advance({ transactions: windowEntries(header.height, [], entries) });
    window.add(header.height, entries);
  }
  requireEqual(header, tries);
  const validators = Validators.of(rules, actors);
  const voters = await readVoters(tx(), header, rules);
  return { tip: { header, hash: block.hash, commitQc: block.commit_qc, tries, validators, voters }, window };
}

/** Who decided a block. Nobody decided genesis: those that it names stand in. */
export async function readVoters(sql: Sql, { height }: Header, rules: ValidatorRules): Promise<ValidatorSet> {
  const [beginning] = await sql<{ voters: Uint8Array }[]>`select voters from beginning where height = ${height}`;
  if (beginning !== undefined) return decodeValidatorSet(beginning.voters);
  return (await readValidators(sql, height > 0n ? height - 1n : height, rules)).active;
}

/** The validators of the state of a height. */
export async function readValidators(sql: Sql, height: bigint, rules: ValidatorRules): Promise<Validators> {
  return Validators.of(rules, await actorsAt(sql, height, ACTOR_VALIDATOR));
}

function requireEqual(header: TipState['header'], tries: StateTries): void {
  if (equalBytes(header.stateHash, tries.stateHash)) return;
  const trees = differingTrees(tries.treeHashes, header.stateTreeHashes);
  throw new CodedError(
    'STATE_CORRUPT',
    `the rows in the database do not give the state of block ${header.height} (${trees.join(', ')} differ): ` +
      'restore a backup, or delete the database of this node and let it sync.',
    { height: header.height, trees, stored: toHex(header.stateHash), computed: toHex(tries.stateHash) },
  );
}

function latestBalances(tx: Transaction, table: 'account' | 'pool'): AsyncIterable<AccountRow[]> {
  const sql = tx();
  return sql<AccountRow[]>`
    select distinct on (address) address, amount from ${sql(table)} order by address desc, height desc
  `.cursor(BATCH_ROWS);
}

/** Everyone staked at a height, or those of one type. */
async function actorsAt(sql: Sql, height: bigint, type: number | null = null): Promise<Actor[]> {
  const rows = await sql<ActorRow[]>`
    select * from (
      select distinct on (actor_type, address) actor_type, address, public_key, to_json(chains)::text as chains,
        service_url, staked_amount, paused_height, unstaking_height, output_address, missed_blocks, punished_height,
        removed
      from actor where height <= ${height} ${type === null ? sql`` : sql`and actor_type = ${type}`}
      order by actor_type desc, address desc, height desc) latest
    where not removed`;
  return rows.map(actorOf);
}

export function actorOf(row: ActorRow): Actor {
  return {
    type: row.actor_type,
    address: row.address,
    publicKey: row.public_key,
    chains: JSON.parse(row.chains) as string[],
    serviceUrl: row.service_url,
    stakedAmount: row.staked_amount,
    pausedHeight: row.paused_height,
    unstakingHeight: row.unstaking_height,
    output: row.output_address,
    missedBlocks: row.missed_blocks,
    punishedHeight: row.punished_height,
  };
}

async function latestParams(tx: Transaction): Promise<ParamRow[]> {
  return tx()<ParamRow[]>`
    select distinct on (name) name, value, height from param order by name desc, height desc`;
}

/** Transactions that the state of `height` remembers: a bound one was committed at most a window ago. */
async function* windowRows(tx: Transaction, height: bigint, windowBlocks: bigint): AsyncGenerator<WindowEntry[]> {
  const from = height > windowBlocks ? height - windowBlocks : 0n;
  const batches = tx()<{ replay_key: Uint8Array; valid_until_height: bigint; bytes: Uint8Array }[]>`
    select replay_key, valid_until_height, bytes from tx where height >= ${from} and valid_until_height >= ${height}
    union all
    select replay_key, valid_until_height, bytes from tx where valid_until_height = 0
    union all
    select replay_key, valid_until_height, bytes from remembered
  `.cursor(BATCH_ROWS);
  for await (const rows of batches) {
    yield rows
      .map((row) => ({ replayKey: row.replay_key, validUntilHeight: row.valid_until_height, bytes: row.bytes }))
      .filter((entry) => isInWindow(entry, height));
  }
}
