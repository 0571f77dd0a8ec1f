import { CodedError } from '../../../runtime/errors.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { blockHash, decodeHeader, type Header } from './block.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format, isUint32 } from './canonical.ts';
import { decodeQc, STEP_COMMIT } from './consensus.ts';
import { SnapshotChunkSchema, SnapshotManifestSchema } from './gen/snapshot_pb.ts';
import { equalBytes } from './hex.ts';
import { HASH_BYTES, MAX_QC_BYTES, MAX_VALUE_BYTES } from './sizes.ts';
import { decodeValidatorSet, type ValidatorSet, validatorSetHash } from './validators.ts';

const SNAPSHOT_VERSION = 1;
/** What a peer holds in memory and sends at once. One largest value fits twice. */
export const MAX_SNAPSHOT_CHUNK_BYTES = 2 * MAX_VALUE_BYTES;
/** 16 GiB of state: some 250 million accounts. */
export const MAX_SNAPSHOT_CHUNKS = 16_384;
/** An entry of a chunk takes about 60 bytes; header, QC and voters have bounds of their own. */
export const MAX_SNAPSHOT_MANIFEST_BYTES = MAX_SNAPSHOT_CHUNKS * 80 + 4 * MAX_QC_BYTES;

/**
 * The state tries that a snapshot holds, by ascending name. The others (flags, ibc) are empty in every state that this
 * node can compute; were they not, the state hash would tell.
 */
export const SNAPSHOT_TREES = ['account', 'app', 'fish', 'params', 'pool', 'servicer', 'transactions', 'val'] as const;
export type SnapshotTree = (typeof SNAPSHOT_TREES)[number];

export interface SnapshotChunkInfo {
  tree: SnapshotTree;
  /** SHA-256 of the chunk, 32 bytes. */
  hash: Uint8Array;
  /** Length of the chunk. */
  bytes: number;
  /** Values in it. */
  rows: number;
}

/**
 * What a snapshot consists of. It proves itself to whoever believes its header: the values give the header's state hash,
 * the voters its `valSetHash`, and the QC names its hash.
 */
export interface SnapshotManifest {
  /** Complete header of the height. */
  header: Header;
  /** Canonical commit QC of the header: the one in the header after it, the same on every node. */
  commitQc: Uint8Array;
  /** Who decided the height. The service URLs are empty. */
  voters: ValidatorSet;
  /** By ascending name of their tree; within a tree by ascending key of their values. */
  chunks: SnapshotChunkInfo[];
}

/** Of a manifest, as canonical bytes. */
interface ManifestParts {
  header: Uint8Array;
  commitQc: Uint8Array;
  /** encodeValidatorSet. */
  voters: Uint8Array;
  chunks: SnapshotChunkInfo[];
}

/** Values of one tree: the very bytes that the trie holds, by ascending key (address, name, replay key). */
export interface SnapshotChunk {
  tree: SnapshotTree;
  values: Uint8Array[];
}

const MANIFEST: Format<typeof SnapshotManifestSchema> = {
  schema: SnapshotManifestSchema,
  name: 'snapshot manifest',
  prefix: 'SNAPSHOT',
  maxBytes: MAX_SNAPSHOT_MANIFEST_BYTES,
};
const CHUNK: Format<typeof SnapshotChunkSchema> = {
  schema: SnapshotChunkSchema,
  name: 'snapshot chunk',
  prefix: 'SNAPSHOT',
  maxBytes: MAX_SNAPSHOT_CHUNK_BYTES,
};

/**
 * @throws SNAPSHOT_MALFORMED, and what its parts raise: only a manifest that proves itself has an encoding
 */
export function encodeSnapshotManifest(parts: ManifestParts): Uint8Array {
  const { header } = manifestOf(parts);
  return encodeCanonical(SnapshotManifestSchema, {
    version: SNAPSHOT_VERSION,
    networkId: header.networkId,
    height: header.height,
    ...parts,
  });
}

/**
 * Reads a manifest and checks that its parts belong together. That the QC is good is the caller's to verify.
 * @throws SNAPSHOT_*, HEADER_*, QC_*, VALIDATORS_*
 */
export function decodeSnapshotManifest(bytes: Uint8Array): SnapshotManifest {
  const wire = decodeCanonical(MANIFEST, bytes);
  checkVersion(wire.version);
  const chunks = wire.chunks.map(({ tree, hash, bytes, rows }) => ({ tree: treeOf(tree), hash, bytes, rows }));
  const manifest = manifestOf({ header: wire.header, commitQc: wire.commitQc, voters: wire.voters, chunks });
  const { height, networkId } = manifest.header;
  ensure(wire.height === height, 'SNAPSHOT', 'height', 'must be that of the header');
  ensure(wire.networkId === networkId, 'SNAPSHOT', 'network_id', 'must be that of the header');
  return manifest;
}

