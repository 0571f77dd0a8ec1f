import { CodedError } from '../../../../runtime/errors.ts';
import { takeFileLock } from '../../../../runtime/file-lock.ts';

/**
 * Takes the lock of a safety record; returns how to release it.
 * @throws CodedError SIGNER_RECORD_LOCKED
 */
export function takeLock(path: string): () => void {
  const attempt = takeFileLock(path);
  if (attempt.taken) return attempt.release;
  throw new CodedError(
    'SIGNER_RECORD_LOCKED',
    `Process ${attempt.holder ?? 'unknown'} holds ${path}. Stop that node first: two nodes must never sign with one key.`,
    { path, pid: attempt.holder },
  );
}
