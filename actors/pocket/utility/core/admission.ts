import { CodedError } from '../../../../runtime/errors.ts';
import { toHex } from '../../chain/hex.ts';
import { costOf } from './ledger.ts';
import type { Mempool } from './mempool.ts';
import { evidenceIn, type Prepared } from './prepared.ts';
import { requirePunishable } from './punishment.ts';
import type { RecentBlocks } from './recent.ts';
import type { LedgerRules } from './rules.ts';
import type { StateView } from './view.ts';

/** The state that a batch of admissions is judged by: read at a height, with the blocks since laid over it. */
export interface TipView extends Pick<StateView, 'accounts' | 'replayed' | 'validators'> {
  readonly height: bigint;
}

/** @throws CodedError TX_DUPLICATE */
export function checkDuplicate(mempool: Mempool, prepared: Prepared): void {
  const same = mempool.sameAs(prepared.replayHex);
  if (same === undefined) return;
  throw new CodedError('TX_DUPLICATE', 'The transaction is already in the mempool.', { hash: same });
}

/**
 * Takes a transaction into the mempool if the state allows it. Its terms and signature are checked by the caller.
 * What the journal held was accepted before: it waits for funds or for its end, as it would have without a restart.
 * @throws CodedError TX_COMMITTED, TX_DUPLICATE, MEMPOOL_FULL, SENDER_LIMIT, INSUFFICIENT_FUNDS, EVIDENCE_*
 */
export function admit(
  mempool: Mempool,
  prepared: Prepared,
  tip: TipView,
  recent: RecentBlocks,
  rules: LedgerRules,
  journaled: boolean,
): void {
  if (tip.replayed.has(prepared.replayHex) || recent.replayedSince(tip.height, prepared.replayHex)) {
    throw new CodedError('TX_COMMITTED', 'The transaction is already committed.', { hash: prepared.hashHex });
  }
  checkDuplicate(mempool, prepared);
  const evidence = evidenceIn(prepared);
  if (evidence !== null) requirePunishable(tip.validators.get(toHex(evidence.address)), evidence);
  const cost = costOf(prepared, rules);
  if (!journaled) {
    mempool.checkRoom(prepared);
    requireFunds(mempool, prepared, { cost, tip, recent });
  }
  mempool.add(prepared, cost, journaled);
}

/** @throws CodedError INSUFFICIENT_FUNDS */
function requireFunds(
  mempool: Mempool,
  { sender }: Prepared,
  { cost, tip, recent }: { cost: bigint; tip: TipView; recent: RecentBlocks },
): void {
  const balance = recent.balanceSince(tip.height, sender) ?? tip.accounts.get(sender) ?? 0n;
  const needed = mempool.pendingOf(sender) + cost;
  if (balance >= needed) return;
  throw new CodedError(
    'INSUFFICIENT_FUNDS',
    `The account has ${balance} uPOKT; this transaction and what it has pending cost ${needed}.`,
    { address: sender, balance, needed },
  );
}