/** @throws SNAPSHOT_MALFORMED, SNAPSHOT_TOO_LARGE */
export function encodeSnapshotChunk(chunk: SnapshotChunk): Uint8Array {
  checkValues(chunk.values);
  const bytes = encodeCanonical(SnapshotChunkSchema, { version: SNAPSHOT_VERSION, ...chunk });
  if (bytes.length <= MAX_SNAPSHOT_CHUNK_BYTES) return bytes;
  throw new CodedError('SNAPSHOT_TOO_LARGE', `a snapshot chunk has at most ${MAX_SNAPSHOT_CHUNK_BYTES} bytes`, {
    bytes: bytes.length,
  });
}

/** Reads a chunk; the values are not decoded. @throws SNAPSHOT_* */
export function decodeSnapshotChunk(bytes: Uint8Array): SnapshotChunk {
  const wire = decodeCanonical(CHUNK, bytes);
  checkVersion(wire.version);
  checkValues(wire.values);
  return { tree: treeOf(wire.tree), values: wire.values };
}

/** True if these are the bytes that a manifest lists. */
export function isSnapshotChunk(info: SnapshotChunkInfo, bytes: Uint8Array): boolean {
  return bytes.length === info.bytes && equalBytes(sha256(bytes), info.hash);
}

/** Bytes that a value takes in a chunk; those of the chunk itself are at most SNAPSHOT_CHUNK_FRAME_BYTES. */
export function snapshotValueBytes(value: Uint8Array): number {
  return value.length + VALUE_FRAME_BYTES;
}
/** Tag and length of one value, at most. */
const VALUE_FRAME_BYTES = 4;
/** Version and name of the tree, at most. */
export const SNAPSHOT_CHUNK_FRAME_BYTES = 32;

function manifestOf(parts: ManifestParts): SnapshotManifest {
  const header = decodeHeader(parts.header);
  const qc = decodeQc(parts.commitQc);
  const voters = decodeValidatorSet(parts.voters);
  ensure(header.height > 0n, 'SNAPSHOT', 'height', 'must be above 0: genesis is in the genesis file');
  ensure(header.stateHash.length === HASH_BYTES, 'SNAPSHOT', 'header', 'must be complete, with a state hash');
  const isOfHeader = qc.step === STEP_COMMIT && qc.height === header.height;
  ensure(isOfHeader, 'SNAPSHOT', 'commit_qc', 'must be a commit QC of the height of the header');
  ensure(equalBytes(qc.blockHash, blockHash(header)), 'SNAPSHOT', 'commit_qc', 'must name the hash of the header');
  const isNamed = equalBytes(validatorSetHash(voters), header.valSetHash);
  ensure(isNamed, 'SNAPSHOT', 'voters', 'must be those that the header names by their hash');
  checkChunks(parts.chunks);
  return { header, commitQc: parts.commitQc, voters, chunks: parts.chunks };
}

function checkChunks(chunks: readonly SnapshotChunkInfo[]): void {
  const fits = chunks.length >= 1 && chunks.length <= MAX_SNAPSHOT_CHUNKS;
  ensure(fits, 'SNAPSHOT', 'chunks', `must be 1 to ${MAX_SNAPSHOT_CHUNKS}`);
  for (const [index, { tree, hash, bytes, rows }] of chunks.entries()) {
    const isAscending = index === 0 || (chunks[index - 1] as SnapshotChunkInfo).tree <= tree;
    ensure(isAscending, 'SNAPSHOT', 'chunks', 'must be by ascending name of their tree');
    ensure(hash.length === HASH_BYTES, 'SNAPSHOT', 'hash', 'must be 32 bytes');
    const isBounded = isUint32(bytes) && bytes >= 1 && bytes <= MAX_SNAPSHOT_CHUNK_BYTES;
    ensure(isBounded, 'SNAPSHOT', 'bytes', `must be from 1 to ${MAX_SNAPSHOT_CHUNK_BYTES}`);
    // A value takes a byte at least.
    ensure(isUint32(rows) && rows >= 1 && rows <= bytes, 'SNAPSHOT', 'rows', 'must be from 1 to the bytes');
  }
}

function checkValues(values: readonly Uint8Array[]): void {
  ensure(values.length > 0, 'SNAPSHOT', 'values', 'is missing');
  for (const { length } of values) {
    const fits = length > 0 && length <= MAX_VALUE_BYTES;
    ensure(fits, 'SNAPSHOT', 'values', `must be of 1 to ${MAX_VALUE_BYTES} bytes each`);
  }
}

function treeOf(name: string): SnapshotTree {
  const tree = SNAPSHOT_TREES.find((known) => known === name);
  ensure(tree !== undefined, 'SNAPSHOT', 'tree', `must be one of ${SNAPSHOT_TREES.join(', ')}`);
  return tree;
}

function checkVersion(version: number): void {
  if (version === SNAPSHOT_VERSION) return;
  throw new CodedError('SNAPSHOT_VERSION_UNSUPPORTED', `this node knows snapshot version ${SNAPSHOT_VERSION} only`, {
    version,
  });
}
