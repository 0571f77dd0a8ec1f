/** Coded errors of the signer. */
export const SIGNER_ERRORS = {
  SIGN_INVALID:
    'The request is not a consensus message that may be signed (fields missing, out of range, or the QC does not belong to it).',
  SIGN_CONFLICT: 'Another message was already signed for the same height, round, step and type.',
  SIGN_BEHIND: 'A later height, round or step was already signed; the signer never goes back.',
  SIGN_LOCKED:
    'The validator is locked on another block of this height and the proposal carries no newer prepareQC for the block it proposes.',
  SIGN_BELOW_FLOOR:
    'The safety record does not tell what the key signed at this height, because it was made new, imported or accepted there; the signer waits for a later one.',
  SIGNER_RECORD_CORRUPT:
    'Both copies of the safety record are damaged. Restore the file from this machine or retire the key; never delete it while the key may have signed.',
  SIGNER_RECORD_FOREIGN: 'The safety record belongs to another validator address or network.',
  SIGNER_RECORD_COPIED:
    'The safety record was copied, restored from a backup, or moved from another machine or file system. Export and import it, or accept it.',
  SIGNER_RECORD_STALE:
    'The chain holds a vote of this key that is not in the safety record: the record is an old copy, or another signer uses the key.',
  SIGNER_RECORD_MISSING: 'There is no safety record at this path: nothing was signed there.',
  SIGNER_RECORDS_CONTRADICT:
    'Two records of one key hold different messages for one place: two signers used it at once.',
  SIGNER_EXPORT_INVALID: 'The file is not what `potoroo signer export` writes, or is damaged.',
  SIGNER_RECORD_LOCKED: 'Another running process uses this safety record.',
  SIGNER_RECORD_CHANGED:
    'Somebody else wrote to the safety record while this process held it; two nodes may share one key.',
  SIGNER_RECORD_TOO_LARGE: 'The quorum certificates do not fit the fixed size of the safety record.',
  SIGNER_RECORD_IO:
    'The safety record could not be read or made durable; nothing is signed until the signer is restarted.',
  SIGNER_VOTERS_FOREIGN: 'The validators that the signer was shown are not those that the header names.',
  SIGNER_VOTERS_FORGOTTEN: 'The signer does not keep any more who decided that height.',
  SIGNER_UNREACHABLE:
    'The remote signer is not connected. It is looked for all the time; asks are repeated. Check that `potoroo signer serve` runs and allows this node.',
  SIGNER_KEY_CHANGED: 'The remote signer came back with another validator key. Restart the node if that is meant.',
  SIGNER_LINK_MALFORMED: 'The other end of the connection between node and signer is of another version.',
  SIGNER_LINK_NETWORK: 'Node and remote signer belong to different networks.',
  SIGNER_LINK_REPLACED: 'Another node that is allowed, too, took the remote signer over.',
  CERTIFICATE_INVALID: 'The request for a stream certificate has a malformed peer id or an expiry out of range.',
} as const;
