import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from './hex.ts';
import { MAX_BLOCK_BYTES } from './sizes.ts';
import {
  decodeSyncRequest,
  decodeSyncResponse,
  encodeSyncRequest,
  encodeSyncResponse,
  MAX_SYNC_BLOCKS,
  type SyncRequest,
  type SyncResponse,
} from './sync.ts';

test('requests and responses come back from their bytes', () => {
  const requests: SyncRequest[] = [
    { kind: 'blocks', from: 1n, count: MAX_SYNC_BLOCKS },
    { kind: 'block', blockHash: new Uint8Array(32).fill(1) },
  ];
  for (const request of requests) assert.deepEqual(decodeSyncRequest(encodeSyncRequest(request)), request);
  const responses: SyncResponse[] = [
    { kind: 'blocks', blocks: [] },
    { kind: 'blocks', blocks: [{ block: Uint8Array.of(1), commitQc: Uint8Array.of(2) }] },
    { kind: 'block', block: null },
    { kind: 'block', block: new Uint8Array(MAX_BLOCK_BYTES) },
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
  ];
  for (const request of requests) assert.throws(() => encodeSyncRequest(request), { code: 'SYNC_MALFORMED' });
  const one = Uint8Array.of(1);
  const responses: SyncResponse[] = [
    { kind: 'blocks', blocks: [{ block: new Uint8Array(), commitQc: one }] },
    { kind: 'blocks', blocks: [{ block: one, commitQc: new Uint8Array() }] },
    { kind: 'blocks', blocks: Array(MAX_SYNC_BLOCKS + 1).fill({ block: one, commitQc: one }) },
    { kind: 'block', block: new Uint8Array(MAX_BLOCK_BYTES + 1) },
  ];
  for (const response of responses) assert.throws(() => encodeSyncResponse(response), { code: 'SYNC_MALFORMED' });
});

test('a message without a request, or of another version, is refused', () => {
  assert.throws(() => decodeSyncRequest(Uint8Array.of(8, 1)), { code: 'SYNC_MALFORMED' });
  assert.throws(() => decodeSyncRequest(Buffer.from('0802120408011001', 'hex')), { code: 'SYNC_VERSION_UNSUPPORTED' });
});
