import { defineProtocol, message, question } from '../../../runtime/protocol.ts';

export interface PeerInfo {
  peerId: string;
  /** Validator address proven by its certificate, hex; empty while unproven. */
  address: string;
  multiaddr: string;
  connected: boolean;
  direction: string;
}

/**
 * The network. Nothing told to it is repeated by it: consensus re-sends its round, utility's transactions
 * travel again when their sender's node restarts, and a failed request is asked of another peer.
 */
export const p2pProtocol = defineProtocol('p2p', {
  tell: {
    /** A consensus message (canonical bytes) for every other validator. */
    broadcast: message<{ message: Uint8Array }>('consensus', ['message']),
    /** A consensus message for one validator, named by its 20-byte address. */
    send: message<{ to: Uint8Array; message: Uint8Array }>('consensus', ['to', 'message']),
    /** Admitted transactions (canonical bytes) for everyone. */
    gossip: message<{ transactions: Uint8Array[] }>('bulk', ['transactions']),
    /** A peer, named by its proven address, served what is provably false: it weighs on the peer, and may shut it out. */
    accuse: message<{ address: Uint8Array; reason: string }>('sync', ['address', 'reason']),
  },
  ask: {
    /**
     * One request of the sync protocol (canonical bytes of pocket/chain SyncRequest) to the peer that has proven this
     * address, validator or not.
     * @throws PEER_UNREACHABLE, PEER_PROTOCOL, DEADLINE_EXCEEDED
     */
    request: question<{ to: Uint8Array; request: Uint8Array }, { response: Uint8Array }>(
      'sync',
      10_000,
      ['to', 'request'],
      ['response'],
    ),
    peers: question<object, { self: PeerInfo; peers: PeerInfo[] }>('bulk', 5_000, [], ['self', 'peers']),
  },
  emit: {
    /** A consensus message from the validator whose certificate the stream carries. Not yet decoded. */
    consensusMessage: message<{ from: Uint8Array; message: Uint8Array }>('consensus', ['from', 'message']),
    /** Gossiped transactions. Not yet decoded. */
    transactions: message<{ transactions: Uint8Array[]; peerId: string }>('bulk', ['transactions', 'peerId']),
    /**
     * Who is connected, with a consensus stream that goes both ways: how many validators, and the proven addresses of
     * all of them, others than validators included, at most 1,000.
     */
    connected: message<{ validators: number; addresses: Uint8Array[] }>('control', ['validators', 'addresses']),
  },
  records: [['peerId', 'address', 'multiaddr', 'connected', 'direction']],
});
export type P2pProtocol = typeof p2pProtocol;
