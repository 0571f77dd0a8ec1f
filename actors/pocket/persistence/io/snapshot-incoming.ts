import { mkdir, rename, rm } from 'node:fs/promises';
import { CodedError } from '../../../../runtime/errors.ts';
import { equalBytes } from '../../chain/hex.ts';
import {
  decodeSnapshotManifest,
  isSnapshotChunk,
  type SnapshotChunkInfo,
  type SnapshotManifest,
} from '../../chain/snapshot.ts';
import { syncDirectory, writeDurable } from './durable-file.ts';
import { chunkFile, manifestFile, readIfThere } from './snapshot-files.ts';

/**
 * The one snapshot that is being fetched. What was fetched is durable: after a restart, the same manifest goes on where it
 * was, and another one begins anew.
 */
export class IncomingSnapshot {
  readonly #directory: string;
  #begun: { bytes: Uint8Array; manifest: SnapshotManifest; missing: Set<number> } | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws SNAPSHOT_NOT_BEGUN */
  get manifest(): SnapshotManifest {
    return this.#required.manifest;
  }

  /** @returns indexes of the chunks that are still missing, ascending @throws SNAPSHOT_* */
  async begin(bytes: Uint8Array): Promise<number[]> {
    const manifest = decodeSnapshotManifest(bytes);
    if (this.#begun === null || !equalBytes(this.#begun.bytes, bytes)) {
      this.#begun = null;
      const stored = await readIfThere(manifestFile(this.#directory));
      const isSame = stored !== null && equalBytes(stored, bytes);
      if (!isSame) await this.#start(bytes);
      this.#begun = { bytes, manifest, missing: await this.#missing(manifest.chunks, isSame) };
    }
    return [...this.#begun.missing];
  }

  /** Keeps a chunk; durable when this resolves. @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_CHUNK_MISMATCH */
  async put(index: number, chunk: Uint8Array): Promise<void> {
    const { manifest, missing } = this.#required;
    const info = manifest.chunks[index];
    if (info === undefined || !isSnapshotChunk(info, chunk))
      throw mismatch(index, chunk.length, manifest.chunks.length);
    if (!missing.has(index)) return;
    const path = chunkFile(this.#directory, index);
    await writeDurable(`${path}.new`, chunk);
    await rename(`${path}.new`, path);
    missing.delete(index);
  }

  /** @throws SNAPSHOT_NOT_BEGUN, SNAPSHOT_INCOMPLETE */
  requireComplete(): void {
    const { manifest, missing } = this.#required;
    if (missing.size === 0) return;
    throw new CodedError(
      'SNAPSHOT_INCOMPLETE',
      `${missing.size} of ${manifest.chunks.length} chunks are missing: fetch them, then end the restore.`,
      { missing: missing.size, chunks: manifest.chunks.length, first: [...missing][0] },
    );
  }

  /** The chunks in order. @throws SNAPSHOT_INCOMPLETE where the disk does not hold what was put there */
  async *chunks(): AsyncGenerator<{ info: SnapshotChunkInfo; bytes: Uint8Array }> {
    const { manifest, missing } = this.#required;
    for (const [index, info] of manifest.chunks.entries()) {
      const bytes = await readIfThere(chunkFile(this.#directory, index));
      if (bytes === null || !isSnapshotChunk(info, bytes)) {
        missing.add(index);
        this.requireComplete();
        return;
      }
      yield { info, bytes };
    }
  }

  /** Gives the complete directory away. */
  async end(take: (directory: string, height: bigint) => Promise<void>): Promise<void> {
    const { height } = this.manifest.header;
    this.#begun = null;
    await take(this.#directory, height);
  }

  async discard(): Promise<void> {
    this.#begun = null;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Drops what was left of a snapshot that the chain has passed, or that cannot be read. */
  async discardUnlessAbove(height: bigint): Promise<void> {
    const stored = await readIfThere(manifestFile(this.#directory));
    if (stored !== null && isAbove(stored, height)) return;
    await this.discard();
  }

  get #required() {
    if (this.#begun !== null) return this.#begun;
    throw new CodedError('SNAPSHOT_NOT_BEGUN', 'no snapshot is being restored: begin with its manifest.');
  }

  async #start(bytes: Uint8Array): Promise<void> {
    await this.discard();
    await mkdir(this.#directory, { recursive: true });
    await writeDurable(manifestFile(this.#directory), bytes);
    await syncDirectory(this.#directory);
  }

  async #missing(chunks: readonly SnapshotChunkInfo[], mayBeThere: boolean): Promise<Set<number>> {
    const missing = new Set<number>();
    for (const [index, info] of chunks.entries()) {
      const bytes = mayBeThere ? await readIfThere(chunkFile(this.#directory, index)) : null;
      if (bytes === null || !isSnapshotChunk(info, bytes)) missing.add(index);
    }
    return missing;
  }
}

function isAbove(manifest: Uint8Array, height: bigint): boolean {
  try {
    return decodeSnapshotManifest(manifest).header.height > height;
  } catch (error) {
    if (error instanceof CodedError) return false;
    throw error;
  }
}

function mismatch(index: number, bytes: number, chunks: number): CodedError {
  return new CodedError(
    'SNAPSHOT_CHUNK_MISMATCH',
    `chunk ${index} is not the one that the manifest lists: fetch it from another peer.`,
    { index, bytes, chunks },
  );
}
