import type { Header } from '../../chain/block.ts';
import type { ConsensusMessage } from '../../chain/consensus.ts';
import { equalBytes } from '../../chain/hex.ts';
import { admit } from './blocks.ts';
import { certify, decidesTip, isRoundDue, preparesHeight } from './certificates.ts';
import type { Certified } from './rules.ts';
import type { Proposal, State } from './state.ts';

const NONE = new Uint8Array();

/** Why a PREPARE proposal is not voted for: the leader broke a rule, or our clock is wrong. */
export type Refusal =
  | 'block_too_large'
  | 'block_malformed'
  | 'wrong_height'
  | 'wrong_network'
  | 'wrong_parent'
  | 'wrong_proposer'
  | 'time_not_after_parent'
  | 'time_ahead'
  | 'parent_qc_differs'
  | 'timeout_invalid'
  | 'justify_invalid'
  | 'justify_foreign'
  | 'locked';

/** Everything about a PREPARE proposal except its execution. The sender is the leader of the view. */
export function judgePrepare(s: State, message: ConsensusMessage): Proposal | Refusal {
  const { block: bytes, blockHash: hash } = message;
  if (!bytes || !hash) return 'block_malformed';
  if (bytes.length > s.settings.maxBlockBytes) return 'block_too_large';
  const found = admit(s, bytes, hash, false);
  if (!found) return 'block_malformed';
  const { header } = found.block;
  if (header.height !== s.height) return 'wrong_height';
  if (header.networkId !== s.settings.networkId) return 'wrong_network';
  if (!equalBytes(header.parentHash, s.tip.blockHash)) return 'wrong_parent';
  if (!isRoundDue(s, message)) return 'timeout_invalid';
  const justify = message.justify ? certify(s, message.justify) : null;
  if (message.justify && !justify) return 'justify_invalid';
  const prepareQc = justify && preparesHeight(s, justify, s.view.round) ? justify : null;
  if (prepareQc && !equalBytes(prepareQc.qc.blockHash, hash)) return 'justify_foreign';
  const refusal = prepareQc ? null : judgeFresh(s, header, message.address, justify);
  if (refusal) return refusal;
  return s.rules.mayPrepare(s.lockedQc, hash, prepareQc) ? { blockHash: hash, justify } : 'locked';
}

/** A block proposed for the first time: it must be this leader's, of this time, and carry the parent's QC. */
function judgeFresh(s: State, header: Header, leader: Uint8Array, justify: Certified | null): Refusal | null {
  if (justify ? !decidesTip(s, justify) : s.tip.height !== 0n) return 'justify_foreign';
  if (!equalBytes(header.quorumCertificate, justify?.bytes ?? NONE)) return 'parent_qc_differs';
  if (!equalBytes(header.proposerAddress, leader)) return 'wrong_proposer';
  if (header.timestamp_ms <= s.tip.timestamp_ms) return 'time_not_after_parent';
  if (header.timestamp_ms > BigInt(s.now_ms + s.settings.maxClockDrift_ms)) return 'time_ahead';
  return null;
}
