import { CodedError } from '../../../runtime/errors.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format, isUint32, isUint64 } from './canonical.ts';
import {
  SyncRequestSchema,
  SyncResponseSchema,
  type SyncRequest as WireRequest,
  type SyncResponse as WireResponse,
} from './gen/consensus_pb.ts';
import { HASH_BYTES, MAX_BLOCK_BYTES, MAX_HEADER_BYTES, MAX_QC_BYTES, MAX_VALIDATOR_SET_BYTES } from './sizes.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_MANIFEST_BYTES } from './snapshot.ts';

const SYNC_VERSION = 1;
const MAX_REQUEST_BYTES = 64;
/** Blocks, or headers, in one answer, at most. */
export const MAX_SYNC_BLOCKS = 256;
/** A node keeps few snapshots. */
export const MAX_SYNC_SNAPSHOTS = 16;
/** One largest block with its QC always fits, with as much room again for smaller ones. */
export const MAX_SYNC_RESPONSE_BYTES = 2 * (MAX_BLOCK_BYTES + MAX_QC_BYTES);

/** A block with the certificate that decided it. Canonical bytes. */
export interface SyncedBlock {
  block: Uint8Array;
  commitQc: Uint8Array;
}

/** A header with the certificate that decided it. Canonical bytes. */
export interface SyncedHeader {
  header: Uint8Array;
  commitQc: Uint8Array;
  /** The validators of the next height where they are others than those of this one; else empty. */
  validators: Uint8Array;
}

/** What a node has for others. */
export interface SyncMetadata {
  /** Lowest and highest height whose block it serves; max 0: none. */
  minHeight: bigint;
  maxHeight: bigint;
  /** Hash of its tip, 32 bytes. */
  tipHash: Uint8Array;
  /** Heights of its snapshots, ascending. */
  snapshots: bigint[];
}

export type SyncRequest =
  | { kind: 'blocks' /** First height, from 1. */; from: bigint /** 1 to MAX_SYNC_BLOCKS. */; count: number }
  | { kind: 'block' /** 32 bytes. */; blockHash: Uint8Array }
  | { kind: 'metadata' }
  | { kind: 'headers' /** First height, from 1. */; from: bigint /** 1 to MAX_SYNC_BLOCKS. */; count: number }
  | { kind: 'manifest' /** Of the snapshot, from 1. */; height: bigint }
  | { kind: 'chunk' /** Of the snapshot, from 1. */; height: bigint /** From 0. */; index: number };

/** Canonical bytes inside; they are not decoded here. */
export type SyncResponse =
  | { kind: 'blocks'; blocks: SyncedBlock[] }
  | { kind: 'block' /** Null: not known. */; block: Uint8Array | null }
  | { kind: 'metadata'; metadata: SyncMetadata }
  | { kind: 'headers'; headers: SyncedHeader[] }
  | { kind: 'manifest' /** Null: there is none. */; manifest: Uint8Array | null }
  | { kind: 'chunk' /** Null: there is none. */; chunk: Uint8Array | null };

const REQUEST: Format<typeof SyncRequestSchema> = {
  schema: SyncRequestSchema,
  name: 'sync request',
  prefix: 'SYNC',
  maxBytes: MAX_REQUEST_BYTES,
};
const RESPONSE: Format<typeof SyncResponseSchema> = {
  schema: SyncResponseSchema,
  name: 'sync response',
  prefix: 'SYNC',
  maxBytes: MAX_SYNC_RESPONSE_BYTES,
};

/** @throws SYNC_MALFORMED */
export function encodeSyncRequest(request: SyncRequest): Uint8Array {
  checkRequest(request);
  const { kind, ...value } = request;
  // The names of the kinds and of their fields are those of the wire.
  const wire = { case: kind, value } as NonNullable<WireRequest['request']>;
  return encodeCanonical(SyncRequestSchema, { version: SYNC_VERSION, request: wire });
}

/** @throws SYNC_* */
export function decodeSyncRequest(bytes: Uint8Array): SyncRequest {
  const { version, request } = decodeCanonical(REQUEST, bytes);
  checkVersion(version);
  const decoded = requestOf(request);
  checkRequest(decoded);
  return decoded;
}

function requestOf(request: WireRequest['request']): SyncRequest {
  switch (request.case) {
    case 'blocks':
    case 'headers':
      return { kind: request.case, from: request.value.from, count: request.value.count };
    case 'block':
      return { kind: 'block', blockHash: request.value.blockHash };
    case 'metadata':
      return { kind: 'metadata' };
    case 'manifest':
      return { kind: 'manifest', height: request.value.height };
    case 'chunk':
      return { kind: 'chunk', height: request.value.height, index: request.value.index };
    default:
      throw missing('request');
  }
}

/** @throws SYNC_MALFORMED */
export function encodeSyncResponse(response: SyncResponse): Uint8Array {
  checkResponse(response);
  return encodeCanonical(SyncResponseSchema, { version: SYNC_VERSION, response: wireOf(response) });
}

function wireOf(response: SyncResponse) {
  switch (response.kind) {
    case 'blocks':
      return { case: 'blocks', value: { blocks: response.blocks } } as const;
    case 'headers':
      return { case: 'headers', value: { headers: response.headers } } as const;
    case 'metadata':
      return { case: 'metadata', value: response.metadata } as const;
    case 'block':
      return { case: 'block', value: response.block ? { block: response.block } : {} } as const;
    case 'manifest':
      return { case: 'manifest', value: response.manifest ? { manifest: response.manifest } : {} } as const;
    case 'chunk':
      return { case: 'chunk', value: response.chunk ? { chunk: response.chunk } : {} } as const;
  }
}

