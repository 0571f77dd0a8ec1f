import { CodedError } from '../../../../runtime/errors.ts';
import type { Header } from '../../chain/block.ts';
import { toHex } from '../../chain/hex.ts';
import type { ValidatorSet } from '../../chain/validators.ts';
import type { ChangeSet, ReceiptRow } from '../protocol.ts';
import type { StateTries } from './tries.ts';
import type { Validators } from './validators.ts';

/** Heights that may be staged above the tip: consensus needs one, block sync a few. */
const MAX_DEPTH = 16n;
/** Every round of a height may bring a block: this is more rounds than a partition of hours has. */
const MAX_BLOCKS = 128;
const MAX_BYTES = 256_000_000;

/** A block that was executed on its parent and is not decided. */
export interface StagedBlock {
  readonly header: Header;
  readonly hash: Uint8Array;
  readonly transactions: readonly Uint8Array[];
  readonly changes: ChangeSet;
  readonly receipts: readonly ReceiptRow[];
  readonly tries: StateTries;
  /** Of the state after it. */
  readonly validators: Validators;
  /** Who decides it. */
  readonly voters: ValidatorSet;
}

/** A staged block with what makes lookups in it quick. */
class Entry {
  readonly block: StagedBlock;
  readonly accounts: ReadonlyMap<string, bigint>;
  readonly pools: ReadonlyMap<string, bigint>;
  readonly bytes: number;
  /** Order of last use. */
  used = 0;

  constructor(block: StagedBlock) {
    this.block = block;
    this.accounts = new Map(block.changes.accounts.map(({ address, amount }) => [toHex(address), amount]));
    this.pools = new Map(block.changes.pools.map(({ address, amount }) => [toHex(address), amount]));
    this.bytes = block.transactions.reduce((sum, transaction) => sum + transaction.length, 0);
  }
}

/** The tree of blocks above the tip. It knows parents by hash; which hash the tip has is the caller's. */
export class StagingTree {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #uses = 0;

  get size(): number {
    return this.#entries.size;
  }

  get blocks(): StagedBlock[] {
    return [...this.#entries.values()].map(({ block }) => block);
  }

  /** The block, counted as used. */
  get(hash: Uint8Array): StagedBlock | undefined {
    const entry = this.#entries.get(toHex(hash));
    if (entry !== undefined) entry.used = ++this.#uses;
    return entry?.block;
  }

  /** The block and its staged ancestors, youngest first. */
  branch(hash: Uint8Array): StagedBlock[] {
    return this.#branch(hash).map(({ block }) => block);
  }

  /** What the branch up to `hash` last set an account or pool to. */
  lookUp(hash: Uint8Array): {
    account(address: string): bigint | undefined;
    pool(address: string): bigint | undefined;
  } {
    const branch = this.#branch(hash);
    return {
      account: (address) => branch.find(({ accounts }) => accounts.has(address))?.accounts.get(address),
      pool: (address) => branch.find(({ pools }) => pools.has(address))?.pools.get(address),
    };
  }

  /** @throws STAGING_FULL where a block of this height is too far above the tip. */
  requireRoom(height: bigint, tipHeight: bigint): void {
    if (height <= tipHeight + MAX_DEPTH) return;
    throw new CodedError('STAGING_FULL', `block ${height} is more than ${MAX_DEPTH} above the tip ${tipHeight}`, {
      height,
      tip: tipHeight,
    });
  }

  /** Adds a block and returns the blocks that had to give way. */
  add(block: StagedBlock): StagedBlock[] {
    const entry = new Entry(block);
    entry.used = ++this.#uses;
    this.#entries.set(toHex(block.hash), entry);
    this.#bytes += entry.bytes;
    const evicted: StagedBlock[] = [];
    while (this.#entries.size > MAX_BLOCKS || this.#bytes > MAX_BYTES) {
      const victim = this.#leastUsedLeaf(entry);
      if (victim === undefined) break;
      this.#remove(victim);
      evicted.push(victim.block);
    }
    return evicted;
  }

  /** After `hash` was committed: drops it and whatever does not stand on it. Returns what was dropped. */
  settle(hash: Uint8Array): StagedBlock[] {
    const committed = toHex(hash);
    const dropped = [...this.#entries.values()].filter((entry) => {
      if (toHex(entry.block.hash) === committed) return true;
      return !this.#branch(entry.block.hash).some(({ block }) => toHex(block.header.parentHash) === committed);
    });
    for (const entry of dropped) this.#remove(entry);
    return dropped.map(({ block }) => block);
  }

  #branch(hash: Uint8Array): Entry[] {
    const branch: Entry[] = [];
    let entry = this.#entries.get(toHex(hash));
    while (entry !== undefined) {
      branch.push(entry);
      entry = this.#entries.get(toHex(entry.block.header.parentHash));
    }
    return branch;
  }

  /** Not the newcomer, and none that another stands on. */
  #leastUsedLeaf(newcomer: Entry): Entry | undefined {
    const parents = new Set([...this.#entries.values()].map(({ block }) => toHex(block.header.parentHash)));
    let least: Entry | undefined;
    for (const [hash, entry] of this.#entries) {
      if (entry === newcomer || parents.has(hash)) continue;
      if (least === undefined || entry.used < least.used) least = entry;
    }
    return least;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(toHex(entry.block.hash));
    this.#bytes -= entry.bytes;
  }
}
