import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../../runtime/errors.ts';
import { toHex } from './hex.ts';
import { MAX_BLOCK_BYTES, MAX_QC_BYTES } from './sizes.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_MANIFEST_BYTES } from './snapshot.ts';
import {
  decodeSyncRequest,
  decodeSyncResponse,
  encodeSyncRequest,
  encodeSyncResponse,
  MAX_SYNC_BLOCKS,
  MAX_SYNC_SNAPSHOTS,
  type SyncRequest,
  type SyncResponse,
} from './sync.ts';

const HASH = new Uint8Array(32).fill(3);
const MANY = Array.from({ length: MAX_SYNC_SNAPSHOTS + 1 }, (_, index) => BigInt(index + 1));

test('requests and responses come back from their bytes', () => {
  const requests: SyncRequest[] = [
    { kind: 'blocks', from: 1n, count: MAX_SYNC_BLOCKS },
    { kind: 'block', blockHash: new Uint8Array(32).fill(1) },
    { kind: 'metadata' },
    { kind: 'headers', from: 2n ** 64n - 1n, count: 1 },
    { kind: 'manifest', height: 1_000n },
    { kind: 'chunk', height: 1_000n, index: 0 },
    { kind: 'chunk', height: 1_000n, index: 0xffff_ffff },
  ];
  for (const request of requests) assert.deepEqual(decodeSyncRequest(encodeSyncRequest(request)), request);
  const responses: SyncResponse[] = [
    { kind: 'blocks', blocks: [] },
    { kind: 'blocks', blocks: [{ block: Uint8Array.of(1), commitQc: Uint8Array.of(2) }] },
    { kind: 'block', block: null },
    { kind: 'block', block: new Uint8Array(MAX_BLOCK_BYTES) },
    { kind: 'metadata', metadata: { minHeight: 1n, maxHeight: 0n, tipHash: HASH, snapshots: [] } },
    { kind: 'metadata', metadata: { minHeight: 7n, maxHeight: 2n ** 63n, tipHash: HASH, snapshots: [1_000n, 2_000n] } },
    { kind: 'headers', headers: [] },
    { kind: 'headers', headers: [{ header: HASH, commitQc: HASH, validators: new Uint8Array() }] },
    { kind: 'headers', headers: [{ header: HASH, commitQc: HASH, validators: HASH }] },
    { kind: 'manifest', manifest: null },
    { kind: 'manifest', manifest: HASH },
    { kind: 'chunk', chunk: null },
    { kind: 'chunk', chunk: HASH },
  ];
  for (const response of responses) assert.deepEqual(decodeSyncResponse(encodeSyncResponse(response)), response);
});

test('the bytes of a request are fixed', () => {
  assert.equal(toHex(encodeSyncRequest({ kind: 'blocks', from: 300n, count: 16 })), '0801120508ac021010');
});

test('requests and responses of wrong form are refused', () => {
  const requests: SyncRequest[] = [
    { kind: 'blocks', from: 0n, count: 1 },
    { kind: 'blocks', from: 1n, count: 0 },
    { kind: 'blocks', from: 1n, count: MAX_SYNC_BLOCKS + 1 },
    { kind: 'block', blockHash: new Uint8Array(31) },
    { kind: 'headers', from: 0n, count: 1 },
    { kind: 'headers', from: 1n, count: MAX_SYNC_BLOCKS + 1 },
    { kind: 'manifest', height: 0n },
    { kind: 'chunk', height: 2n ** 64n, index: 0 },
    { kind: 'chunk', height: 1n, index: -1 },
    { kind: 'chunk', height: 1n, index: 2 ** 32 },
  ];
  for (const request of requests) assert.throws(() => encodeSyncRequest(request), { code: 'SYNC_MALFORMED' });
  const one = Uint8Array.of(1);
  const responses: SyncResponse[] = [
    { kind: 'blocks', blocks: [{ block: new Uint8Array(), commitQc: one }] },
    { kind: 'blocks', blocks: [{ block: one, commitQc: new Uint8Array() }] },
    { kind: 'blocks', blocks: Array(MAX_SYNC_BLOCKS + 1).fill({ block: one, commitQc: one }) },
    { kind: 'block', block: new Uint8Array(MAX_BLOCK_BYTES + 1) },
    { kind: 'metadata', metadata: { minHeight: 1n, maxHeight: 1n, tipHash: new Uint8Array(31), snapshots: [] } },
    { kind: 'metadata', metadata: { minHeight: 1n, maxHeight: 1n, tipHash: HASH, snapshots: [0n] } },
    { kind: 'metadata', metadata: { minHeight: 1n, maxHeight: 1n, tipHash: HASH, snapshots: MANY } },
    { kind: 'headers', headers: [{ header: new Uint8Array(), commitQc: one, validators: one }] },
    { kind: 'headers', headers: [{ header: one, commitQc: new Uint8Array(), validators: one }] },
    { kind: 'headers', headers: [{ header: one, commitQc: one, validators: new Uint8Array(MAX_QC_BYTES + 1) }] },
    { kind: 'manifest', manifest: new Uint8Array(MAX_SNAPSHOT_MANIFEST_BYTES + 1) },
    { kind: 'chunk', chunk: new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES + 1) },
  ];
  for (const response of responses) assert.throws(() => encodeSyncResponse(response), { code: 'SYNC_MALFORMED' });
});

test('a message without a request, or of another version, is refused', () => {
  assert.throws(() => decodeSyncRequest(Uint8Array.of(8, 1)), { code: 'SYNC_MALFORMED' });
  assert.throws(() => decodeSyncRequest(Buffer.from('0802120408011001', 'hex')), { code: 'SYNC_VERSION_UNSUPPORTED' });
});

test('any bytes are a message in its one encoding, or an error with a code', () => {
  const isCoded = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean => {
    try {
      decode(bytes);
      return true;
    } catch (error) {
      return error instanceof CodedError && error.code.startsWith('SYNC_');
    }
  };
  const bytes = fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.from([8, 1, ...rest]));
  fc.assert(fc.property(bytes, (one) => isCoded(decodeSyncRequest, one) && isCoded(decodeSyncResponse, one)));
});
