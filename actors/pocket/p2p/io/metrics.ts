import { Counter, Gauge, type Registry } from 'prom-client';

/** What is read when telemetry asks, instead of being kept up to date. */
export interface Gauges {
  peers(): number;
  connections(): number;
  gossipPeers(): number;
  validators(): number;
  queued(): number;
}

export type ProtocolName = 'consensus' | 'gossip' | 'sync';
type Direction = 'in' | 'out';

/** The metrics of p2p. */
export class P2pMetrics {
  readonly bytes: Counter<'protocol' | 'direction'>;
  readonly messages: Counter<'protocol' | 'direction'>;
  readonly dropped: Counter<'what'>;
  readonly dials: Counter<'outcome'>;
  readonly handshakes: Counter<'direction' | 'outcome'>;
  readonly duplicates: Counter;
  readonly gossipRepairs: Counter;
  readonly violations: Counter<'reason'>;
  readonly bans: Counter;
  readonly sync: Counter<'side' | 'outcome'>;

  constructor(registry: Registry, gauges: Gauges) {
    const registers = [registry];
    this.bytes = new Counter({
      name: 'potoroo_p2p_bytes_total',
      help: 'Payload bytes exchanged with peers, before encryption. Gossip counts each batch once, not per peer.',
      labelNames: ['protocol', 'direction'],
      registers,
    });
    this.messages = new Counter({
      name: 'potoroo_p2p_messages_total',
      help: 'Consensus messages, gossiped transactions, and sync requests exchanged with peers.',
      labelNames: ['protocol', 'direction'],
      registers,
    });
    this.dropped = new Counter({
      name: 'potoroo_p2p_dropped_total',
      help: 'Messages that were not passed on: the queue of a slow peer was full, nobody was connected, or utility was behind.',
      labelNames: ['what'],
      registers,
    });
    this.dials = new Counter({
      name: 'potoroo_p2p_dials_total',
      help: 'Dials of configured peers. Failures that go on mean a wrong address or a peer that is down.',
      labelNames: ['outcome'],
      registers,
    });
    this.handshakes = new Counter({
      name: 'potoroo_p2p_handshakes_total',
      help: 'Handshakes of consensus streams: direction in is a peer judged by this node, out this node judged by a peer.',
      labelNames: ['direction', 'outcome'],
      registers,
    });
    this.duplicates = new Counter({
      name: 'potoroo_p2p_duplicate_connections_total',
      help: 'Second connections to one peer that were closed: two nodes dialled each other at once.',
      registers,
    });
    this.gossipRepairs = new Counter({
      name: 'potoroo_p2p_gossip_repairs_total',
      help: 'Connections closed because gossip on them had stopped. Rising: a peer too slow for the transactions.',
      registers,
    });
    this.violations = new Counter({
      name: 'potoroo_p2p_violations_total',
      help: 'Breaches of protocol by peers, by reason. Rising: a faulty or hostile peer.',
      labelNames: ['reason'],
      registers,
    });
    this.bans = new Counter({
      name: 'potoroo_p2p_bans_total',
      help: 'Peers shut out for a minute after repeated breaches of protocol.',
      registers,
    });
    this.sync = new Counter({
      name: 'potoroo_p2p_sync_requests_total',
      help: 'Sync requests served to peers and made to peers, by outcome.',
      labelNames: ['side', 'outcome'],
      registers,
    });
    gauge(registry, 'potoroo_p2p_peers_connected', 'Peers with an open connection.', gauges.peers);
    gauge(
      registry,
      'potoroo_p2p_connections',
      'Open connections. More than peers for long: duplicates are not resolved.',
      gauges.connections,
    );
    gauge(
      registry,
      'potoroo_p2p_gossip_peers',
      'Peers that take transactions. Below the connected peers for long: gossip does not reach everyone.',
      gauges.gossipPeers,
    );
    gauge(
      registry,
      'potoroo_p2p_validators_proven',
      'Validators, besides this node, with a proven consensus stream in both directions. Below the quorum less one: no blocks.',
      gauges.validators,
    );
    gauge(registry, 'potoroo_p2p_queued_messages', 'Consensus messages that wait for slow peers.', gauges.queued);
  }

  moved(protocol: ProtocolName, direction: Direction, bytes: number, messages: number): void {
    this.bytes.inc({ protocol, direction }, bytes);
    this.messages.inc({ protocol, direction }, messages);
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
