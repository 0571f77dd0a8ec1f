/** Coded errors of the command line. */
export const CLI_ERRORS = {
  USAGE: 'The command line is wrong; see --help. Exit code 2.',
  HOME_IN_USE: 'Another process runs a node on this home, or a local network in this directory.',
  FILE_UNUSABLE:
    'The system refused a file or directory that the message names: check the path, its permissions and the free space.',
  NODE_UNREACHABLE: 'No node answers at this URL.',
  NODE_TIMEOUT: 'The node did not answer in time. Nothing is known about the request.',
  NODE_ANSWER: 'What answered at this URL is not a node of this kind.',
  NODE_NOT_RUNNING: 'No node that takes orders runs on this home. The message says how to start one.',
  NODE_FAILED: 'A node of the local network ended. Its log says why.',
  NODE_STOP_TIMEOUT:
    'The node did not stop in time, and killed itself. Nothing is lost: it recovers at its next start.',
  NODE_NUMBER: 'The local network has no node of this number.',
  NODE_START_FAILED: 'A node could not be started. Its message and its log say why.',
  LOCALNET_MISMATCH: 'The directory holds a local network that was made with other options.',
  LOCALNET_GENESIS:
    'The file of genesis entries for a local network is not what it should be; the message says what to write.',
  LOCALNET_MISSING: 'The directory holds no local network.',
  LOCALNET_NOT_RUNNING: 'The local network in this directory is not running.',
  LOCALNET_UNREADABLE: 'A file of the local network is damaged.',
  ORDER_MALFORMED: 'What came over the socket is not an order of this version.',
  ORDER_TIMEOUT: 'The process did not answer the order in time. It may still carry it out.',
  ORDER_UNANSWERED: 'The process ended, or has too many clients, before it answered. Nothing is known about the order.',
  ACTOR_NOT_RECOVERED: 'The actor did not serve again in time. The message says in what state it is.',
  REPORT_MISSING: 'The home holds no such crash report or dead letter.',
  REPORT_UNREADABLE: 'The file is not a crash report or dead letter of this version, or is damaged.',
  CHAOS_NOT_RECOVERED: 'Something that chaos killed did not come back in time. The message names it and what was seen.',
  PORTS_EXHAUSTED: 'No free ports were found on the loopback interface.',
  CHAIN_STALLED: 'All nodes run, and no block was committed for two minutes.',
  GUARANTEE_BROKEN: 'The run ended, but a guarantee did not hold. The report says which.',
  INTERRUPTED: 'The run was interrupted before it was complete.',
  TX_REFUSED: 'The node refused the transaction, with the code and the reason that it gave.',
  TX_NOT_COMMITTED: 'The transaction was accepted but not seen in a block in time. It may still be committed.',
  KEY_UNKNOWN: 'There is no key for this address in the key directory.',
  SIGNER_RISK:
    'What was asked may let two signers use one key, which can fork the chain. The message says what to make sure of.',
  SIGNER_ELSEWHERE: 'The signer of this node is another process: run the command on its home.',
  NETWORK_UNKNOWN: 'The node does not tell its network id yet: it has no block.',
} as const;

export type CliErrorCode = keyof typeof CLI_ERRORS;
