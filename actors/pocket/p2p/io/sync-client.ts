import '../../../../net/promise-with-resolvers.ts';
import type { Connection } from '@libp2p/interface';
import { encodeFrame } from '../../../../net/frame.ts';
import { FramedStream } from '../../../../net/framed-stream.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { MAX_SYNC_RESPONSE_BYTES } from '../../chain/sync.ts';
import { FRAME_SYNC } from '../core/frame-kinds.ts';
import { decodeAnswer } from '../core/sync-answer.ts';
import type { P2pMetrics } from './metrics.ts';

export const SYNC_PROTOCOL = '/potoroo/sync/1.0.0';
/** Requests in work at once; more are told to wait. What one peer serves at once. */
export const MAX_REQUESTS = 8;
const MAX_PER_PEER = 4;

export interface SyncClientOptions {
  readonly clock: Clock;
  readonly metrics: P2pMetrics;
  /** The peer's answer broke the protocol. */
  offence(peerId: string, error: unknown): void;
}

/** Asks peers for blocks, headers and snapshots. */
export class SyncClient {
  readonly #options: SyncClientOptions;
  readonly #inWork = new Map<string, number>();
  #total = 0;

  constructor(options: SyncClientOptions) {
    this.#options = options;
  }

  /** @throws PEER_UNREACHABLE, PEER_PROTOCOL, DEADLINE_EXCEEDED */
  async request(connection: Connection, request: Uint8Array, timeout_ms: number): Promise<Uint8Array> {
    const { metrics } = this.#options;
    const peerId = connection.remotePeer.toString();
    const ofPeer = this.#inWork.get(peerId) ?? 0;
    if (ofPeer >= MAX_PER_PEER || this.#total >= MAX_REQUESTS) {
      throw new CodedError('PEER_UNREACHABLE', 'too many requests in work; wait for one of them', { busy: true });
    }
    this.#inWork.set(peerId, ofPeer + 1);
    this.#total++;
    try {
      const response = await this.#exchange(connection, request, timeout_ms);
      metrics.sync.inc({ side: 'made', outcome: 'ok' });
      metrics.moved('sync', 'in', response.length, 1);
      return response;
    } catch (error) {
      metrics.sync.inc({ side: 'made', outcome: (error as CodedError).code.toLowerCase() });
      if (hasCode(error, 'PEER_PROTOCOL')) this.#options.offence(peerId, error);
      throw error;
    } finally {
      this.#total--;
      this.#release(peerId);
    }
  }

  #release(peerId: string): void {
    const left = (this.#inWork.get(peerId) ?? 1) - 1;
    if (left === 0) this.#inWork.delete(peerId);
    else this.#inWork.set(peerId, left);
  }

  async #exchange(connection: Connection, request: Uint8Array, timeout_ms: number): Promise<Uint8Array> {
    const deadline = AbortSignal.timeout(timeout_ms);
    const late = new CodedError('DEADLINE_EXCEEDED', `the peer did not answer within ${timeout_ms} ms`, { timeout_ms });
    const stream = await connection.newStream(SYNC_PROTOCOL, { signal: deadline }).catch((error: Error) => {
      throw deadline.aborted ? late : unreachable(error.message);
    });
    const { clock } = this.#options;
    const answer = await new Promise<Uint8Array>((resolve, reject) => {
      let sent = false;
      const framed: FramedStream = new FramedStream(stream, MAX_SYNC_RESPONSE_BYTES + 1, clock, {
        frame: ({ kind, payload }) => {
          if (kind === FRAME_SYNC) resolve(payload);
          else reject(new CodedError('PEER_PROTOCOL', 'the peer answered with a frame of another kind'));
        },
        writable: () => {
          if (sent) framed.finish(timeout_ms);
        },
        broken: (_offence, error) =>
          reject(new CodedError('PEER_PROTOCOL', `the answer is no frame: ${(error as Error | undefined)?.message}`)),
        closed: () => reject(unreachable('the peer ended the stream without an answer')),
      });
      deadline.addEventListener('abort', () => {
        reject(late);
        framed.abort('deadline');
      });
      framed.write(encodeFrame(FRAME_SYNC, request));
      sent = true;
      this.#options.metrics.moved('sync', 'out', request.length, 1);
    }).finally(() => {
      if (stream.status === 'open' && stream.remoteWriteStatus !== 'closed') stream.abort(new Error('answered'));
    });
    return decodeAnswer(request, answer);
  }
}

function unreachable(reason: string): CodedError {
  return new CodedError('PEER_UNREACHABLE', `no answer from the peer: ${reason}; ask another one`, { reason });
}
