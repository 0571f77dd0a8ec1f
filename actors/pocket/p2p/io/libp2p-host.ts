import '../../../../net/promise-with-resolvers.ts';
import { createHash } from 'node:crypto';
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { listenError } from '../../../../net/listen-error.ts';
import type { P2pConfig } from '../config.ts';

export type Host = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

/** Time for a dial, a handshake of libp2p, a negotiation of a stream: far above a slow round trip. */
export const NEGOTIATION_TIMEOUT_ms = 5_000;
/** All validators of a localnet dial from one address within one second, and again after a restart. */
const DIALS_PER_HOST_AND_SECOND = 64;
/** Half-open connections in all. */
const MAX_PENDING = 64;
/** Streams of one connection, in all protocols: consensus, gossip, sync, identify and pings need a dozen. */
const MAX_STREAMS = 64;
/** Gossip that may wait for one slow peer before its stream is reset. */
const GOSSIP_BUFFER_BYTES = 4 * 1024 * 1024;
/** Room around the payload of a gossip message: topic, lengths, control messages. */
const GOSSIP_OVERHEAD_BYTES = 16 * 1024;
/** A message that comes again within this time is known. Longer than any path through the network. */
const GOSSIP_SEEN_ms = 60_000;

export interface HostOptions {
  readonly config: P2pConfig;
  readonly key: PrivateKey;
  readonly gate: ConnectionGater;
  readonly topic: string;
  readonly maxBatchBytes: number;
}

/**
 * Starts libp2p.
 * @throws PORT_BUSY, LISTEN_FAILED
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const host = await createHost(options);
  try {
    await host.start();
    return host;
  } catch (error) {
    await host.stop();
    throw listenError(options.config.listen, 'p2p.listen', error);
  }
}

function createHost({ config, key, gate, topic, maxBatchBytes }: HostOptions): Promise<Host> {
  return createLibp2p({
    start: false,
    privateKey: key,
    addresses: { listen: config.listen, announce: config.announce },
    transports: [tcp({ maxConnections: config.max_connections + MAX_PENDING })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS })],
    connectionGater: gate,
    connectionManager: {
      // The network closes and counts what is above the limit; this is the limit behind it.
      maxConnections: config.max_connections + MAX_PENDING,
      inboundConnectionThreshold: DIALS_PER_HOST_AND_SECOND,
      maxIncomingPendingConnections: MAX_PENDING,
      inboundUpgradeTimeout: NEGOTIATION_TIMEOUT_ms,
      dialTimeout: NEGOTIATION_TIMEOUT_ms,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_ms,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_ms,
      // The dialer of this folder reconnects; two of them would fight.
      reconnectRetries: 0,
    },
    services: {
      // The network starts it, once a peer is admitted: gossip follows it.
      identify: identify({ runOnConnectionOpen: false }),
      pubsub: gossipsub({
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: ({ data }) => createHash('sha256').update(data).digest(),
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        fallbackToFloodsub: false,
        batchPublish: true,
        doPX: false,
        allowedTopics: [topic],
        seenTTL: GOSSIP_SEEN_ms,
        maxInboundDataLength: maxBatchBytes + GOSSIP_OVERHEAD_BYTES,
        maxOutboundBufferSize: GOSSIP_BUFFER_BYTES,
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
        // Every node of a localnet has the same address.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  });
}
