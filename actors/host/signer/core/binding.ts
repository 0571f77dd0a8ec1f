import { CodedError } from '../../../../runtime/errors.ts';
import { sha256 } from '../../../../wasm/hash.ts';
import { equalBytes } from '../../../pocket/chain/hex.ts';

/** The place that a record lives in. A copy of the file has another one. */
export interface Binding {
  /** Digest of the machine's id (32 bytes); null where it has none, as in most containers. */
  readonly machine: Uint8Array | null;
  /** Inode number of the record file: stays through restarts and renames, changes with copies and restored backups. */
  readonly inode: bigint;
}

/** Keeps the digest from being of use elsewhere: machine-id(5) asks that the id itself is not spread. */
const DOMAIN = 'potoroo/signer/machine/v1';

/** @param id text of /etc/machine-id @returns null for an empty one: an image that was never booted has that */
export function machineDigest(id: string): Uint8Array | null {
  const text = id.trim();
  return text === '' ? null : sha256(new TextEncoder().encode(`${DOMAIN}\n${text}`));
}

/**
 * Why a record that was bound to `bound` cannot be the original if it is found at `here`; null if it can. A machine
 * without an id tells nothing: there the file alone decides.
 */
export function copyEvidence(bound: Binding, here: Binding): 'machine' | 'file' | null {
  const machines = bound.machine !== null && here.machine !== null;
  if (machines && !equalBytes(bound.machine!, here.machine!)) return 'machine';
  return bound.inode === here.inode ? null : 'file';
}

/** @throws CodedError SIGNER_RECORD_COPIED */
export function checkBinding(path: string, bound: Binding, here: Binding): void {
  const evidence = copyEvidence(bound, here);
  if (evidence === null) return;
  const what = evidence === 'machine' ? 'was written on another machine' : 'is a copy, or was restored from a backup';
  throw new CodedError(
    'SIGNER_RECORD_COPIED',
    `${path} ${what}: the signer that it is from may have gone on signing, and two signers with one key fork the chain. Look at it with \`potoroo signer status\`. To move a validator, export on the old machine and \`potoroo signer import\` here. If the original is gone for good, \`potoroo signer accept\` takes this one.`,
    { path, evidence },
  );
}
