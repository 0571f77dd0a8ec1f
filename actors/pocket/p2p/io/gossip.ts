import '../../../../net/promise-with-resolvers.ts';
import { TopicValidatorResult } from '@libp2p/gossipsub';
import { RateLimiter } from '../../../../net/rate.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { type Batch, Batcher, batchLimits } from '../core/batcher.ts';
import { decodeList } from '../core/list.ts';
import type { Offence } from '../core/score.ts';
import type { Host } from './libp2p-host.ts';
import type { P2pMetrics } from './metrics.ts';

/**
 * What one peer may bring in new batches: 16,000 transactions a second, several times what a block interval
 * takes, with room for the batches of a peer that was cut off for some seconds.
 */
const RATE = { perSecond: 4 * 1024 * 1024, burst: 16 * 1024 * 1024 };
/** Batches in the hands of gossipsub at once; it copies each for every peer. */
const MAX_PUBLISHING = 64;

export function gossipTopic(networkId: string): string {
  return `potoroo/tx/${networkId}/1`;
}

export interface GossipEvents {
  /** False while utility cannot take more. */
  ready(): boolean;
  transactions(transactions: Uint8Array[], peerId: string): void;
  offence(peerId: string, offence: Offence, error?: unknown): void;
}

/** Transactions from and to everyone. */
export class Gossip {
  readonly #host: Host;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #metrics: P2pMetrics;
  readonly #events: GossipEvents;
  readonly #limits: ReturnType<typeof batchLimits>;
  readonly #rates: RateLimiter;
  readonly #batcher = new Batcher();
  #cancelFlush: (() => void) | undefined;
  #publishing = 0;

  constructor(
    host: Host,
    options: { topic: string; maxTransactionBytes: number; maxPeers: number; clock: Clock; metrics: P2pMetrics },
    events: GossipEvents,
  ) {
    this.#host = host;
    this.#topic = options.topic;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#events = events;
    this.#limits = batchLimits(options.maxTransactionBytes);
    this.#rates = new RateLimiter(RATE, options.maxPeers);
  }

  start(): void {
    const { pubsub } = this.#host.services;
    pubsub.topicValidators.set(this.#topic, (peer, { data }) => this.#take(peer.toString(), data));
    pubsub.subscribe(this.#topic);
  }

  /** Peers known to take transactions. */
  get peers(): number {
    return this.#host.services.pubsub.getSubscribers(this.#topic).length;
  }

  reaches(peerId: string): boolean {
    return this.#host.services.pubsub.getSubscribers(this.#topic).some((peer) => peer.toString() === peerId);
  }

  stop(): void {
    this.#cancelFlush?.();
  }

  /** Sends transactions to everyone, in company of others. Larger ones than allowed are the caller's bug and left out. */
  send(transactions: readonly Uint8Array[]): void {
    for (const transaction of transactions) {
      if (transaction.length === 0 || transaction.length > this.#limits.maxItemBytes) {
        this.#metrics.dropped.inc({ what: 'gossip_out_size' });
        continue;
      }
      this.#publish(this.#batcher.add(transaction, this.#clock.now()));
    }
    const { due_ms } = this.#batcher;
    if (due_ms === undefined || this.#cancelFlush !== undefined) return;
    this.#cancelFlush = this.#clock.after(Math.max(0, due_ms - this.#clock.now()), () => {
      this.#cancelFlush = undefined;
      this.#publish(this.#batcher.take());
    });
  }

  #publish(batch: Batch | undefined): void {
    if (batch === undefined) return;
    if (this.#publishing >= MAX_PUBLISHING) {
      this.#metrics.dropped.inc({ what: 'gossip_out' }, batch.transactions);
      return;
    }
    this.#publishing++;
    this.#host.services.pubsub
      .publish(this.#topic, batch.bytes)
      .then(() => this.#metrics.moved('gossip', 'out', batch.bytes.length, batch.transactions))
      .catch(() => this.#metrics.dropped.inc({ what: 'gossip_out' }, batch.transactions))
      .finally(() => this.#publishing--);
  }

  /** Judges a batch that is new to this node. Only what is accepted is handed on to other peers. */
  #take(peerId: string, data: Uint8Array): TopicValidatorResult {
    if (!this.#rates.take(peerId, data.length, this.#clock.now())) {
      this.#events.offence(peerId, 'gossip_rate');
      return TopicValidatorResult.Ignore;
    }
    let transactions: Uint8Array[];
    try {
      transactions = decodeList(data, this.#limits);
    } catch (error) {
      this.#events.offence(peerId, 'gossip_malformed', error);
      return TopicValidatorResult.Reject;
    }
    this.#metrics.moved('gossip', 'in', data.length, transactions.length);
    if (this.#events.ready()) this.#events.transactions(transactions, peerId);
    else this.#metrics.dropped.inc({ what: 'gossip_in' }, transactions.length);
    return TopicValidatorResult.Accept;
  }
}
