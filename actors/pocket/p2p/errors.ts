/** Every code that p2p raises or sends to a peer. The reference in the docs is generated from this list. */
export const P2P_ERRORS = {
  PEER_UNREACHABLE: 'No connection to the peer, or it is too busy to answer: ask another one.',
  PEER_PROTOCOL: 'The peer answered something that is not the protocol; it was counted against it.',
  DEADLINE_EXCEEDED: 'The peer did not answer in time.',
  LIST_MALFORMED: 'A list of messages or transactions of a peer is empty, truncated, or has an entry of a wrong size.',
  HELLO_MALFORMED: 'The first frame of a consensus stream is not a handshake.',
  HELLO_WRONG_VERSION: 'The peer speaks another version of the protocol: one of the two needs an upgrade.',
  HELLO_WRONG_NETWORK: 'The peer belongs to another network.',
  HELLO_OBSERVERS_FULL: 'The node has as many connections with peers that are no validators as it allows.',
} as const;
