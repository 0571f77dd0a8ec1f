import '../../../../net/promise-with-resolvers.ts';
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Logger } from 'pino';
import { backoff_ms } from '../../../../net/backoff.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import type { Random } from '../../../../runtime/random.ts';
import { type Host, NEGOTIATION_TIMEOUT_ms } from './libp2p-host.ts';
import type { P2pMetrics } from './metrics.ts';

/** A peer that is connected, or banned, is looked at again after this time: one comparison. */
const IDLE_ms = 1_000;
/** Failures after which a dial waits the longest: refused for a reason that will not pass by itself. */
const HOPELESS_FAILURES = 16;

interface Target {
  readonly address: Multiaddr;
  /** From the address, or learned by the first connection. */
  peerId: string | undefined;
  /** Attempts since the peer last accepted our handshake. */
  failures: number;
  dialling: boolean;
  cancel: () => void;
}

export interface DialerEvents {
  connected(peerId: string): boolean;
  banned(peerId: string): boolean;
}

/** Dials the configured peers, each for ever, one attempt at a time. */
export class Dialer {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #metrics: P2pMetrics;
  readonly #events: DialerEvents;
  readonly #targets: Target[];
  #stopped = false;

  constructor(
    host: Host,
    peers: readonly string[],
    environment: { clock: Clock; random: Random; log: Logger; metrics: P2pMetrics },
    events: DialerEvents,
  ) {
    this.#host = host;
    this.#clock = environment.clock;
    this.#random = environment.random;
    this.#log = environment.log;
    this.#metrics = environment.metrics;
    this.#events = events;
    this.#targets = [...new Set(peers)].map(target).filter(({ peerId }) => peerId !== host.peerId.toString());
  }

  start(): void {
    for (const one of this.#targets) void this.#step(one);
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#targets) cancel();
  }

  /** A peer went away: its address is dialled after the shortest wait. */
  lost(peerId: string): void {
    for (const one of this.#targets) if (one.peerId === peerId) this.#wait(one);
  }

  /** A peer refuses us or is refused: it is asked again, but seldom. */
  hopeless(peerId: string): void {
    for (const one of this.#targets) if (one.peerId === peerId) one.failures = HOPELESS_FAILURES;
  }

  /** All is well with a peer: its next loss starts from the shortest wait. */
  welcome(peerId: string): void {
    for (const one of this.#targets) if (one.peerId === peerId) one.failures = 0;
  }

  /** Addresses without a connection now. */
  unreached(): { address: string; peerId: string }[] {
    return this.#targets
      .filter(({ peerId }) => peerId === undefined || !this.#events.connected(peerId))
      .map(({ address, peerId }) => ({ address: address.toString(), peerId: peerId ?? '' }));
  }

  async #step(one: Target): Promise<void> {
    if (this.#stopped || one.dialling) return;
    const { peerId } = one;
    if (peerId !== undefined && (this.#events.connected(peerId) || this.#events.banned(peerId))) {
      one.cancel = this.#clock.after(IDLE_ms, () => void this.#step(one));
      return;
    }
    if (await this.#dial(one)) this.#wait(one);
  }

  /** False if the address is never to be dialled again. */
  async #dial(one: Target): Promise<boolean> {
    one.dialling = true;
    one.failures++;
    try {
      const signal = AbortSignal.timeout(NEGOTIATION_TIMEOUT_ms);
      const connection = await this.#host.dial(one.address, { signal });
      one.peerId = connection.remotePeer.toString();
      this.#metrics.dials.inc({ outcome: 'connected' });
      return true;
    } catch (error) {
      if (this.#stopped) return false;
      if (isSelf(error)) {
        this.#log.info({ address: one.address.toString() }, 'an address of p2p.peers is this node; it is left out');
        return false;
      }
      this.#metrics.dials.inc({ outcome: 'failed' });
      const level = one.failures === 1 ? 'warn' : 'debug';
      this.#log[level]({ address: one.address.toString(), reason: (error as Error).message }, 'peer not reached');
      return true;
    } finally {
      one.dialling = false;
    }
  }

  #wait(one: Target): void {
    if (this.#stopped) return;
    one.cancel();
    one.cancel = this.#clock.after(
      backoff_ms(Math.max(0, one.failures - 1), this.#random.fraction()),
      () => void this.#step(one),
    );
  }
}

function target(text: string): Target {
  const address = multiaddr(text);
  const peerId = address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value;
  return { address, peerId, failures: 0, dialling: false, cancel: () => undefined };
}

/** libp2p says so in words only, and inside an aggregate where several addresses were tried. */
function isSelf(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isSelf);
  const { name, message } = error as Error;
  return name === 'InvalidPeerIdError' && message.includes('dial self');
}
