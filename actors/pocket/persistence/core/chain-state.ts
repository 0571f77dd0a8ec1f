import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { blockHash, type Header } from '../../chain/block.ts';
import { equalBytes, toHex } from '../../chain/hex.ts';
import type { ValidatorSet } from '../../chain/validators.ts';
import type { ChangeSet, ReceiptRow } from '../protocol.ts';
import { accountEntries, actorEntries } from './entries.ts';
import { completeHeader } from './header.ts';
import { type CommittedState, type ProofLimits, RecentStates } from './recent-states.ts';
import { type StagedBlock, StagingTree } from './staging.ts';
import type { StateTries, TreeChanges } from './tries.ts';
import type { Validators } from './validators.ts';
import { isInWindow, type ReplayWindow, type WindowEntry, windowEntries } from './window.ts';

/** The last committed block. */
export interface TipState extends CommittedState {
  readonly hash: Uint8Array;
  readonly validators: Validators;
}

/** A block as its proposer or its executor hands it over. */
export interface ExecutedBlock {
  readonly header: Header;
  readonly transactions: readonly Uint8Array[];
  readonly changes: ChangeSet;
  readonly receipts: readonly ReceiptRow[];
}

/** A state that can be read or built on. */
export interface StateView {
  readonly header: Header;
  readonly hash: Uint8Array;
  readonly tries: StateTries;
  readonly validators: Validators;
  readonly voters: ValidatorSet;
  /** Amounts that are not yet in the database, by hex address. */
  readonly overlay: ReturnType<StagingTree['lookUp']>;
}

/** The committed state and the branches on it. Pure: what is durable when is the caller's business. */
export class ChainState {
  readonly #staging = new StagingTree();
  readonly #window: ReplayWindow;
  readonly #recent: RecentStates;
  #tip: TipState;

  constructor(tip: TipState, window: ReplayWindow, proofs: ProofLimits) {
    this.#tip = tip;
    this.#window = window;
    this.#recent = new RecentStates(proofs);
  }

  get tip(): TipState {
    return this.#tip;
  }

  /** Heights that can be proven now. */
  get proofHeights(): number {
    return this.#recent.heights;
  }

  /**
   * A committed state that can be proven; height 0 means the tip. Its tries are good until the next commit.
   * @throws PROOF_PRUNED, BLOCK_NOT_FOUND
   */
  provable(height: bigint): CommittedState {
    return this.#recent.find(height, this.#tip);
  }

  get stagedBlocks(): number {
    return this.#staging.size;
  }

  staged(hash: Uint8Array): StagedBlock | undefined {
    return this.#staging.get(hash);
  }

  /** @throws PARENT_UNKNOWN */
  view(hash: Uint8Array | null): StateView {
    const overlay = this.#staging.lookUp(hash ?? this.#tip.hash);
    if (hash === null || equalBytes(hash, this.#tip.hash)) return { ...this.#tip, overlay };
    const staged = this.#staging.get(hash);
    if (staged !== undefined) return { ...staged, overlay };
    throw new CodedError('PARENT_UNKNOWN', `block ${toHex(hash)} is neither the tip nor staged`, {
      block: toHex(hash),
      tip: this.#tip.header.height,
    });
  }

  /**
   * The block with the state it leads to; not yet staged.
   * @throws PARENT_UNKNOWN, STAGING_FULL, HEADER_INVALID, STATE_HASH_MISMATCH
   */
  execute(executed: ExecutedBlock): StagedBlock {
    const { transactions, changes, receipts } = executed;
    requireReceipts(executed);
    const parent = this.view(executed.header.parentHash);
    const height = parent.header.height + 1n;
    this.#staging.requireRoom(height, this.#tip.header.height);
    const added = windowOf(receipts, transactions);
    const tries = this.#update(parent.tries, {
      account: accountEntries(changes.accounts),
      pool: accountEntries(changes.pools),
      transactions: windowEntries(height, this.#expiredBy(parent, height), added),
      ...actorEntries(changes),
    });
    try {
      const validators = parent.validators.after(changes);
      const header = completeHeader(executed.header, {
        height,
        networkId: this.#tip.header.networkId,
        prevStateHash: parent.header.stateHash,
        stateHash: tries.stateHash,
        stateTreeHashes: tries.treeHashes,
        valSetHash: parent.validators.hash,
        nextValSetHash: validators.hash,
        transactions,
      });
      const voters = parent.validators.active;
      return { header, hash: blockHash(header), transactions, changes, receipts, tries, validators, voters };
    } catch (error) {
      tries.release();
      throw error;
    }
  }

  /**
   * Takes up a block that is durable now; returns those that had to give way. Their tries are left to the garbage
   * collector: one of them may just be on its way to become the tip.
   */
  stage(block: StagedBlock): StagedBlock[] {
    return this.#staging.add(block);
  }

  /** The blocks from the one above the tip to this one; empty if it is not staged. */
  pathTo(hash: Uint8Array): StagedBlock[] {
    return this.#staging.branch(hash).reverse();
  }

  /** The block above the tip is durable now. Drops the other branches; the state before is kept for proofs. */
  commit(block: StagedBlock, commitQc: Uint8Array): void {
    const { header, hash, tries, validators, voters } = block;
    const before = this.#tip;
    this.#tip = { header, hash, tries, commitQc, validators, voters };
    this.#window.add(header.height, windowOf(block.receipts, block.transactions));
    this.#window.advance(header.height);
    for (const staged of this.#staging.settle(hash)) if (staged.tries !== tries) staged.tries.release();
    this.#recent.add(before, this.#tip);
  }

  /** States that are kept for proofs only must not keep a node from voting: where memory ends, they go first. */
  #update(tries: StateTries, changes: TreeChanges): StateTries {
    try {
      return tries.update(changes);
    } catch (error) {
      if (!hasCode(error, 'TRIE_MEMORY_FULL') || !this.#recent.release()) throw error;
      return tries.update(changes);
    }
  }

  /** Frees the states: another chain has taken the place of this one. */
  release(): void {
    for (const { tries } of this.#staging.blocks) tries.release();
    this.#tip.tries.release();
    this.#recent.release();
  }

  /** Replay keys that block `height` on this parent removes from the window. */
  #expiredBy(parent: StateView, height: bigint): Uint8Array[] {
    const last = height - 1n;
    const staged = this.#staging
      .branch(parent.hash)
      .flatMap(({ receipts }) => receipts.filter((receipt) => receipt.validUntilHeight === last));
    return [...this.#window.lastAt(last), ...staged.map(({ replayKey }) => replayKey)];
  }
}

function windowOf(receipts: readonly ReceiptRow[], transactions: readonly Uint8Array[]): WindowEntry[] {
  return receipts.map(({ replayKey, validUntilHeight }, index) => ({
    replayKey,
    validUntilHeight,
    bytes: transactions[index] as Uint8Array,
  }));
}

/** One receipt for each transaction, none of them expired: else the window would not be what it says. */
function requireReceipts({ header, transactions, receipts }: ExecutedBlock): void {
  const entries = receipts.length === transactions.length ? windowOf(receipts, transactions) : undefined;
  if (entries?.every((entry) => isInWindow(entry, header.height))) return;
  throw new CodedError('HEADER_INVALID', 'every transaction needs one receipt, and must not be expired', {
    height: header.height,
    transactions: transactions.length,
    receipts: receipts.length,
  });
}
