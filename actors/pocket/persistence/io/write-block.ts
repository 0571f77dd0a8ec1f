import { CodedError } from '../../../../runtime/errors.ts';
import type { Actor } from '../../chain/actor.ts';
import { encodeHeader, type Header } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { ParamRow } from '../core/entries.ts';
import type { GenesisBlock } from '../core/genesis.ts';
import type { RememberedRow, SnapshotRows } from '../core/snapshot-rows.ts';
import type { StagedBlock } from '../core/staging.ts';
import type { AccountRow, ActorKey } from '../protocol.ts';
import { type ColumnValue, type CopyTarget, copyRows } from './copy.ts';
import type { Transaction } from './database.ts';

const TRANSACTIONS: CopyTarget = {
  table: 'tx',
  columns: {
    height: 'int8',
    index: 'int4',
    hash: 'bytea',
    replay_key: 'bytea',
    valid_until_height: 'int8',
    code: 'int4',
    error: 'text',
    signer: 'bytea',
    recipient: 'bytea',
    message_type: 'text',
    bytes: 'bytea',
  },
};
const BALANCE_COLUMNS = { address: 'bytea', height: 'int8', amount: 'numeric' } as const;
const ACTORS: CopyTarget = {
  table: 'actor',
  columns: {
    actor_type: 'int2',
    address: 'bytea',
    height: 'int8',
    public_key: 'bytea',
    chains: 'text[]',
    service_url: 'text',
    staked_amount: 'numeric',
    paused_height: 'int8',
    unstaking_height: 'int8',
    output_address: 'bytea',
    missed_blocks: 'int8',
    punished_height: 'int8',
    removed: 'bool',
  },
};
const PARAMS: CopyTarget = { table: 'param', columns: { name: 'text', height: 'int8', value: 'text' } };
const REMEMBERED: CopyTarget = {
  table: 'remembered',
  columns: { replay_key: 'bytea', hash: 'bytea', valid_until_height: 'int8', bytes: 'bytea' },
};

/** What a commit did, for the metrics. */
export interface WriteResult {
  /** False if this very block was there already: an earlier attempt whose answer was lost. */
  readonly written: boolean;
  readonly rows: number;
  /** Transactions that left the journal. */
  readonly unjournaled: number;
}

/**
 * Writes a decided block with everything it brings, and takes back what it settles.
 * @throws COMMIT_CONFLICT
 */
export async function writeBlock(tx: Transaction, block: StagedBlock, commitQc: Uint8Array): Promise<WriteResult> {
  const { header, hash, changes } = block;
  const bodyBytes = block.transactions.reduce((sum, transaction) => sum + transaction.length, 0);
  const isNew = await insertBlock(tx, { header, hash, commitQc, transactions: block.transactions.length, bodyBytes });
  if (!isNew) return { written: false, rows: 0, unjournaled: 0 };
  const rows = transactionRows(block);
  if (rows.length > 0) await copyRows(tx, TRANSACTIONS, rows);
  await writeBalances(tx, 'account', header.height, changes.accounts);
  await writeBalances(tx, 'pool', header.height, changes.pools);
  await writeActors(tx, header.height, changes.actors);
  for (const key of changes.removedActors) await removeActor(tx, header.height, key);
  const gone = await tx()`delete from journal using tx where tx.height = ${header.height} and journal.hash = tx.hash`;
  await tx()`delete from proposal where height <= ${header.height}`;
  const { accounts, pools, actors, removedActors } = changes;
  const total = 1 + rows.length + accounts.length + pools.length + actors.length + removedActors.length;
  return { written: true, rows: total, unjournaled: gone.count };
}

/** Writes block 0 and the state of the genesis file. */
export async function writeGenesis(
  tx: Transaction,
  genesis: GenesisBlock,
  state: { accounts: AccountRow[]; pools: AccountRow[]; actors: Actor[]; params: ReadonlyMap<string, string> },
): Promise<void> {
  const { header, hash } = genesis;
  await insertBlock(tx, { header, hash, commitQc: null, transactions: 0, bodyBytes: 0 });
  await tx()`insert into genesis (hash, json) values (${header.parentHash}, ${genesis.json})`;
  await writeBalances(tx, 'account', 0n, state.accounts);
  await writeBalances(tx, 'pool', 0n, state.pools);
  await writeActors(tx, 0n, state.actors);
  const params = [...state.params].map(([name, value]) => ({ name, value, height: 0n }));
  await writeParams(tx, params);
}

