/** Coded errors of consensus. */
export const CONSENSUS_ERRORS = {
  NOT_MANUAL: 'Views are triggered by hand in manual mode only; this node runs them by itself.',
  CONSENSUS_STARTING: 'Consensus is still reading the tip of the chain and the safety record; ask again.',
  CONSENSUS_FORK:
    'Two different blocks of one height are certified, or the database has another block than the one decided: more validators than tolerated are faulty. Stop the network and compare the chains.',
  CONSENSUS_LOCK_INVALID:
    "The signer's record holds a certificate that the validators of this genesis did not sign: key, record and genesis do not belong together.",
  CONSENSUS_JOURNAL_IO:
    'The journal of consensus cannot be opened, read or written. Check the owner of its folder, the disk and its free space, or write another consensus.journal_file. A node that starts does not go on; one that runs goes on without a journal until the next height.',
} as const;
