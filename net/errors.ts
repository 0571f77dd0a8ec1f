/** Coded errors of what is built on libp2p. */
export const NET_ERRORS = {
  LISTEN_FAILED: 'The address is not one that this machine can listen on. The message names what to change.',
  NODE_KEY_INVALID: 'The file is not a node key: restore it, or delete it to get a new peer id.',
  NODE_KEY_UNREADABLE:
    'The file of a node key cannot be read or created: check the path, which the message names with its configuration key.',
  NODE_KEY_EXPOSED: 'The file of a node key can be read by other users: chmod 600 it.',
  FRAME_TOO_LARGE: 'A peer announced a frame larger than the protocol allows.',
  FRAME_MALFORMED: 'A frame of a peer is empty or of the wrong form.',
} as const;
