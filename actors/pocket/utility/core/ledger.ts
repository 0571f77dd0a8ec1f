import { CodedError } from '../../../../runtime/errors.ts';
import { toHex } from '../../chain/hex.ts';
import type { Message, MessageSend } from '../../chain/messages.ts';
import { POOL_DAO, POOL_FEE_COLLECTOR } from '../../chain/pools.ts';
import type { ChangeSet, ReceiptRow } from '../../persistence/protocol.ts';
import { ActorBook } from './actor-book.ts';
import { Balances } from './balances.ts';
import type { BlockState } from './block-state.ts';
import { RESULT_OK, resultOf } from './codes.ts';
import { checkTerms, evidenceIn, type Prepared } from './prepared.ts';
import { countMissed, punishDoubleSign, requirePunishable } from './punishment.ts';
import { feeOf, type LedgerRules } from './rules.ts';
import { editStake, pause, payOut, retirePaused, stake, unpause, unstake } from './staking.ts';
import type { StateView } from './view.ts';

const FEES = toHex(POOL_FEE_COLLECTOR);
const DAO = toHex(POOL_DAO);

/** What the ledger needs of a block before its transactions. */
export interface BlockTerms {
  readonly height: bigint;
  readonly proposer: Uint8Array;
  /** Hex addresses in the certificate of the parent; null at height 1, whose parent nobody decided. */
  readonly parentSigners: ReadonlySet<string> | null;
}

/** What the ledger needs of a block. The signatures in its transactions are verified by the caller. */
export interface LedgerBlock extends BlockTerms {
  readonly transactions: readonly Prepared[];
}

/** A block in the making: its begin, transactions one after the other, its end. */
class BlockLedger {
  readonly #state: BlockState;
  /** Starts as the window's; grows by the block's own. */
  readonly #replayed: Set<string>;

  constructor(view: StateView, rules: LedgerRules, { height, parentSigners }: BlockTerms) {
    this.#state = {
      rules,
      height,
      accounts: new Balances(view.accounts),
      pools: new Balances(view.pools),
      validators: new ActorBook(view.validators),
    };
    this.#replayed = new Set(view.replayed);
    if (parentSigners !== null) countMissed(this.#state, view.voters, parentSigners);
  }

  /** What the payer of a transaction has left at this point of the block. */
  balanceOf(address: string): bigint {
    return this.#state.accounts.get(address);
  }

  /**
   * Checks whether a transaction may stand at this point of the block.
   * @throws CodedError TX_*, EVIDENCE_*, INSUFFICIENT_FUNDS (cannot pay the fee): a block with it is invalid
   */
  admit(prepared: Prepared): void {
    const { rules, height, accounts, validators } = this.#state;
    checkTerms(prepared, rules, height);
    if (this.#replayed.has(prepared.replayHex)) {
      throw new CodedError('TX_COMMITTED', 'The transaction was committed before.', { hash: prepared.hashHex });
    }
    const evidence = evidenceIn(prepared);
    if (evidence !== null) {
      requirePunishable(validators.get(toHex(evidence.address)), evidence);
      return;
    }
    const fee = feeOf(rules, prepared.transaction.message);
    const balance = accounts.get(prepared.sender);
    if (balance >= fee) return;
    throw new CodedError('INSUFFICIENT_FUNDS', 'The account cannot pay the fee.', {
      address: prepared.sender,
      balance,
      needed: fee,
    });
  }

