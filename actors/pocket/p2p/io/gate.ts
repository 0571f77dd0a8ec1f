import '../../../../net/promise-with-resolvers.ts';
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface';

/**
 * Half-open connections allowed from one host. Peers behind one address (a proxy, a machine with several nodes)
 * dial at most a few at once.
 */
const MAX_PENDING_PER_HOST = 16;

export interface GateEvents {
  banned(peerId: string): boolean;
  /** An inbound connection ended before it was encrypted and multiplexed. */
  upgradeFailed(host: string): void;
  tooManyPending(host: string): void;
}

/** Watches inbound connections from their first byte, which libp2p itself reports to nobody. */
export function connectionGate(events: GateEvents): ConnectionGater {
  const pending = new Map<string, Set<MultiaddrConnection>>();
  const settle = (connection: MultiaddrConnection): boolean => {
    const host = hostOf(connection);
    const ofHost = pending.get(host);
    const waited = ofHost?.delete(connection) ?? false;
    if (ofHost?.size === 0) pending.delete(host);
    return waited;
  };
  return {
    denyInboundConnection(connection) {
      const host = hostOf(connection);
      const ofHost = pending.get(host) ?? new Set();
      if (ofHost.size >= MAX_PENDING_PER_HOST) {
        events.tooManyPending(host);
        return true;
      }
      pending.set(host, ofHost.add(connection));
      connection.addEventListener('close', () => {
        if (settle(connection)) events.upgradeFailed(host);
      });
      return false;
    },
    denyInboundEncryptedConnection: (peerId) => events.banned(peerId.toString()),
    denyInboundUpgradedConnection(_peerId, connection) {
      settle(connection);
      return false;
    },
    denyDialPeer: (peerId) => events.banned(peerId.toString()),
    // libp2p's default denies nothing in Node; ours is complete, so that a new default changes nothing.
    denyDialMultiaddr: () => false,
  };
}

function hostOf(connection: MultiaddrConnection): string {
  return connection.remoteAddr.getComponents()[0]?.value ?? '';
}
