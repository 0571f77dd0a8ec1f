import { CodedError } from '../../../../runtime/errors.ts';
import { fromHex, toHex } from '../../chain/hex.ts';
import { POOL_DAO, POOL_FEE_COLLECTOR } from '../../chain/pools.ts';
import type { AccountRow, ChangeSet, ReceiptRow } from '../../persistence/protocol.ts';
import { RESULT_INSUFFICIENT_FUNDS, RESULT_OK } from './codes.ts';
import { checkTerms, type Prepared } from './prepared.ts';
import type { LedgerRules } from './rules.ts';

const FEES = toHex(POOL_FEE_COLLECTOR);
const DAO = toHex(POOL_DAO);

/** The parent's state, for the keys that a block touches. Hex addresses; an absent balance is zero. */
export interface StateView {
  readonly accounts: ReadonlyMap<string, bigint>;
  readonly pools: ReadonlyMap<string, bigint>;
  /** Hex replay keys that were committed and are remembered. */
  readonly replayed: ReadonlySet<string>;
}

/** What the ledger needs of a block. The signatures of its transactions are verified by the caller. */
export interface LedgerBlock {
  readonly height: bigint;
  readonly proposer: Uint8Array;
  readonly transactions: readonly Prepared[];
}

/** Balances over a parent's: what is written is what is read next. */
class Balances {
  readonly #parent: ReadonlyMap<string, bigint>;
  readonly #written = new Map<string, bigint>();

  constructor(parent: ReadonlyMap<string, bigint>) {
    this.#parent = parent;
  }

  get(address: string): bigint {
    return this.#written.get(address) ?? this.#parent.get(address) ?? 0n;
  }

  add(address: string, amount: bigint): void {
    this.#written.set(address, this.get(address) + amount);
  }

  /** The balances that differ from the parent's, by ascending address. */
  changes(): AccountRow[] {
    return [...this.#written]
      .filter(([address, amount]) => amount !== (this.#parent.get(address) ?? 0n))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, amount]) => ({ address: fromHex(address), amount }));
  }
}

/** The state inside a block: transactions one after the other, then the end of the block. */
class BlockLedger {
  readonly #rules: LedgerRules;
  readonly #height: bigint;
  readonly #accounts: Balances;
  readonly #pools: Balances;
  /** Starts as the window's; grows by the block's own. */
  readonly #replayed: Set<string>;

  constructor(view: StateView, rules: LedgerRules, height: bigint) {
    this.#rules = rules;
    this.#height = height;
    this.#accounts = new Balances(view.accounts);
    this.#pools = new Balances(view.pools);
    this.#replayed = new Set(view.replayed);
  }

  /** What the payer of a transaction has left at this point of the block. */
  balanceOf(address: string): bigint {
    return this.#accounts.get(address);
  }

  /**
   * Checks whether a transaction may stand at this point of the block.
   * @throws CodedError TX_*, INSUFFICIENT_FUNDS (cannot pay the fee): a block with it is invalid
   */
  admit(prepared: Prepared): void {
    checkTerms(prepared, this.#rules, this.#height);
    if (this.#replayed.has(prepared.replayHex)) {
      throw new CodedError('TX_COMMITTED', 'The transaction was committed before.', { hash: prepared.hashHex });
    }
    if (this.#accounts.get(prepared.sender) < this.#rules.sendFee) {
      throw new CodedError('INSUFFICIENT_FUNDS', 'The account cannot pay the fee.', {
        address: prepared.sender,
        balance: this.#accounts.get(prepared.sender),
        needed: this.#rules.sendFee,
      });
    }
  }

  /** Applies an admitted transaction: the fee first, which is kept whatever happens next. */
  apply(prepared: Prepared): ReceiptRow {
    const { message, validUntilHeight } = prepared.transaction;
    this.#replayed.add(prepared.replayHex);
    this.#accounts.add(prepared.sender, -this.#rules.sendFee);
    this.#pools.add(FEES, this.#rules.sendFee);
    const paid = this.#accounts.get(prepared.sender) >= message.amount;
    if (paid) {
      this.#accounts.add(prepared.sender, -message.amount);
      this.#accounts.add(prepared.recipient, message.amount);
    }
    return {
      hash: prepared.hash,
      replayKey: prepared.replayKey,
      validUntilHeight,
      code: paid ? RESULT_OK : RESULT_INSUFFICIENT_FUNDS,
      error: paid ? '' : 'INSUFFICIENT_FUNDS: the fee was paid, the amount could not be',
      signer: message.from,
      recipient: message.to,
      messageType: message.type,
    };
  }

  /** Ends the block: all fees collected go to the proposer (its percentage, truncated) and the DAO. */
  end(proposer: Uint8Array): ChangeSet {
    const fees = this.#pools.get(FEES);
    const reward = (fees * this.#rules.proposerPercentage) / 100n;
    this.#pools.add(FEES, -fees);
    this.#pools.add(DAO, fees - reward);
    this.#accounts.add(toHex(proposer), reward);
    return { accounts: this.#accounts.changes(), pools: this.#pools.changes(), actors: [], removedActors: [] };
  }
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
  const ledger = new BlockLedger(view, rules, block.height);
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
  height: bigint,
): Prepared[] {
  const ledger = new BlockLedger(view, rules, height);
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

/** What a transaction takes from its sender. */
export function costOf(prepared: Prepared, rules: LedgerRules): bigint {
  return prepared.transaction.message.amount + rules.sendFee;
}

/** The keys that applying a block reads. */
export interface TouchedKeys {
  readonly accounts: Uint8Array[];
  readonly pools: Uint8Array[];
  readonly replayKeys: Uint8Array[];
}

export function touchedKeys(transactions: readonly Prepared[], proposer: Uint8Array): TouchedKeys {
  const accounts = new Map([[toHex(proposer), proposer]]);
  for (const { sender, recipient, transaction } of transactions) {
    accounts.set(sender, transaction.message.from);
    accounts.set(recipient, transaction.message.to);
  }
  return {
    accounts: [...accounts.values()],
    pools: [POOL_FEE_COLLECTOR, POOL_DAO],
    replayKeys: transactions.map(({ replayKey }) => replayKey),
  };
}

/** Builds the view from what persistence read. */
export function stateView(read: {
  accounts: readonly AccountRow[];
  pools: readonly AccountRow[];
  replayed: readonly Uint8Array[];
}): StateView {
  const byAddress = (rows: readonly AccountRow[]) =>
    new Map(rows.map(({ address, amount }) => [toHex(address), amount]));
  return {
    accounts: byAddress(read.accounts),
    pools: byAddress(read.pools),
    replayed: new Set(read.replayed.map(toHex)),
  };
}
