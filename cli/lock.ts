import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError } from '../runtime/errors.ts';
import { takeFileLock } from '../runtime/file-lock.ts';

/**
 * Takes the lock at `path` for this process; returns how to release it. A lock of a dead process is taken over.
 * @param what names what is locked, for the message
 * @throws HOME_IN_USE
 */
export function takeLock(path: string, what: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const attempt = takeFileLock(path);
  if (attempt.taken) return attempt.release;
  throw new CodedError('HOME_IN_USE', `${what} is in use by process ${attempt.holder ?? 'unknown'}: stop it first`, {
    path,
    pid: attempt.holder,
  });
}
