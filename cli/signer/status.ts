import type { RecordOwner } from '../../actors/host/signer/core/record.ts';
import { type FoundRecord, RecordFile } from '../../actors/host/signer/io/record-file.ts';
import { decodeQc } from '../../actors/pocket/chain/consensus.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import { lockHolder } from '../../runtime/file-lock.ts';

/** Why the record would not be signed with as it is; `ready` if it would. */
type Verdict = 'ready' | 'new' | 'copied' | 'stale' | 'foreign';

/** What `potoroo signer status` tells, in its JSON form. */
export interface RecordStatus {
  readonly verdict: Verdict;
  readonly address: string;
  readonly network: string;
  readonly file: string;
  /** Process that signs with it now. */
  readonly used_by: number | null;
  readonly height: bigint;
  readonly round: number;
  readonly step: number;
  /** What the key is locked on at that height. */
  readonly lock: { readonly round: number; readonly block: string } | null;
  readonly floor: bigint;
  readonly fresh: boolean;
  readonly stale: { readonly height: bigint; readonly round: number } | null;
  /** False for a record of an earlier version, until it is opened for signing. */
  readonly bound: boolean;
  readonly copied: 'machine' | 'file' | null;
}

/** Looks at the record, which may be in use; null where there is none. @throws SIGNER_RECORD_CORRUPT, SIGNER_RECORD_IO */
export function recordStatus(file: string, owner: RecordOwner): RecordStatus | null {
  const found = RecordFile.look(file);
  if (found === null) return null;
  const { stored, copied } = found;
  const { height, round, step, lockedQc } = stored.state;
  const locked = lockedQc === null ? null : decodeQc(lockedQc);
  return {
    verdict: verdict(found, owner),
    address: toHex(stored.owner.address),
    network: stored.owner.networkId,
    file,
    used_by: lockHolder(`${file}.lock`),
    height,
    round,
    step,
    lock: locked === null ? null : { round: locked.round, block: toHex(locked.blockHash) },
    ...stored.guard,
    bound: stored.binding !== null,
    copied,
  };
}

function verdict({ stored, copied }: FoundRecord, { address, networkId }: RecordOwner): Verdict {
  const { owner, guard } = stored;
  if (!equalBytes(owner.address, address) || owner.networkId !== networkId) return 'foreign';
  if (copied !== null) return 'copied';
  if (guard.stale !== null) return 'stale';
  return guard.fresh && stored.state.height === 0n ? 'new' : 'ready';
}

const STEPS = ['none', 'NEWROUND', 'PREPARE', 'PRECOMMIT', 'COMMIT', 'DECIDE'];

/** For people. */
export function statusLines(status: RecordStatus): string[] {
  const { height, round, step, lock, floor, used_by } = status;
  const fields: [string, string][] = [
    ['validator', status.address],
    ['network', status.network],
    ['record', status.file],
    ['used by', used_by === null ? 'nobody' : `process ${used_by}`],
    ['last signed', height === 0n ? 'nothing' : `height ${height}, round ${round}, ${STEPS[step]}`],
    ['locked on', lock === null ? 'nothing' : `block ${lock.block} of round ${lock.round}`],
    ['signs', floor === 0n ? 'wherever the rules allow' : `from height ${floor + 1n} on`],
    ['verdict', VERDICTS[status.verdict](status)],
  ];
  return fields.map(([name, value]) => `${name.padEnd(12)} ${value}`);
}

const VERDICTS: Record<Verdict, (status: RecordStatus) => string> = {
  ready: ({ bound }) => (bound ? 'ready' : 'ready; the next start binds it to this machine and file'),
  new: () => 'new: right only if this key has never signed on this network',
  copied: ({ copied }) =>
    `refused: ${copied === 'machine' ? 'bound to another machine' : 'a copy, or restored from a backup'} (SIGNER_RECORD_COPIED)`,
  stale: ({ stale }) =>
    `refused: the key was seen to vote at height ${stale?.height}, round ${stale?.round} (SIGNER_RECORD_STALE)`,
  foreign: () => 'refused: it belongs to another key or network than this home (SIGNER_RECORD_FOREIGN)',
};
