import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../../../runtime/errors.ts';
import {
  decodeSnapshotManifest,
  encodeSnapshotManifest,
  MAX_SNAPSHOT_CHUNKS,
  type SnapshotChunkInfo,
  type SnapshotManifest,
} from '../../chain/snapshot.ts';
import type { CutChunk } from '../core/snapshot-chunks.ts';
import { syncDirectory, writeDurable } from './durable-file.ts';
import { chunkFile, manifestFile, readIfThere } from './snapshot-files.ts';

/** The newest, and the one before it, which a peer may be halfway through. */
const KEPT = 2;
/** Directory of a snapshot that is being made. */
const UNFINISHED = '.new';

/**
 * The snapshots that were made, each in a directory named by its height. A directory has its final name only when all of
 * it is on disk.
 */
export class SnapshotStore {
  readonly #directory: string;
  #heights: bigint[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory, removes what was left unfinished, and finds what is there. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const names = await readdir(this.#directory);
    for (const name of names.filter((one) => one.endsWith(UNFINISHED))) await this.#delete(name);
    this.#heights = names.filter((name) => /^[1-9][0-9]{0,18}$/.test(name)).map(BigInt);
    this.#heights.sort(ascending);
  }

  /** By ascending height. */
  get heights(): readonly bigint[] {
    return this.#heights;
  }

  /** Canonical bytes; null where there is no such snapshot. */
  async manifest(height: bigint): Promise<Uint8Array | null> {
    return this.#heights.includes(height) ? readIfThere(manifestFile(this.#place(height))) : null;
  }

  async chunk(height: bigint, index: number): Promise<Uint8Array | null> {
    const isIndex = Number.isInteger(index) && index >= 0 && index < MAX_SNAPSHOT_CHUNKS;
    return isIndex && this.#heights.includes(height) ? readIfThere(chunkFile(this.#place(height), index)) : null;
  }

  /** Reads a manifest; null for one that is of another version, or damaged. */
  async read(height: bigint): Promise<SnapshotManifest | null> {
    const bytes = await this.manifest(height);
    try {
      return bytes === null ? null : decodeSnapshotManifest(bytes);
    } catch (error) {
      if (error instanceof CodedError) return null;
      throw error;
    }
  }

  /** Begins a snapshot anew. */
  async begin(height: bigint): Promise<UnfinishedSnapshot> {
    const place = this.#place(height);
    const unfinished = `${place}${UNFINISHED}`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    return new UnfinishedSnapshot(unfinished, () => this.adopt(unfinished, height));
  }

  /** Takes a complete directory as the snapshot of a height, and removes those that are too many. */
  async adopt(complete: string, height: bigint): Promise<void> {
    await syncDirectory(complete);
    await rm(this.#place(height), { recursive: true, force: true });
    await rename(complete, this.#place(height));
    await syncDirectory(this.#directory);
    this.#heights = [...this.#heights.filter((one) => one !== height), height].sort(ascending);
    for (const old of this.#heights.slice(0, -KEPT)) await this.remove(old);
  }

  async remove(height: bigint): Promise<void> {
    this.#heights = this.#heights.filter((one) => one !== height);
    await this.#delete(String(height));
  }

  #place(height: bigint): string {
    return join(this.#directory, String(height));
  }

  #delete(name: string): Promise<void> {
    return rm(join(this.#directory, name), { recursive: true, force: true });
  }
}

/** A snapshot on its way to the disk. */
class UnfinishedSnapshot {
  readonly #directory: string;
  readonly #finish: () => Promise<void>;
  readonly #chunks: SnapshotChunkInfo[] = [];
  /** Of the chunks so far. */
  bytes = 0;

  constructor(directory: string, finish: () => Promise<void>) {
    this.#directory = directory;
    this.#finish = finish;
  }

  async add(chunk: CutChunk): Promise<void> {
    await writeDurable(chunkFile(this.#directory, this.#chunks.length), chunk.bytes);
    this.#chunks.push(chunk.info);
    this.bytes += chunk.bytes.length;
  }

  /** Header, QC and voters as canonical bytes. */
  async finish(parts: { header: Uint8Array; commitQc: Uint8Array; voters: Uint8Array }): Promise<void> {
    const manifest = encodeSnapshotManifest({ ...parts, chunks: this.#chunks });
    await writeDurable(manifestFile(this.#directory), manifest);
    await this.#finish();
  }
}

export type { UnfinishedSnapshot };

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}
