import { readFileSync } from 'node:fs';
import { machineDigest } from '../core/binding.ts';

const MACHINE_ID = '/etc/machine-id';

/** Digest of this machine's id; null where there is none that can be read. */
export function thisMachine(): Uint8Array | null {
  try {
    return machineDigest(readFileSync(MACHINE_ID, 'utf8'));
  } catch {
    return null;
  }
}
