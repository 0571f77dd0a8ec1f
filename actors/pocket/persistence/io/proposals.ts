import { Packr } from 'msgpackr';
import { encodeBlock } from '../../chain/block.ts';
import type { StagedBlock } from '../core/staging.ts';
import type { ChangeSet, ReceiptRow } from '../protocol.ts';
import { byteaArray } from './bytea.ts';
import type { Sql } from './client.ts';

/** What executing a block gave; only this actor reads it back, and never hashes it. */
export interface Outcome {
  readonly changes: ChangeSet;
  readonly receipts: ReceiptRow[];
}

/** First byte of a stored outcome. One of another version is dropped: the block is executed again. */
const OUTCOME_VERSION = 1;
// Amounts go up to 2^128 - 1.
const packr = new Packr({ useRecords: false, useBigIntExtension: true });

function encodeOutcome(outcome: Outcome): Uint8Array {
  return Buffer.concat([Uint8Array.of(OUTCOME_VERSION), packr.pack(outcome)]);
}

/** Null for one that an older or newer version wrote. */
export function decodeOutcome(bytes: Uint8Array): Outcome | null {
  return bytes[0] === OUTCOME_VERSION ? (packr.unpack(bytes.subarray(1)) as Outcome) : null;
}

/** Makes a staged block durable; one that is there already stays. */
export async function insertProposal(sql: Sql, block: StagedBlock): Promise<void> {
  const { header, hash, changes, receipts } = block;
  const bytes = encodeBlock({ header, transactions: [...block.transactions] });
  const outcome = encodeOutcome({ changes, receipts: [...receipts] });
  await sql`
    insert into proposal (hash, parent, height, block, outcome)
    values (${hash}, ${header.parentHash}, ${header.height}, ${bytes}, ${outcome}) on conflict (hash) do nothing`;
}

export async function deleteProposals(sql: Sql, hashes: readonly Uint8Array[]): Promise<void> {
  if (hashes.length === 0) return;
  await sql`delete from proposal where hash = any(${byteaArray(hashes)}::text::bytea[])`;
}

export interface ProposalRow {
  readonly hash: Uint8Array;
  readonly block: Uint8Array;
  readonly outcome: Uint8Array;
}

/** All of them, parents before children. */
export async function readProposals(sql: Sql): Promise<ProposalRow[]> {
  return sql<ProposalRow[]>`select hash, block, outcome from proposal order by height, staged_at`;
}
