import { CodedError } from '../../../runtime/errors.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format, isUint64 } from './canonical.ts';
import { SyncRequestSchema, SyncResponseSchema } from './gen/consensus_pb.ts';
import { HASH_BYTES, MAX_BLOCK_BYTES, MAX_QC_BYTES } from './sizes.ts';

const SYNC_VERSION = 1;
const MAX_REQUEST_BYTES = 64;
/** Blocks in one answer, at most. */
export const MAX_SYNC_BLOCKS = 256;
/** One largest block with its QC always fits, with as much room again for smaller ones. */
export const MAX_SYNC_RESPONSE_BYTES = 2 * (MAX_BLOCK_BYTES + MAX_QC_BYTES);

export type SyncRequest =
  | { kind: 'blocks' /** First height, from 1. */; from: bigint /** 1 to MAX_SYNC_BLOCKS. */; count: number }
  | { kind: 'block' /** 32 bytes. */; blockHash: Uint8Array };

/** Canonical bytes inside; they are not decoded here. */
export type SyncResponse =
  | { kind: 'blocks'; blocks: { block: Uint8Array; commitQc: Uint8Array }[] }
  | { kind: 'block' /** Null: not known. */; block: Uint8Array | null };

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
  const version = SYNC_VERSION;
  if (request.kind === 'block') {
    const { blockHash } = request;
    return encodeCanonical(SyncRequestSchema, { version, request: { case: 'block', value: { blockHash } } });
  }
  const { from, count } = request;
  return encodeCanonical(SyncRequestSchema, { version, request: { case: 'blocks', value: { from, count } } });
}

/** @throws SYNC_* */
export function decodeSyncRequest(bytes: Uint8Array): SyncRequest {
  const wire = decodeCanonical(REQUEST, bytes);
  checkVersion(wire.version);
  const { request } = wire;
  ensure(request.case !== undefined, 'SYNC', 'request', 'is missing');
  const decoded: SyncRequest =
    request.case === 'block'
      ? { kind: 'block', blockHash: request.value.blockHash }
      : { kind: 'blocks', from: request.value.from, count: request.value.count };
  checkRequest(decoded);
  return decoded;
}

/** @throws SYNC_MALFORMED */
export function encodeSyncResponse(response: SyncResponse): Uint8Array {
  checkResponse(response);
  const version = SYNC_VERSION;
  if (response.kind === 'block') {
    const value = response.block ? { block: response.block } : {};
    return encodeCanonical(SyncResponseSchema, { version, response: { case: 'block', value } });
  }
  const { blocks } = response;
  return encodeCanonical(SyncResponseSchema, { version, response: { case: 'blocks', value: { blocks } } });
}

/** @throws SYNC_* */
export function decodeSyncResponse(bytes: Uint8Array): SyncResponse {
  const wire = decodeCanonical(RESPONSE, bytes);
  checkVersion(wire.version);
  const { response } = wire;
  ensure(response.case !== undefined, 'SYNC', 'response', 'is missing');
  const decoded: SyncResponse =
    response.case === 'block'
      ? { kind: 'block', block: response.value.block.length > 0 ? response.value.block : null }
      : { kind: 'blocks', blocks: response.value.blocks.map(({ block, commitQc }) => ({ block, commitQc })) };
  checkResponse(decoded);
  return decoded;
}

function checkRequest(request: SyncRequest): void {
  if (request.kind === 'block') {
    ensure(request.blockHash.length === HASH_BYTES, 'SYNC', 'block_hash', 'must be 32 bytes');
    return;
  }
  const { from, count } = request;
  ensure(isUint64(from) && from > 0n, 'SYNC', 'from', 'must be from 1 to 2^64 - 1');
  const fits = Number.isInteger(count) && count >= 1 && count <= MAX_SYNC_BLOCKS;
  ensure(fits, 'SYNC', 'count', `must be from 1 to ${MAX_SYNC_BLOCKS}`);
}

function checkResponse(response: SyncResponse): void {
  if (response.kind === 'block') {
    ensure((response.block?.length ?? 0) <= MAX_BLOCK_BYTES, 'SYNC', 'block', 'is larger than a block may be');
    return;
  }
  ensure(response.blocks.length <= MAX_SYNC_BLOCKS, 'SYNC', 'blocks', `has at most ${MAX_SYNC_BLOCKS} entries`);
  for (const { block, commitQc } of response.blocks) {
    ensure(block.length > 0 && block.length <= MAX_BLOCK_BYTES, 'SYNC', 'block', 'is missing or too large');
    ensure(commitQc.length > 0 && commitQc.length <= MAX_QC_BYTES, 'SYNC', 'commit_qc', 'is missing or too large');
  }
}

function checkVersion(version: number): void {
  if (version === SYNC_VERSION) return;
  throw new CodedError('SYNC_VERSION_UNSUPPORTED', `this node knows sync version ${SYNC_VERSION} only`, { version });
}
