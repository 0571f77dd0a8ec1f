import '../../../../net/promise-with-resolvers.ts';
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';

/** For a dial, the Noise handshake, the negotiation of a stream: far above a slow round trip. */
export const LINK_TIMEOUT_ms = 5_000;
/** One node talks at a time; the rest is for those that come back and those that are refused. */
const MAX_CONNECTIONS = 8;
/** One stream carries all; a second one may come before the end of the first was noticed. */
export const MAX_STREAMS = 2;

export interface LinkHostOptions {
  readonly key: PrivateKey;
  /** Multiaddrs; empty for the end that dials. */
  readonly listen: string[];
  readonly gate: ConnectionGater;
}

/**
 * One end of the connection between a node and its signer: TCP, Noise, one stream, and no service that would tell
 * strangers anything. Noise proves to both ends which peer id the other one has.
 */
export function createLinkHost({ key, listen, gate }: LinkHostOptions): Promise<Libp2p> {
  return createLibp2p({
    start: false,
    privateKey: key,
    addresses: { listen },
    transports: [tcp({ maxConnections: MAX_CONNECTIONS })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS })],
    connectionGater: gate,
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      maxIncomingPendingConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS,
      inboundUpgradeTimeout: LINK_TIMEOUT_ms,
      dialTimeout: LINK_TIMEOUT_ms,
      inboundStreamProtocolNegotiationTimeout: LINK_TIMEOUT_ms,
      outboundStreamProtocolNegotiationTimeout: LINK_TIMEOUT_ms,
      // The client of this folder reconnects; two of them would fight.
      reconnectRetries: 0,
    },
  });
}