/** @throws SYNC_* */
export function decodeSyncResponse(bytes: Uint8Array): SyncResponse {
  const { version, response } = decodeCanonical(RESPONSE, bytes);
  checkVersion(version);
  const decoded = responseOf(response);
  checkResponse(decoded);
  return decoded;
}

function responseOf(response: WireResponse['response']): SyncResponse {
  switch (response.case) {
    case 'blocks': {
      const blocks = response.value.blocks.map(({ block, commitQc }) => ({ block, commitQc }));
      return { kind: 'blocks', blocks };
    }
    case 'headers': {
      const headers = response.value.headers.map(({ header, commitQc, validators }) => ({
        header,
        commitQc,
        validators,
      }));
      return { kind: 'headers', headers };
    }
    case 'metadata': {
      const { minHeight, maxHeight, tipHash, snapshots } = response.value;
      return { kind: 'metadata', metadata: { minHeight, maxHeight, tipHash, snapshots } };
    }
    case 'block':
      return { kind: 'block', block: presence(response.value.block) };
    case 'manifest':
      return { kind: 'manifest', manifest: presence(response.value.manifest) };
    case 'chunk':
      return { kind: 'chunk', chunk: presence(response.value.chunk) };
    default:
      throw missing('response');
  }
}

function presence(bytes: Uint8Array): Uint8Array | null {
  return bytes.length > 0 ? bytes : null;
}

function checkRequest(request: SyncRequest): void {
  if (request.kind === 'metadata') return;
  if (request.kind === 'block') {
    ensure(request.blockHash.length === HASH_BYTES, 'SYNC', 'block_hash', 'must be 32 bytes');
  } else if (request.kind === 'blocks' || request.kind === 'headers') {
    const { from, count } = request;
    checkHeight('from', from);
    const fits = Number.isInteger(count) && count >= 1 && count <= MAX_SYNC_BLOCKS;
    ensure(fits, 'SYNC', 'count', `must be from 1 to ${MAX_SYNC_BLOCKS}`);
  } else {
    checkHeight('height', request.height);
    if (request.kind === 'chunk') ensure(isUint32(request.index), 'SYNC', 'index', 'must be from 0 to 2^32 - 1');
  }
}

function checkHeight(field: string, height: bigint): void {
  ensure(isUint64(height) && height > 0n, 'SYNC', field, 'must be from 1 to 2^64 - 1');
}

function checkResponse(response: SyncResponse): void {
  if (response.kind === 'block') checkBytes('block', response.block, MAX_BLOCK_BYTES);
  else if (response.kind === 'manifest') checkBytes('manifest', response.manifest, MAX_SNAPSHOT_MANIFEST_BYTES);
  else if (response.kind === 'chunk') checkBytes('chunk', response.chunk, MAX_SNAPSHOT_CHUNK_BYTES);
  else if (response.kind === 'metadata') checkMetadata(response.metadata);
  else if (response.kind === 'blocks') checkBlocks(response.blocks);
  else checkHeaders(response.headers);
}

function checkBlocks(blocks: readonly SyncedBlock[]): void {
  ensure(blocks.length <= MAX_SYNC_BLOCKS, 'SYNC', 'blocks', `has at most ${MAX_SYNC_BLOCKS} entries`);
  for (const { block, commitQc } of blocks) {
    checkPresent('block', block, MAX_BLOCK_BYTES);
    checkPresent('commit_qc', commitQc, MAX_QC_BYTES);
  }
}

function checkHeaders(headers: readonly SyncedHeader[]): void {
  ensure(headers.length <= MAX_SYNC_BLOCKS, 'SYNC', 'headers', `has at most ${MAX_SYNC_BLOCKS} entries`);
  for (const { header, commitQc, validators } of headers) {
    checkPresent('header', header, MAX_HEADER_BYTES);
    checkPresent('commit_qc', commitQc, MAX_QC_BYTES);
    checkBytes('validators', validators, MAX_VALIDATOR_SET_BYTES);
  }
}

function checkMetadata({ minHeight, maxHeight, tipHash, snapshots }: SyncMetadata): void {
  ensure(isUint64(minHeight) && isUint64(maxHeight), 'SYNC', 'heights', 'must be from 0 to 2^64 - 1');
  ensure(tipHash.length === HASH_BYTES, 'SYNC', 'tip_hash', 'must be 32 bytes');
  ensure(snapshots.length <= MAX_SYNC_SNAPSHOTS, 'SYNC', 'snapshots', `has at most ${MAX_SYNC_SNAPSHOTS} entries`);
  for (const height of snapshots) checkHeight('snapshots', height);
}

function checkBytes(field: string, bytes: Uint8Array | null, maxBytes: number): void {
  ensure((bytes?.length ?? 0) <= maxBytes, 'SYNC', field, `has at most ${maxBytes} bytes`);
}

function checkPresent(field: string, bytes: Uint8Array, maxBytes: number): void {
  ensure(bytes.length > 0 && bytes.length <= maxBytes, 'SYNC', field, 'is missing or too large');
}

function missing(field: string): CodedError {
  return new CodedError('SYNC_MALFORMED', `${field}: is missing`, { field });
}

function checkVersion(version: number): void {
  if (version === SYNC_VERSION) return;
  throw new CodedError('SYNC_VERSION_UNSUPPORTED', `this node knows sync version ${SYNC_VERSION} only`, { version });
}