  /** Applies an admitted transaction: the fee first, which is kept whatever happens next. */
  apply(prepared: Prepared): ReceiptRow {
    const { message, validUntilHeight } = prepared.transaction;
    this.#replayed.add(prepared.replayHex);
    if (prepared.payer !== null) {
      const fee = feeOf(this.#state.rules, message);
      this.#state.accounts.add(prepared.sender, -fee);
      this.#state.pools.add(FEES, fee);
    }
    const { code, message: error } = this.#attempt(message);
    return {
      hash: prepared.hash,
      replayKey: prepared.replayKey,
      validUntilHeight,
      code,
      error,
      signer: prepared.payer ?? new Uint8Array(),
      recipient: recipientOf(message),
      messageType: message.type,
    };
  }

  #attempt(message: Message): { code: number; message: string } {
    try {
      const handle = HANDLERS[message.type] as (state: BlockState, message: Message) => void;
      handle(this.#state, message);
      return { code: RESULT_OK, message: '' };
    } catch (error) {
      return resultOf(error);
    }
  }

  /**
   * Ends the block: all fees collected go to the proposer (its percentage, truncated) and the DAO; stakes that are due are paid
   * out; who was paused too long begins to leave.
   */
  end(proposer: Uint8Array): ChangeSet {
    const { rules, accounts, pools, validators } = this.#state;
    const fees = pools.get(FEES);
    const reward = (fees * rules.proposerPercentage) / 100n;
    pools.add(FEES, -fees);
    pools.add(DAO, fees - reward);
    accounts.add(toHex(proposer), reward);
    payOut(this.#state);
    retirePaused(this.#state);
    return { accounts: accounts.changes(), pools: pools.changes(), ...validators.changes() };
  }
}

/** What each message does. A handler throws before it writes anything: its code is the transaction's result. */
const HANDLERS: {
  readonly [T in Message['type']]: (state: BlockState, message: Extract<Message, { type: T }>) => void;
} = {
  'utility.MessageSend': send,
  'utility.MessageStake': stake,
  'utility.MessageEditStake': editStake,
  'utility.MessageUnstake': unstake,
  'utility.MessagePause': pause,
  'utility.MessageUnpause': unpause,
  'utility.MessageDoubleSign': punishDoubleSign,
};

/** @throws INSUFFICIENT_FUNDS */
function send({ accounts }: BlockState, { from, to, amount }: MessageSend): void {
  const payer = toHex(from);
  if (accounts.get(payer) < amount) {
    throw new CodedError('INSUFFICIENT_FUNDS', 'the fee was paid, the amount could not be', { address: payer });
  }
  accounts.add(payer, -amount);
  accounts.add(toHex(to), amount);
}

/** Whom a transaction is indexed for beside its signer: who receives, or who is punished. */
function recipientOf(message: Message): Uint8Array {
  if (message.type === 'utility.MessageSend') return message.to;
  return message.type === 'utility.MessageDoubleSign' ? message.address : new Uint8Array();
}

/**
 * The ledger's one function: the state after a block and the result of each of its transactions.
 * @throws CodedError with the reason why the block is invalid; its data name the transaction
 */
export function applyBlock(
  view: StateView,
  block: LedgerBlock,
  rules: LedgerRules,
): { changes: ChangeSet; receipts: ReceiptRow[] } {
  const ledger = new BlockLedger(view, rules, block);
  const receipts = block.transactions.map((prepared) => {
    ledger.admit(prepared);
    return ledger.apply(prepared);
  });
  return { changes: ledger.end(block.proposer), receipts };
}

/**
 * Of the candidates in their order, those that a proposer puts into a block: whatever would make it invalid, or
 * cannot pay its whole price at its place, is left out.
 */
export function selectTransactions(
  view: StateView,
  candidates: readonly Prepared[],
  rules: LedgerRules,
  terms: BlockTerms,
): Prepared[] {
  const ledger = new BlockLedger(view, rules, terms);
  return candidates.filter((prepared) => {
    if (ledger.balanceOf(prepared.sender) < costOf(prepared, rules)) return false;
    try {
      ledger.admit(prepared);
    } catch (error) {
      if (error instanceof CodedError) return false;
      throw error;
    }
    ledger.apply(prepared);
    return true;
  });
}

/**
 * What a transaction takes from its sender, as far as its own bytes say: of the amount of an edited stake only the state knows
 * how much is new, so that its fee alone is counted.
 */
export function costOf({ transaction: { message } }: Prepared, rules: LedgerRules): bigint {
  const takes = message.type === 'utility.MessageSend' || message.type === 'utility.MessageStake';
  return feeOf(rules, message) + (takes ? message.amount : 0n);
}
