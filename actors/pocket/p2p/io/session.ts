import '../../../../net/promise-with-resolvers.ts';
import type { Connection } from '@libp2p/interface';
import { connectionToKeep, type KnownConnection } from '../core/duplicates.ts';
import type { PeerInfo } from '../protocol.ts';
import type { InboundStream } from './inbound-stream.ts';
import type { OutboundLink } from './outbound-link.ts';

interface OpenConnection extends KnownConnection {
  readonly connection: Connection;
  /** True once a hello was accepted on it. */
  admitted: boolean;
}

/** One peer, for as long as it has a connection. */
export class Session {
  readonly peerId: string;
  readonly #self: string;
  readonly #open = new Map<string, OpenConnection>();
  /** The connection that stays when there are several. */
  current: Connection | undefined;
  link: OutboundLink | undefined;
  inbound: InboundStream | undefined;
  /** What the peer's certificate proves: hex address, '' without one, undefined while it has said nothing. */
  address: string | undefined;
  /** Whether that address is a validator's now; the network sees to it when the set changes. */
  isValidator = false;

  constructor(self: string, peerId: string) {
    this.#self = self;
    this.peerId = peerId;
  }

  /** A validator with which messages go both ways. */
  get proven(): boolean {
    return this.isValidator && this.link?.accepted === true;
  }

  /** A peer with a proven address, validator or not, with which streams go both ways. */
  get isKnown(): boolean {
    return this.address !== undefined && this.address !== '' && this.link?.accepted === true;
  }

  /** True if the peer said a hello that was accepted, and its connection lives. */
  get admitted(): boolean {
    return [...this.#open.values()].some(({ admitted }) => admitted);
  }

  get connected(): boolean {
    return this.#open.size > 0;
  }

  opened(connection: Connection, now_ms: number): void {
    const outbound = connection.direction === 'outbound';
    this.#open.set(connection.id, { id: connection.id, outbound, opened_ms: now_ms, connection, admitted: false });
    this.#choose();
  }

  closed(connection: Connection): void {
    this.#open.delete(connection.id);
    this.#choose();
  }

  admit(connection: Connection): void {
    const open = this.#open.get(connection.id);
    if (open !== undefined) open.admitted = true;
  }

  isAdmitted(connection: Connection): boolean {
    return this.#open.get(connection.id)?.admitted ?? false;
  }

  /** The connections beside the current one. */
  duplicates(): Connection[] {
    return [...this.#open.values()].map(({ connection }) => connection).filter((one) => one !== this.current);
  }

  abort(reason: string): void {
    for (const { connection } of this.#open.values()) connection.abort(new Error(reason));
  }

  info(): PeerInfo {
    return {
      peerId: this.peerId,
      address: this.address ?? '',
      multiaddr: this.current?.remoteAddr.toString() ?? '',
      connected: this.connected,
      direction: this.current?.direction ?? '',
    };
  }

  #choose(): void {
    const open = [...this.#open.values()];
    const kept = open.length === 0 ? undefined : connectionToKeep(this.#self, this.peerId, open);
    this.current = kept === undefined ? undefined : this.#open.get(kept)?.connection;
  }
}
