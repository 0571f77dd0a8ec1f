import '../../../../net/promise-with-resolvers.ts';
import type { Connection, PrivateKey, Stream } from '@libp2p/interface';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { RateLimiter } from '../../../../net/rate.ts';
import type { Peer } from '../../../../runtime/actor.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { CodedError, toErrorRecord } from '../../../../runtime/errors.ts';
import type { Random } from '../../../../runtime/random.ts';
import type { SignerProtocol } from '../../../host/signer/protocol.ts';
import { MAX_QC_BYTES } from '../../chain/consensus.ts';
import { type Genesis, genesisValidators } from '../../chain/genesis.ts';
import { fromHex, toHex } from '../../chain/hex.ts';
import { MAX_TIMEOUT_CERTIFICATE_BYTES } from '../../chain/sizes.ts';
import { MAX_TRANSACTION_BYTES } from '../../chain/transaction.ts';
import type { Validator } from '../../chain/validators.ts';
import type { PersistenceProtocol } from '../../persistence/protocol.ts';
import type { P2pConfig } from '../config.ts';
import { batchLimits } from '../core/batcher.ts';
import { encodeHello, type Judgement, judgeHello, P2P_VERSION, type Verdict } from '../core/handshake.ts';
import type { Offence } from '../core/score.ts';
import type { PeerInfo } from '../protocol.ts';
import { Certificates } from './certificates.ts';
import { Dialer } from './dialer.ts';
import { connectionGate } from './gate.ts';
import { Gossip, gossipTopic } from './gossip.ts';
import { InboundStream } from './inbound-stream.ts';
import { type Host, startHost } from './libp2p-host.ts';
import { P2pMetrics } from './metrics.ts';
import { Offences } from './offences.ts';
import { CONSENSUS_PROTOCOL, OutboundLink } from './outbound-link.ts';
import { Session } from './session.ts';
import { SYNC_PROTOCOL, SyncClient } from './sync-client.ts';
import { SyncServer } from './sync-server.ts';
import { ValidatorWatch } from './validator-watch.ts';

/** A connection whose peer has not said who it is by then is closed. Longer than a signer's restart. */
const ADMISSION_TIMEOUT_ms = 10_000;
/** From the admission of a peer to the start of gossip: dials that crossed ours have arrived by then. */
const GOSSIP_DELAY_ms = 500;
/** How often it is seen to that a validator still takes transactions from us. */
const GOSSIP_CHECK_ms = 10_000;
/** After a refusal the connection lives on for as long as its reason needs to reach the peer. */
const REFUSAL_LINGER_ms = 500;
/** Addresses that `connected` carries: as many as there can be validators. */
const MAX_ADDRESSES = 1_000;
/** Peers whose rates are remembered. */
const MAX_REMEMBERED = 1_024;
/** Consensus messages that may wait for one slow peer: several rounds of a large network. */
const MAX_QUEUED_MESSAGES = 4_096;
/** Bytes that may wait: a proposal, and the next one. They are shared between the queues of all peers. */
const QUEUED_BLOCKS = 2;
/** A largest message: a block, a QC, a timeout certificate, and the fields around them. */
const MESSAGE_OVERHEAD_BYTES = MAX_QC_BYTES + MAX_TIMEOUT_CERTIFICATE_BYTES + 4_096;
/** A validator says a few messages in each round, and repeats them twice a second. */
const MESSAGE_RATE = { perSecond: 2_000, burst: 10_000 };
/** Hellos of one peer: one for each stream and renewal. Each costs a signature check. */
const HELLO_RATE = { perSecond: 2, burst: 20 };
const MAX_CONSENSUS_STREAMS = 4;
const MAX_SYNC_STREAMS = 16;

export interface NetworkOptions {
  readonly config: P2pConfig;
  readonly genesis: Genesis;
  readonly key: PrivateKey;
  readonly signer: Peer<SignerProtocol>;
  readonly persistence: Peer<PersistenceProtocol>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Registry;
}

export interface NetworkEvents {
  consensusMessage(from: Uint8Array, message: Uint8Array): void;
  transactions(transactions: Uint8Array[], peerId: string): void;
  /** False while nobody takes transactions. */
  transactionsWanted(): boolean;
  /** @param addresses of all peers with a proven address, 20 bytes each */
  connected(validators: number, addresses: Uint8Array[]): void;
}

