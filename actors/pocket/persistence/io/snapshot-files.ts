import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the parts of a snapshot lie in its directory: the same for one that was made and one that comes in. */

export function manifestFile(directory: string): string {
  return join(directory, 'manifest');
}

export function chunkFile(directory: string, index: number): string {
  return join(directory, `chunk-${String(index).padStart(5, '0')}`);
}

/** The content of a file; null where there is none. */
export async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
