import { sha256 } from '../../../../wasm/hash.ts';
import {
  encodeSnapshotChunk,
  MAX_SNAPSHOT_CHUNK_BYTES,
  SNAPSHOT_CHUNK_FRAME_BYTES,
  type SnapshotChunkInfo,
  type SnapshotTree,
  snapshotValueBytes,
} from '../../chain/snapshot.ts';

/** A chunk as it is written to disk and listed in the manifest. */
export interface CutChunk {
  readonly bytes: Uint8Array;
  readonly info: SnapshotChunkInfo;
}

/**
 * Cuts the values of the trees into chunks: each takes as many values as fit. Where the cuts are follows from the values
 * alone, so all nodes make the same chunks.
 */
export class ChunkCutter {
  #tree: SnapshotTree | null = null;
  #values: Uint8Array[] = [];
  #bytes = SNAPSHOT_CHUNK_FRAME_BYTES;

  /** Takes the next value; gives the chunk that was full before it. @throws SNAPSHOT_MALFORMED */
  add(tree: SnapshotTree, value: Uint8Array): CutChunk | null {
    const bytes = snapshotValueBytes(value);
    const isFull = tree !== this.#tree || this.#bytes + bytes > MAX_SNAPSHOT_CHUNK_BYTES;
    const full = isFull ? this.end() : null;
    this.#tree = tree;
    this.#values.push(value);
    this.#bytes += bytes;
    return full;
  }

  /** The last chunk; null where nothing is left. @throws SNAPSHOT_MALFORMED */
  end(): CutChunk | null {
    if (this.#tree === null || this.#values.length === 0) return null;
    const [tree, values] = [this.#tree, this.#values];
    this.#values = [];
    this.#bytes = SNAPSHOT_CHUNK_FRAME_BYTES;
    const bytes = encodeSnapshotChunk({ tree, values });
    return { bytes, info: { tree, hash: sha256(bytes), bytes: bytes.length, rows: values.length } };
  }
}