/** All peers of this node: who they are, what they may do, and what is sent to whom. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #events: NetworkEvents;
  readonly #validators: ValidatorWatch;
  readonly #maxMessageBytes: number;
  readonly #metrics: P2pMetrics;
  readonly #sessions = new Map<string, Session>();
  readonly #offences: Offences;
  readonly #messageRates = new RateLimiter(MESSAGE_RATE, MAX_REMEMBERED);
  readonly #helloRates = new RateLimiter(HELLO_RATE, MAX_REMEMBERED);
  /** Connections on which gossip was started. */
  readonly #gossiping = new WeakSet<Connection>();
  #host!: Host;
  #dialer!: Dialer;
  #gossip!: Gossip;
  #syncClient!: SyncClient;
  #syncServer!: SyncServer;
  #certificates!: Certificates;
  /** Nobody. */
  #connectedSaid = '0 ';
  #stopped = false;

  private constructor(options: NetworkOptions, events: NetworkEvents) {
    this.#options = options;
    this.#events = events;
    const { persistence, clock, random, log, genesis } = options;
    this.#validators = new ValidatorWatch({
      persistence,
      genesis: genesisValidators(genesis),
      clock,
      random,
      log,
      changed: () => this.#rejudge(),
    });
    this.#maxMessageBytes = options.genesis.maxBlockBytes + MESSAGE_OVERHEAD_BYTES;
    this.#metrics = new P2pMetrics(options.metrics, {
      peers: () => this.#sessions.size,
      connections: () => this.connections,
      gossipPeers: () => this.gossipPeers,
      validators: () => this.provenValidators,
      queued: () => [...this.#sessions.values()].reduce((sum, { link }) => sum + (link?.queued ?? 0), 0),
    });
    this.#offences = new Offences(options.clock, options.log, this.#metrics, (peer) =>
      this.#sessions.get(peer)?.abort('banned'),
    );
  }

  /**
   * Listens, and accepts peers.
   * @throws PORT_BUSY, LISTEN_FAILED
   */
  static async listen(options: NetworkOptions, events: NetworkEvents): Promise<Network> {
    const network = new Network(options, events);
    await network.#listen();
    return network;
  }

  /** Fetches this node's certificate and the validators, and dials. */
  start(): void {
    this.#validators.start();
    this.#certificates.start();
    this.#dialer.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#validators.stop();
    this.#dialer.stop();
    this.#certificates.stop();
    this.#gossip.stop();
    for (const session of this.#sessions.values()) session.link?.close();
    await this.#host.stop();
  }

  get peerId(): string {
    return this.#host.peerId.toString();
  }

  get addresses(): string[] {
    return this.#host.getMultiaddrs().map(String);
  }

  /** Validators besides this node with which messages go both ways. */
  get provenValidators(): number {
    return this.#provenAddresses().filter((address) => this.#validators.isCurrent(address)).length;
  }

  /** Open connections, duplicates included. */
  get connections(): number {
    return this.#host.getConnections().length;
  }

  /** Peers that take transactions. */
  get gossipPeers(): number {
    return this.#gossip.peers;
  }

  broadcast(message: Uint8Array): void {
    this.#send([...this.#sessions.values()], message);
  }

  send(to: Uint8Array, message: Uint8Array): void {
    this.#send(this.#ofAddress(to), message);
  }

  /** A block is committed: it may have made or unmade validators. @param validators null: the same as before */
  committed(height: bigint, validators: readonly Validator[] | null): void {
    this.#validators.committed(height, validators);
  }

  /** The peer of that address has served what is provably false. */
  accuse(address: Uint8Array, reason: string): void {
    for (const { peerId } of this.#ofAddress(address)) this.#offences.count(peerId, 'sync_lie', new Error(reason));
  }

  gossip(transactions: readonly Uint8Array[]): void {
    this.#gossip.send(transactions);
  }

  /** @throws PEER_UNREACHABLE, PEER_PROTOCOL, DEADLINE_EXCEEDED */
  async request(to: Uint8Array, request: Uint8Array, timeout_ms: number): Promise<Uint8Array> {
    const connection = this.#ofAddress(to).find(({ current }) => current !== undefined)?.current;
    if (connection === undefined) {
      const address = toHex(to);
      throw new CodedError('PEER_UNREACHABLE', `peer ${address} is not connected; ask another one`, { address });
    }
    return this.#syncClient.request(connection, request, timeout_ms);
  }

  peers(): { self: PeerInfo; peers: PeerInfo[] } {
    const { address } = this.#certificates;
    const multiaddr = this.addresses[0] ?? '';
    const unreached = this.#dialer.unreached().map(({ address, peerId }) => ({
      peerId,
      address: '',
      multiaddr: address,
      connected: false,
      direction: '',
    }));
    return {
      self: { peerId: this.peerId, address, multiaddr, connected: true, direction: '' },
      peers: [...[...this.#sessions.values()].map((session) => session.info()), ...unreached],
    };
  }

  /** An actor was replaced: a listener has to be told again who is connected, and the chain may have gone on unheard. */
  rebound(): void {
    this.#connectedSaid = '';
    this.#sayConnected();
    this.#validators.start();
  }

  async #listen(): Promise<void> {
    const { config, genesis, key, clock, random, log, signer, persistence } = this.#options;
    const metrics = this.#metrics;
    const topic = gossipTopic(genesis.networkId);
    const maxTransactionBytes = MAX_TRANSACTION_BYTES;
    const gate = connectionGate({
      banned: (peerId) => this.#offences.isBanned(peerId),
      upgradeFailed: (host) => this.#offences.count(host, 'upgrade_failed'),
      tooManyPending: (host) => this.#offences.count(host, 'too_many_pending'),
    });
    const { maxBytes } = batchLimits(maxTransactionBytes);
    this.#host = await startHost({ config, key, gate, topic, maxBatchBytes: maxBytes });
    const offence = (peerId: string, what: Offence, error?: unknown): void => this.#offences.count(peerId, what, error);
    this.#dialer = new Dialer(
      this.#host,
      config.peers,
      { clock, random, log, metrics },
      {
        connected: (peerId) => this.#sessions.has(peerId),
        banned: (peerId) => this.#offences.isBanned(peerId),
      },
    );
    this.#gossip = new Gossip(
      this.#host,
      { topic, maxTransactionBytes, maxPeers: MAX_REMEMBERED, clock, metrics },
      {
        ready: () => this.#events.transactionsWanted(),
        transactions: (transactions, peerId) => this.#events.transactions(transactions, peerId),
        offence,
      },
    );
    this.#syncClient = new SyncClient({
      clock,
      metrics,
      offence: (peerId, error) => offence(peerId, 'sync_answer', error),
    });
    this.#syncServer = new SyncServer({ persistence, clock, log, metrics, maxPeers: MAX_REMEMBERED, offence });
    this.#certificates = new Certificates({
      signer,
      peerId: this.peerId,
      ttl_ms: config.certificate_ttl_ms,
      clock,
      random,
      log,
      renewed: () => {
        for (const { link } of this.#sessions.values()) link?.present();
      },
    });
    await this.#attach();
    log.info({ peerId: this.peerId, addresses: this.addresses }, 'p2p listening');
  }

  async #attach(): Promise<void> {
    const host = this.#host;
    host.addEventListener('connection:open', ({ detail }) => this.#onOpen(detail));
    host.addEventListener('connection:close', ({ detail }) => this.#onClose(detail));
    await host.handle(CONSENSUS_PROTOCOL, (stream, connection) => this.#onConsensusStream(stream, connection), {
      maxInboundStreams: MAX_CONSENSUS_STREAMS,
      maxOutboundStreams: MAX_CONSENSUS_STREAMS,
    });
    await host.handle(SYNC_PROTOCOL, (stream, connection) => this.#onSyncStream(stream, connection), {
      maxInboundStreams: MAX_SYNC_STREAMS,
      maxOutboundStreams: MAX_SYNC_STREAMS,
    });
    this.#gossip.start();
    // A peer may have come between the listening and the listeners.
    for (const connection of host.getConnections()) this.#onOpen(connection);
  }

  #onOpen(connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    const { config, clock } = this.#options;
    if (this.#stopped || this.#offences.isBanned(peerId)) {
      connection.abort(new Error('banned'));
      return;
    }
    const tooMany = this.#host.getConnections().length > config.max_connections;
    if (tooMany && connection.direction === 'inbound') {
      this.#offences.count(peerId, 'too_many_connections');
      connection.abort(new Error('too many connections'));
      return;
    }
    const session = this.#sessions.get(peerId) ?? new Session(this.peerId, peerId);
    this.#sessions.set(peerId, session);
    session.opened(connection, clock.now());
    const cancel = clock.after(ADMISSION_TIMEOUT_ms, () => {
      if (session.isAdmitted(connection)) return;
      this.#offences.count(peerId, 'handshake_timeout');
      connection.abort(new Error('no handshake'));
    });
    connection.addEventListener('close', cancel);
    this.#settle(session);
  }

  /** Leaves one connection to the peer, with our stream on it. */
  #settle(session: Session): void {
    const { current } = session;
    if (current === undefined) return;
    for (const duplicate of session.duplicates()) {
      this.#metrics.duplicates.inc();
      duplicate.close().catch((error: Error) => duplicate.abort(error));
    }
    if (session.link?.connection === current) return;
    session.link?.close();
    session.link = this.#link(session, current);
    session.link.present();
  }

  #onClose(connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    const session = this.#sessions.get(peerId);
    if (session === undefined) return;
    session.closed(connection);
    if (session.connected) {
      this.#settle(session);
      return;
    }
    this.#sessions.delete(peerId);
    session.link?.close();
    this.#sayConnected();
    this.#dialer.lost(peerId);
  }

  /**
   * Starts gossip with an admitted peer. Gossipsub keeps one stream for each peer and loses the peer when that
   * one is reset, whatever other connection there is: so it starts only when duplicates are resolved. It also
   * loses a peer for good when a stream is reset because the peer was slow: then only a new connection helps.
   */
  #startGossip(session: Session, connection: Connection): void {
    if (this.#gossiping.has(connection)) return;
    this.#gossiping.add(connection);
    const { clock, log } = this.#options;
    const { peerId } = session;
    let cancel = clock.after(GOSSIP_DELAY_ms, () => {
      if (this.#stopped || session.current !== connection || connection.status !== 'open') return;
      this.#host.services.identify.identify(connection).catch((error: unknown) => {
        log.debug({ ...toErrorRecord(error), peerId }, 'identify failed');
      });
      cancel = clock.after(GOSSIP_CHECK_ms, check);
    });
    const check = (): void => {
      cancel = clock.after(GOSSIP_CHECK_ms, check);
      if (!session.isValidator || this.#gossip.reaches(peerId)) return;
      this.#metrics.gossipRepairs.inc();
      log.info({ peerId }, 'gossip with a validator has stopped; connecting again');
      connection.abort(new Error('gossip stopped'));
    };
    connection.addEventListener('close', () => cancel());
  }

  #link(session: Session, connection: Connection): OutboundLink {
    const { clock, random, genesis } = this.#options;
    const limits = { maxMessages: MAX_QUEUED_MESSAGES, maxBytes: QUEUED_BLOCKS * this.#maxMessageBytes };
    return new OutboundLink(connection, limits, clock, random, {
      hello: () => {
        const certificate = this.#certificates.current;
        return certificate && encodeHello({ version: P2P_VERSION, networkId: genesis.networkId, certificate });
      },
      accepted: () => {
        this.#metrics.handshakes.inc({ direction: 'out', outcome: 'accepted' });
        this.#dialer.welcome(session.peerId);
        this.#startGossip(session, connection);
        this.#sayConnected();
      },
      refused: (verdict) => this.#onRefusedByPeer(session, connection, verdict),
      lost: () => this.#sayConnected(),
      sent: (bytes, messages) => this.#metrics.moved('consensus', 'out', bytes, messages),
      dropped: (messages) => this.#metrics.dropped.inc({ what: 'consensus_out' }, messages),
      offence: (offence, error) => this.#offences.count(session.peerId, offence, error),
    });
  }

  #onRefusedByPeer(session: Session, connection: Connection, { code, reason }: Verdict): void {
    const { peerId } = session;
    this.#metrics.handshakes.inc({ direction: 'out', outcome: 'refused' });
    this.#offences.logRefusal('a peer refuses this node', { peerId, code, reason });
    this.#dialer.hopeless(peerId);
    session.link?.close();
    this.#abortSoon(connection, 'refused by the peer');
  }

  #onConsensusStream(stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    const { clock } = this.#options;
    const session = this.#sessions.get(peerId);
    if (session === undefined) {
      stream.abort(new Error('not connected'));
      return;
    }
    const inbound: InboundStream = new InboundStream(stream, this.#maxMessageBytes, clock, {
      judge: (hello) => this.#judge(hello, session),
      accepted: (address) => this.#onAccepted(session, connection, inbound, address),
      refused: (code, reason, offence) => this.#onRefused(session, connection, { code, reason, offence }),
      messages: (messages, bytes) => this.#onMessages(session, messages, bytes),
      offence: (offence, error) => this.#offences.count(peerId, offence, error),
      closed: () => {
        if (session.inbound !== inbound) return;
        session.inbound = undefined;
        session.address = undefined;
        session.isValidator = false;
        this.#sayConnected();
      },
    });
  }

  #judge(hello: Uint8Array, session: Session): Judgement {
    const { clock, genesis, config } = this.#options;
    const now_ms = clock.now();
    const { peerId } = session;
    if (!this.#helloRates.take(peerId, 1, now_ms)) {
      const reason = 'too many handshakes in a short time';
      return { accepted: false, offence: 'too_many_streams', code: 'PEER_UNREACHABLE', reason };
    }
    const isObserver = (one: Session) => one !== session && one.address !== undefined && !one.isValidator;
    const observers = [...this.#sessions.values()].filter(isObserver).length;
    const roomForObserver = observers < config.max_observers;
    const isValidator = (address: string) => this.#validators.has(address);
    return judgeHello(hello, { networkId: genesis.networkId, peerId, now_ms, isValidator, roomForObserver });
  }

  #onAccepted(session: Session, connection: Connection, inbound: InboundStream, address: string): void {
    this.#metrics.handshakes.inc({ direction: 'in', outcome: 'accepted' });
    const former = session.inbound;
    session.inbound = inbound;
    session.address = address;
    session.isValidator = this.#validators.has(address);
    session.admit(connection);
    if (former !== inbound) former?.abort('replaced by a newer stream');
    this.#sayConnected();
  }

  #onRefused(
    session: Session,
    connection: Connection,
    { code, reason, offence }: { code: string; reason: string; offence: Offence },
  ): void {
    const { peerId } = session;
    this.#metrics.handshakes.inc({ direction: 'in', outcome: 'refused' });
    this.#offences.logRefusal('peer refused', { peerId, code, reason });
    this.#dialer.hopeless(peerId);
    this.#abortSoon(connection, code);
    this.#offences.count(peerId, offence);
  }

  #onMessages({ peerId, address, isValidator }: Session, messages: readonly Uint8Array[], bytes: number): void {
    if (address === undefined) return;
    this.#metrics.moved('consensus', 'in', bytes, messages.length);
    if (!this.#messageRates.take(peerId, messages.length, this.#options.clock.now())) {
      this.#metrics.dropped.inc({ what: 'consensus_in' }, messages.length);
      this.#offences.count(peerId, 'consensus_rate');
      return;
    }
    if (!isValidator) {
      this.#metrics.dropped.inc({ what: 'consensus_in_observer' }, messages.length);
      this.#offences.count(peerId, 'message_observer');
      return;
    }
    const from = fromHex(address);
    for (const message of messages) this.#events.consensusMessage(from, message);
  }

  #onSyncStream(stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    if (this.#sessions.get(peerId)?.admitted) {
      this.#syncServer.serve(stream, peerId);
      return;
    }
    this.#offences.count(peerId, 'sync_before_handshake');
    stream.abort(new Error('no handshake'));
  }

  #ofAddress(address: Uint8Array): Session[] {
    const hex = toHex(address);
    return [...this.#sessions.values()].filter((session) => session.address === hex);
  }

  /** The set of validators is another one: an observer that is a validator now need not come again, nor the other way round. */
  #rejudge(): void {
    for (const session of this.#sessions.values()) {
      session.isValidator = session.address !== undefined && this.#validators.has(session.address);
    }
    this.#sayConnected();
  }

  /** Of peers with which streams go both ways, each once. */
  #provenAddresses(): string[] {
    const proven = [...this.#sessions.values()].flatMap(({ isKnown, address }) =>
      isKnown && address ? [address] : [],
    );
    return [...new Set(proven)];
  }

  #send(sessions: readonly Session[], message: Uint8Array): void {
    const proven = sessions.filter(({ proven }) => proven);
    if (proven.length === 0) {
      this.#metrics.dropped.inc({ what: 'consensus_out_unconnected' });
      return;
    }
    // One copy for all queues: what came from another thread is a view that would keep its whole frame.
    const copy = Uint8Array.from(message);
    for (const { link } of proven) link?.push(copy);
  }

  #sayConnected(): void {
    const addresses = this.#provenAddresses().sort();
    const validators = this.provenValidators;
    const said = `${validators} ${addresses.join()}`;
    if (said === this.#connectedSaid || this.#stopped) return;
    this.#connectedSaid = said;
    this.#options.log.info({ validators, others: addresses.length - validators }, 'peers with a proven key');
    // Validators first, should there be more than the event carries.
    addresses.sort((a, b) => Number(this.#validators.isCurrent(b)) - Number(this.#validators.isCurrent(a)));
    this.#events.connected(validators, addresses.slice(0, MAX_ADDRESSES).map(fromHex));
  }

  #abortSoon(connection: Connection, reason: string): void {
    this.#options.clock.after(REFUSAL_LINGER_ms, () => connection.abort(new Error(reason)));
  }
}
