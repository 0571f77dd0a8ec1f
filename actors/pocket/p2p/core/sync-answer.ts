import { CodedError } from '../../../../runtime/errors.ts';
import { decodeSyncRequest, decodeSyncResponse, type SyncResponse } from '../../chain/sync.ts';

/** First byte of an answer. */
const ANSWER_OK = 0;
/** Too many requests; ask another peer, or later. */
const ANSWER_BUSY = 1;

/** Blocks and bytes that one answer carries; the request may ask for more and gets this. */
export const MAX_SERVED_BLOCKS = 64;
export const MAX_SERVED_BYTES = 4 * 1024 * 1024;
/** A request has about 50 bytes. */
export const MAX_REQUEST_BYTES = 256;

export function encodeAnswer(response: Uint8Array | undefined): Uint8Array {
  if (response === undefined) return Uint8Array.of(ANSWER_BUSY);
  const bytes = new Uint8Array(1 + response.length);
  bytes[0] = ANSWER_OK;
  bytes.set(response, 1);
  return bytes;
}

/**
 * The response in an answer, checked to be one to this request.
 * @throws PEER_UNREACHABLE (busy), PEER_PROTOCOL
 */
export function decodeAnswer(request: Uint8Array, answer: Uint8Array): Uint8Array {
  if (answer[0] === ANSWER_BUSY && answer.length === 1) {
    throw new CodedError('PEER_UNREACHABLE', 'the peer has too many requests in work; ask another one', { busy: true });
  }
  if (answer[0] !== ANSWER_OK) throw new CodedError('PEER_PROTOCOL', 'the peer sent an answer of an unknown kind');
  const response = answer.subarray(1);
  const asked = decodeSyncRequest(request);
  const got = decoded(response);
  const fits = got.kind === asked.kind;
  const tooMany = 'count' in asked && entries(got) > asked.count;
  if (!fits || tooMany) throw new CodedError('PEER_PROTOCOL', 'the answer of the peer does not fit the request');
  return response;
}

function entries(response: SyncResponse): number {
  if (response.kind === 'blocks') return response.blocks.length;
  return response.kind === 'headers' ? response.headers.length : 0;
}

function decoded(response: Uint8Array): SyncResponse {
  try {
    return decodeSyncResponse(response);
  } catch (error) {
    throw new CodedError('PEER_PROTOCOL', (error as Error).message, {}, { cause: error });
  }
}