/** Writes the header that a chain without its beginning stands on, and who decided it. */
export async function writeBeginning(
  tx: Transaction,
  block: { header: Header; hash: Uint8Array; commitQc: Uint8Array; voters: Uint8Array },
): Promise<void> {
  await insertBlock(tx, { ...block, transactions: null, bodyBytes: null });
  await tx()`insert into beginning (height, voters) values (${block.header.height}, ${block.voters})`;
}

/** Writes rows of a state that is not built from blocks. */
export async function writeRows(tx: Transaction, height: bigint, { table, rows }: SnapshotRows): Promise<void> {
  if (table === 'actor') await writeActors(tx, height, rows);
  else if (table === 'param') await writeParams(tx, rows);
  else if (table === 'remembered') await copyRows(tx, REMEMBERED, rememberedRows(rows));
  else await writeBalances(tx, table, height, rows);
}

/** @returns false if the same block is there already @throws COMMIT_CONFLICT */
async function insertBlock(
  tx: Transaction,
  block: {
    header: Header;
    hash: Uint8Array;
    commitQc: Uint8Array | null;
    transactions: number | null;
    bodyBytes: number | null;
  },
): Promise<boolean> {
  const { header, hash } = block;
  const bytes = encodeHeader(header);
  const size = block.bodyBytes === null ? null : bytes.length + block.bodyBytes;
  const inserted = await tx()`
    insert into block (height, hash, header, state_hash, parent_hash, proposer, timestamp_ms, commit_qc, transactions,
      size_bytes)
    values (${header.height}, ${hash}, ${bytes}, ${header.stateHash}, ${header.parentHash}, ${header.proposerAddress},
      ${header.timestamp_ms}, ${block.commitQc}, ${block.transactions}, ${size})
    on conflict (height) do nothing`;
  if (inserted.count === 1) return true;
  const [row] = await tx()<{ hash: Uint8Array }[]>`select hash from block where height = ${header.height}`;
  if (row !== undefined && equalBytes(row.hash, hash)) return false;
  throw new CodedError(
    'COMMIT_CONFLICT',
    `the database has another block at height ${header.height}: does another node write into this schema?`,
    { height: header.height, ours: toHex(hash), theirs: row === undefined ? '' : toHex(row.hash) },
  );
}

async function writeBalances(
  tx: Transaction,
  table: 'account' | 'pool',
  height: bigint,
  rows: readonly AccountRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await copyRows(tx, { table, columns: BALANCE_COLUMNS }, balanceRows(height, rows));
}

function* balanceRows(height: bigint, rows: readonly AccountRow[]): Generator<ColumnValue[]> {
  for (const { address, amount } of rows) yield [address, height, amount];
}

async function writeParams(tx: Transaction, rows: readonly ParamRow[]): Promise<void> {
  await copyRows(
    tx,
    PARAMS,
    rows.map(({ name, height, value }) => [name, height, value]),
  );
}

function* rememberedRows(rows: readonly RememberedRow[]): Generator<ColumnValue[]> {
  for (const { replayKey, hash, validUntilHeight, bytes } of rows) yield [replayKey, hash, validUntilHeight, bytes];
}

function transactionRows(block: StagedBlock): ColumnValue[][] {
  return block.receipts.map((receipt, index) => [
    block.header.height,
    index,
    receipt.hash,
    receipt.replayKey,
    receipt.validUntilHeight,
    receipt.code,
    receipt.error,
    receipt.signer,
    receipt.recipient,
    receipt.messageType,
    block.transactions[index] as Uint8Array,
  ]);
}

async function writeActors(tx: Transaction, height: bigint, actors: readonly Actor[]): Promise<void> {
  if (actors.length === 0) return;
  await copyRows(
    tx,
    ACTORS,
    actors.map((actor) => actorRow(height, actor)),
  );
}

/** From this height on there is no such actor: a row says so, as rows are only ever inserted. */
async function removeActor(tx: Transaction, height: bigint, { type, address }: ActorKey): Promise<void> {
  await tx()`
    insert into actor (actor_type, address, height, public_key, chains, service_url, staked_amount, paused_height,
      unstaking_height, output_address, missed_blocks, punished_height, removed)
    select actor_type, address, ${height}, public_key, chains, service_url, 0, paused_height, unstaking_height,
      output_address, missed_blocks, punished_height, true
    from actor where actor_type = ${type} and address = ${address} order by height desc limit 1`;
}

function actorRow(height: bigint, actor: Actor): ColumnValue[] {
  return [
    actor.type,
    actor.address,
    height,
    actor.publicKey,
    actor.chains,
    actor.serviceUrl,
    actor.stakedAmount,
    actor.pausedHeight,
    actor.unstakingHeight,
    actor.output,
    actor.missedBlocks,
    actor.punishedHeight,
    false,
  ];
}
