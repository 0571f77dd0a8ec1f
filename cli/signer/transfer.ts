import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { accepted } from '../../actors/host/signer/core/guard.ts';
import { type Exported, formatExport, parseExport } from '../../actors/host/signer/core/interchange.ts';
import { mergeRecords } from '../../actors/host/signer/core/merge.ts';
import type { RecordContent, RecordOwner } from '../../actors/host/signer/core/record.ts';
import { RecordFile } from '../../actors/host/signer/io/record-file.ts';
import { equalBytes, toHex } from '../../actors/pocket/chain/hex.ts';
import { CodedError } from '../../runtime/errors.ts';

/** Two certificates of the largest validator set in hex, and some: nothing that is larger is read into memory. */
const MAX_EXPORT_BYTES = 1_048_576;

/**
 * Writes what the key has promised to a file of mode 0600, which must not exist. The record is locked meanwhile, so that
 * nothing is signed after it.
 * @throws SIGNER_RECORD_*, FILE_UNUSABLE
 */
export function exportRecord(path: string, owner: RecordOwner, out: string): Exported {
  if (!existsSync(path)) throw missing(path);
  const { file } = RecordFile.open(path, owner, 'take');
  try {
    const exported = { owner, state: file.state, guard: file.guard };
    writeFileSync(out, formatExport(exported), { flag: 'wx', mode: 0o600 });
    return exported;
  } finally {
    file.close();
  }
}

/** Reads an export of this home's key. @throws SIGNER_EXPORT_INVALID, SIGNER_RECORD_FOREIGN */
export function readExport(name: string, owner: RecordOwner): Exported {
  const text = statSync(name).size > MAX_EXPORT_BYTES ? '' : readFileSync(name, 'utf8');
  const exported = parseExport(text, name);
  const { address, networkId } = exported.owner;
  if (equalBytes(address, owner.address) && networkId === owner.networkId) return exported;
  throw new CodedError(
    'SIGNER_RECORD_FOREIGN',
    `${name} is of validator ${toHex(address)} on network ${networkId}, this home of ${toHex(owner.address)} on ${owner.networkId}: import it where that key is`,
    { file: name, address: toHex(address), networkId },
  );
}

/**
 * Adds what an export knows to the record, or makes the record of it; nothing is lowered. The record is bound to this
 * machine and file.
 * @param soleSigner the operator answers for there being no other signer: takes a copy, and ends staleness
 * @throws SIGNER_RISK, SIGNER_RECORD_*, SIGNER_RECORDS_CONTRADICT
 */
export function importRecord(path: string, owner: RecordOwner, exported: Exported, soleSigner: boolean): RecordContent {
  if (!soleSigner) checkRiskless(path, exported);
  return rewritten(path, owner, (content) => {
    const { state, guard } = mergeRecords(content, exported);
    return { state, guard: soleSigner ? accepted(guard, 0n) : guard };
  });
}

/**
 * Takes the record as it is, on the operator's word that there is no other signer.
 * @param reached height of the network; without it the record must say how far the key was seen to sign
 * @throws SIGNER_RISK, USAGE, SIGNER_RECORD_*
 */
export function acceptRecord(path: string, owner: RecordOwner, reached: bigint | undefined): RecordContent {
  const found = RecordFile.look(path);
  if (found === null) throw missing(path);
  if (found.copied !== null && reached === undefined) {
    throw new CodedError(
      'SIGNER_RISK',
      'the record was copied, so it does not tell how far its key has signed: give --height, the height that the network has reached (`potoroo query height`)',
      { path },
    );
  }
  return rewritten(path, owner, ({ state, guard }) => ({ state, guard: accepted(guard, reached ?? 0n) }));
}

function rewritten(path: string, owner: RecordOwner, change: (content: RecordContent) => RecordContent): RecordContent {
  const { file } = RecordFile.open(path, owner, 'take');
  try {
    const content = change({ state: file.state, guard: file.guard });
    file.write(content);
    return content;
  } finally {
    file.close();
  }
}

function checkRiskless(path: string, exported: Exported): void {
  const found = RecordFile.look(path);
  const stale = found?.stored.guard.stale ?? exported.guard.stale;
  const reason = found?.copied
    ? 'the record here is a copy'
    : stale
      ? 'a vote of the key was seen that is in neither'
      : '';
  if (reason === '') return;
  throw new CodedError(
    'SIGNER_RISK',
    `${reason}: another signer may use this key, and two of them fork the chain. Make sure that none runs, then give --sole-signer`,
    { path },
  );
}

function missing(path: string): CodedError {
  return new CodedError(
    'SIGNER_RECORD_MISSING',
    `there is no safety record ${path}: nothing was signed from this home`,
    {
      path,
    },
  );
}
