/** Every code that p2p raises or sends to a peer. The reference in the docs is generated from this list. */
export const P2P_ERRORS = {
  PORT_BUSY: 'Another process listens on a port of p2p.listen: stop it or choose another port.',
  LISTEN_FAILED: 'An address of p2p.listen is not one this machine can listen on.',
  NODE_KEY_INVALID: 'The file of p2p.key_file is not a node key: restore it, or delete it to get a new peer id.',
  NODE_KEY_UNREADABLE: 'The file of p2p.key_file cannot be read or created: check the path and its permissions.',
  NODE_KEY_EXPOSED: 'The file of p2p.key_file can be read by other users: chmod 600 it.',
  PEER_UNREACHABLE: 'No connection to the peer, or it is too busy to answer: ask another one.',
  PEER_PROTOCOL: 'The peer answered something that is not the protocol; it was counted against it.',
  DEADLINE_EXCEEDED: 'The peer did not answer in time.',
  FRAME_TOO_LARGE: 'A peer announced a frame larger than the protocol allows.',
  FRAME_MALFORMED: 'A frame of a peer is empty or of the wrong form.',
  LIST_MALFORMED: 'A list of messages or transactions of a peer is empty, truncated, or has an entry of a wrong size.',
  HELLO_MALFORMED: 'The first frame of a consensus stream is not a handshake.',
  HELLO_WRONG_VERSION: 'The peer speaks another version of the protocol: one of the two needs an upgrade.',
  HELLO_WRONG_NETWORK: 'The peer belongs to another network.',
  HELLO_OBSERVERS_FULL: 'The node has as many connections with peers that are no validators as it allows.',
} as const;
