import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { blockHash } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { SnapshotManifest } from '../../chain/snapshot.ts';
import { encodeValidatorSet } from '../../chain/validators.ts';
import { SnapshotReader } from '../core/snapshot-rows.ts';
import type { ValidatorRules } from '../core/validators.ts';
import type { Transaction } from './database.ts';
import { loadState } from './load-state.ts';
import { SCHEMA_LOCK } from './migrate.ts';
import type { IncomingSnapshot } from './snapshot-incoming.ts';
import { writeBeginning, writeRows } from './write-block.ts';

/** What stands for blocks and state in the database. Genesis (block 0 and its file) and the journal stay. */
const EMPTIED = ['account', 'pool', 'actor', 'param', 'flag', 'tx', 'proposal', 'remembered', 'beginning'] as const;

/**
 * Puts the state of a snapshot in the place of the chain in the database, in the transaction of the caller, and rebuilds
 * the state from the rows as every start does. Whoever reads meanwhile sees what was there before.
 * @throws SNAPSHOT_INVALID, SNAPSHOT_INCOMPLETE, SNAPSHOT_NOT_NEEDED, STATE_HASH_MISMATCH
 */
export async function restoreSnapshot(
  tx: Transaction,
  incoming: IncomingSnapshot,
  options: { windowBlocks: number; rules: ValidatorRules },
): ReturnType<typeof loadState> {
  const { manifest } = incoming;
  await tx()`set local statement_timeout = 0`;
  // A next life of this actor waits at its migration until the server knows what became of this transaction.
  await tx()`select pg_advisory_xact_lock(${SCHEMA_LOCK})`;
  if (!(await isThere(tx, manifest))) await replaceChain(tx, incoming);
  try {
    const state = await loadState(tx, options.windowBlocks, options.rules);
    requireNext(state.tip.validators.hash, manifest);
    return state;
  } catch (error) {
    if (!hasCode(error, 'STATE_CORRUPT')) throw error;
    const { height } = manifest.header;
    const message = `the rows of the snapshot do not give the state of block ${height}: fetch another one, from another peer.`;
    throw new CodedError('STATE_HASH_MISMATCH', message, { ...(error as CodedError).data }, { cause: error });
  }
}

/** True where an earlier attempt was through and only its answer was lost. @throws SNAPSHOT_NOT_NEEDED */
async function isThere(tx: Transaction, { header }: SnapshotManifest): Promise<boolean> {
  const [tip] = await tx()<{ height: bigint; hash: Uint8Array }[]>`
    select height, hash from block order by height desc limit 1`;
  if (tip !== undefined && equalBytes(tip.hash, blockHash(header))) return true;
  requireBelow(tip?.height ?? 0n, header.height);
  return false;
}

/** The block after the tip is fetched as a block: skipping none, a snapshot saves nothing. @throws SNAPSHOT_NOT_NEEDED */
export function requireBelow(tip: bigint, height: bigint): void {
  if (tip + 1n < height) return;
  throw new CodedError(
    'SNAPSHOT_NOT_NEEDED',
    `the snapshot is of height ${height}, and this node is at ${tip}: fetch blocks instead.`,
    { height, tip },
  );
}

async function replaceChain(tx: Transaction, incoming: IncomingSnapshot): Promise<void> {
  const { header, commitQc, voters } = incoming.manifest;
  // Not truncate: it would lock out whoever reads, for as long as all this takes.
  for (const table of EMPTIED) await tx()`delete from ${tx()(table)}`;
  await tx()`delete from block where height > 0`;
  const reader = new SnapshotReader(header.height);
  for await (const { info, bytes } of incoming.chunks()) {
    for (const rows of reader.read(info, bytes)) await writeRows(tx, header.height, rows);
  }
  await writeBeginning(tx, { header, hash: blockHash(header), commitQc, voters: encodeValidatorSet(voters) });
  await tx()`delete from journal using remembered where journal.hash = remembered.hash`;
}

/** The state hash binds the validators, so only rules of another network can make others of them. */
function requireNext(hash: Uint8Array, { header }: SnapshotManifest): void {
  if (equalBytes(hash, header.nextValSetHash)) return;
  throw new CodedError('SNAPSHOT_INVALID', 'the validators of the snapshot are not those that its header names.', {
    expected: toHex(header.nextValSetHash),
    found: toHex(hash),
  });
}
