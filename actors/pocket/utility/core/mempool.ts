import { CodedError } from '../../../../runtime/errors.ts';
import { evidenceIn, type Prepared } from './prepared.ts';

/** What the mempool holds at most. Full means refusal: what was accepted is never evicted for what comes later. */
export interface MempoolLimits {
  readonly max_transactions: number;
  readonly max_bytes: number;
  readonly max_per_sender: number;
}

interface Entry {
  readonly prepared: Prepared;
  /** What it takes from its sender: amount and fee. */
  readonly cost: bigint;
  /** True once it is in the journal of this node, so that its sender may be told so. */
  journaled: boolean;
}

interface Sender {
  readonly entries: Set<string>;
  /** Sum of the costs of its entries. */
  pending: bigint;
}

/** A transaction that left for good without being committed; the journal may forget it. */
export interface Dropped {
  readonly hash: Uint8Array;
  readonly journaled: boolean;
}

/** Accepted transactions in order of arrival. Pure: it knows no clock and no peer. */
export class Mempool {
  readonly #limits: MempoolLimits;
  /** By hex hash; a Map iterates in order of insertion, which is the order of arrival. */
  readonly #entries = new Map<string, Entry>();
  readonly #byReplayKey = new Map<string, string>();
  readonly #senders = new Map<string, Sender>();
  /** Hex hashes of the evidence: it goes ahead of everything. */
  readonly #evidence = new Set<string>();
  /** Hex hashes by last valid height, so that a new height costs what it expires. Height 0 never expires. */
  readonly #byLastHeight = new Map<bigint, Set<string>>();
  #bytes = 0;

  constructor(limits: MempoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The transaction with this hex hash. */
  get(hash: string): Prepared | undefined {
    return this.#entries.get(hash)?.prepared;
  }

  /** Hex hash of the transaction that is signed over the same bytes. */
  sameAs(replayKey: string): string | undefined {
    return this.#byReplayKey.get(replayKey);
  }

  isJournaled(hash: string): boolean {
    return this.#entries.get(hash)?.journaled ?? false;
  }

  markJournaled(hash: string): void {
    const entry = this.#entries.get(hash);
    if (entry !== undefined) entry.journaled = true;
  }

  /** What the sender's pending transactions cost together. */
  pendingOf(sender: string): bigint {
    return this.#senders.get(sender)?.pending ?? 0n;
  }

  /**
   * Checks the bounds. A full mempool keeps nobody from being punished: of evidence there is one piece an offender and height, and
   * as only heights of the evidence age are admitted, a handful an offender.
   * @throws CodedError MEMPOOL_FULL, SENDER_LIMIT
   */
  checkRoom(prepared: Prepared): void {
    if (evidenceIn(prepared) !== null) this.#checkSender(prepared, 1);
    else this.#checkAll(prepared);
  }

  #checkAll(prepared: Prepared): void {
    const { max_transactions, max_bytes, max_per_sender } = this.#limits;
    if (this.#entries.size >= max_transactions || this.#bytes + prepared.bytes.length > max_bytes) {
      throw new CodedError('MEMPOOL_FULL', 'The mempool is full; submit the same transaction again in some seconds.', {
        transactions: this.#entries.size,
        bytes: this.#bytes,
      });
    }
    this.#checkSender(prepared, max_per_sender);
  }

  #checkSender({ sender }: Prepared, limit: number): void {
    if ((this.#senders.get(sender)?.entries.size ?? 0) < limit) return;
    throw new CodedError(
      'SENDER_LIMIT',
      `Of ${sender} ${limit} pending transactions are kept at most; submit this one again when some are committed.`,
      { sender, limit },
    );
  }

  /** Adds a transaction that was checked: room, duplicates, funds. */
  add(prepared: Prepared, cost: bigint, journaled: boolean): void {
    const { hashHex, replayHex, sender, transaction, bytes } = prepared;
    this.#entries.set(hashHex, { prepared, cost, journaled });
    this.#byReplayKey.set(replayHex, hashHex);
    if (evidenceIn(prepared) !== null) this.#evidence.add(hashHex);
    this.#bytes += bytes.length;
    const account = this.#senders.get(sender) ?? { entries: new Set(), pending: 0n };
    account.entries.add(hashHex);
    account.pending += cost;
    this.#senders.set(sender, account);
    const last = transaction.validUntilHeight;
    const expiring = this.#byLastHeight.get(last) ?? new Set();
    expiring.add(hashHex);
    this.#byLastHeight.set(last, expiring);
  }

  /** Removes what is committed; the journal knows by itself. */
  removeCommitted(replayKeys: Iterable<string>): void {
    for (const key of replayKeys) {
      const hash = this.#byReplayKey.get(key);
      if (hash !== undefined) this.#remove(hash);
    }
  }

  /** Drops what may not stand in a block of this height any more. */
  expire(nextHeight: bigint): Dropped[] {
    const dropped: Dropped[] = [];
    for (const [last, hashes] of this.#byLastHeight) {
      if (last === 0n || last >= nextHeight) continue;
      for (const hash of hashes) dropped.push(this.#remove(hash));
    }
    return dropped;
  }

  /** Drops of a sender's what it cannot pay the fee for at the tip; what it can pay for waits. */
  dropUnpayable(sender: string, balance: bigint, feeOf: (prepared: Prepared) => bigint): Dropped[] {
    const hashes = [...(this.#senders.get(sender)?.entries ?? [])];
    return hashes
      .filter((hash) => feeOf(this.#entries.get(hash)!.prepared) > balance)
      .map((hash) => this.#remove(hash));
  }

  /**
   * The transactions for a proposal, evidence first, then the oldest, each counted with `overhead` bytes more than it has.
   * One that does not fit ends the search: later ones do not overtake it.
   */
  candidates(maxBytes: number, maxCount: number, overhead: number): Prepared[] {
    const chosen: Prepared[] = [];
    let bytes = 0;
    for (const prepared of this.#inOrder()) {
      bytes += prepared.bytes.length + overhead;
      if (chosen.length >= maxCount || bytes > maxBytes) break;
      chosen.push(prepared);
    }
    return chosen;
  }

  *#inOrder(): Generator<Prepared> {
    for (const hash of this.#evidence) yield this.#entries.get(hash)!.prepared;
    for (const [hash, { prepared }] of this.#entries) if (!this.#evidence.has(hash)) yield prepared;
  }

  /** Transactions from a position on, oldest first. */
  page(offset: number, limit: number): Prepared[] {
    const page: Prepared[] = [];
    let position = 0;
    for (const { prepared } of this.#entries.values()) {
      if (position >= offset + limit) break;
      if (position >= offset) page.push(prepared);
      position++;
    }
    return page;
  }

  #remove(hash: string): Dropped {
    const { prepared, cost, journaled } = this.#entries.get(hash)!;
    this.#entries.delete(hash);
    this.#evidence.delete(hash);
    this.#byReplayKey.delete(prepared.replayHex);
    this.#bytes -= prepared.bytes.length;
    const account = this.#senders.get(prepared.sender)!;
    account.entries.delete(hash);
    account.pending -= cost;
    if (account.entries.size === 0) this.#senders.delete(prepared.sender);
    const last = prepared.transaction.validUntilHeight;
    const expiring = this.#byLastHeight.get(last)!;
    expiring.delete(hash);
    if (expiring.size === 0) this.#byLastHeight.delete(last);
    return { hash: prepared.hash, journaled };
  }
}
