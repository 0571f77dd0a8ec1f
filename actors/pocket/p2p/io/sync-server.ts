import '../../../../net/promise-with-resolvers.ts';
import type { Stream } from '@libp2p/interface';
import type { Logger } from 'pino';
import { encodeFrame, type Frame } from '../../../../net/frame.ts';
import { FramedStream } from '../../../../net/framed-stream.ts';
import { RateLimiter } from '../../../../net/rate.ts';
import type { Peer } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { toErrorRecord } from '../../../../runtime/errors.ts';
import {
  decodeSyncRequest,
  encodeSyncResponse,
  MAX_SYNC_SNAPSHOTS,
  type SyncMetadata,
  type SyncRequest,
} from '../../chain/sync.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';
import { FRAME_SYNC } from '../core/frame-kinds.ts';
import type { Offence } from '../core/score.ts';
import { encodeAnswer, MAX_REQUEST_BYTES, MAX_SERVED_BLOCKS, MAX_SERVED_BYTES } from '../core/sync-answer.ts';
import type { P2pMetrics } from './metrics.ts';

/** A peer that catches up asks for 64 blocks at a time: more than this it cannot execute. */
const RATE = { perSecond: 100, burst: 200 };
/** Answers in work at once, for one peer and for all: each may hold 4 MB and a database connection. */
const MAX_PER_PEER = 4;
const MAX_IN_WORK = 8;
/** For a request to arrive, the answer to be read from the database, and to leave. */
const DEADLINE_ms = 15_000;

export interface SyncServerOptions {
  readonly persistence: Peer<PersistenceProtocol>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: P2pMetrics;
  readonly maxPeers: number;
  offence(peerId: string, offence: Offence, error?: unknown): void;
}

/** Serves blocks, headers and snapshots to peers. */
export class SyncServer {
  readonly #options: SyncServerOptions;
  readonly #rates: RateLimiter;
  readonly #inWork = new Map<string, number>();
  #total = 0;

  constructor(options: SyncServerOptions) {
    this.#options = options;
    this.#rates = new RateLimiter(RATE, options.maxPeers);
  }

  /** Takes a stream that a peer opened for one request. */
  serve(stream: Stream, peerId: string): void {
    if (stream.status !== 'open') return;
    const refusal = this.#enter(peerId);
    if (refusal !== undefined) {
      stream.abort(new Error(refusal));
      return;
    }
    let asked = false;
    let answered = false;
    const framed: FramedStream = new FramedStream(stream, MAX_REQUEST_BYTES, this.#options.clock, {
      frame: (frame) => {
        if (asked) {
          framed.abort('second request');
          return;
        }
        asked = true;
        void this.#answer(frame, peerId).then((answer) => {
          if (answer === undefined) {
            framed.abort('malformed request');
            return;
          }
          answered = true;
          framed.write(encodeFrame(FRAME_SYNC, answer));
        });
      },
      writable: () => {
        if (answered) framed.finish(DEADLINE_ms);
      },
      broken: (offence, error) => this.#options.offence(peerId, offence, error),
      // A peer ends its side behind the request; without one there is nothing to wait for.
      closed: () => {
        if (!asked) framed.abort('no request');
      },
    });
    const cancel = this.#options.clock.after(DEADLINE_ms, () => framed.abort('deadline'));
    stream.addEventListener('close', () => {
      cancel();
      this.#leave(peerId);
    });
  }

  /** Undefined for what is no request. */
  async #answer(frame: Frame, peerId: string): Promise<Uint8Array | undefined> {
    const { clock, metrics, log } = this.#options;
    const request = this.#decode(frame, peerId);
    if (request === undefined) return undefined;
    if (!this.#rates.take(peerId, 1, clock.now())) {
      this.#options.offence(peerId, 'sync_rate');
      metrics.sync.inc({ side: 'served', outcome: 'busy' });
      return encodeAnswer(undefined);
    }
    metrics.moved('sync', 'in', frame.payload.length, 1);
    let response: Uint8Array | undefined;
    try {
      response = await this.#read(request);
    } catch (error) {
      log.warn({ ...toErrorRecord(error), peerId }, 'a sync request could not be answered');
    }
    metrics.sync.inc({ side: 'served', outcome: response === undefined ? 'failed' : 'ok' });
    metrics.moved('sync', 'out', response?.length ?? 0, 1);
    return encodeAnswer(response);
  }

  #decode({ kind, payload }: Frame, peerId: string): SyncRequest | undefined {
    try {
      if (kind === FRAME_SYNC) return decodeSyncRequest(payload);
      this.#options.offence(peerId, 'sync_malformed');
    } catch (error) {
      this.#options.offence(peerId, 'sync_malformed', error);
    }
    return undefined;
  }

  async #read(request: SyncRequest): Promise<Uint8Array> {
    const { persistence } = this.#options;
    switch (request.kind) {
      case 'block': {
        const { block } = await persistence.ask('block', { blockHash: request.blockHash });
        return encodeSyncResponse({ kind: 'block', block });
      }
      case 'blocks': {
        const count = Math.min(request.count, MAX_SERVED_BLOCKS);
        const { blocks } = await persistence.ask('blocks', { from: request.from, count, maxBytes: MAX_SERVED_BYTES });
        return encodeSyncResponse({ kind: 'blocks', blocks });
      }
      case 'metadata':
        return encodeSyncResponse({ kind: 'metadata', metadata: await this.#metadata() });
      case 'headers': {
        const count = Math.min(request.count, MAX_SERVED_BLOCKS);
        const { headers } = await persistence.ask('headers', { from: request.from, count });
        return encodeSyncResponse({ kind: 'headers', headers });
      }
      case 'manifest': {
        const { manifest } = await persistence.ask('manifest', { height: request.height });
        return encodeSyncResponse({ kind: 'manifest', manifest });
      }
      case 'chunk': {
        const { height, index } = request;
        const { chunk } = await persistence.ask('chunk', { height, index });
        return encodeSyncResponse({ kind: 'chunk', chunk });
      }
    }
  }

  async #metadata(): Promise<SyncMetadata> {
    const { persistence } = this.#options;
    const { heights, earliest } = await persistence.ask('snapshots', {});
    // After the snapshots: what is said of the tip is not older than they are.
    const { height, blockHash } = await persistence.ask('tip', {});
    const snapshots = heights.slice(-MAX_SYNC_SNAPSHOTS);
    return { minHeight: earliest, maxHeight: height, tipHash: blockHash, snapshots };
  }

  /** Takes a place; answers why there is none. */
  #enter(peerId: string): string | undefined {
    const ofPeer = this.#inWork.get(peerId) ?? 0;
    if (ofPeer >= MAX_PER_PEER) {
      this.#options.offence(peerId, 'too_many_streams');
      return 'too many requests of this peer';
    }
    if (this.#total >= MAX_IN_WORK) {
      this.#options.metrics.sync.inc({ side: 'served', outcome: 'busy' });
      return 'too many requests in work';
    }
    this.#inWork.set(peerId, ofPeer + 1);
    this.#total++;
    return undefined;
  }

  #leave(peerId: string): void {
    const left = (this.#inWork.get(peerId) ?? 1) - 1;
    if (left === 0) this.#inWork.delete(peerId);
    else this.#inWork.set(peerId, left);
    this.#total--;
  }
}
