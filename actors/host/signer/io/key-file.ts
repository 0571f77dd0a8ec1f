import { readFileSync, statSync } from 'node:fs';
import { CodedError, toErrorRecord } from '../../../../runtime/errors.ts';
import { fromHex } from '../../../pocket/chain/hex.ts';

/** Reads the seed of the validator key. @throws CodedError SIGNER_KEY_UNREADABLE, SIGNER_KEY_MODE */
export async function loadValidatorSeed(path: string): Promise<Uint8Array> {
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new CodedError('SIGNER_KEY_MODE', `${path} may be read by others: chmod 600 it.`, { path });
    }
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const seed = fromHex(String((value as { seed?: unknown } | null)?.seed));
    if (seed.length !== 32) throw new Error('not 32 bytes');
    return seed;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError('SIGNER_KEY_UNREADABLE', `${path}: ${toErrorRecord(error).message}`, { path });
  }
}
