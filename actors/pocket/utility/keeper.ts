import type { Context } from '../../../runtime/actor.ts';
import { toErrorRecord } from '../../../runtime/errors.ts';
import type { MessageOf } from '../../../runtime/protocol.ts';
import { toHex } from '../chain/hex.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import type { UtilityStart } from './config.ts';
import { type Dropped, Mempool } from './core/mempool.ts';
import { payersOf } from './core/prepared.ts';
import { RecentBlocks } from './core/recent.ts';
import { feeOf, type LedgerRules } from './core/rules.ts';
import { byAddress } from './core/view.ts';
import type { UtilityMetrics } from './metrics.ts';
import type { UtilityProtocol } from './protocol.ts';

export type UtilityContext = Context<UtilityProtocol, UtilityStart>;
type Committed = MessageOf<(typeof persistenceProtocol)['emit']['committed']>;

/** Transactions judged anew by one question to persistence. */
const RECONCILE_PAGE = 1_000;

/** Keeps the mempool in step with the chain. */
export class MempoolKeeper {
  readonly mempool: Mempool;
  readonly recent = new RecentBlocks();
  readonly #context: UtilityContext;
  readonly #rules: LedgerRules;
  readonly #metrics: UtilityMetrics;
  #height = 0n;
  #announcedEmpty = true;

  constructor(context: UtilityContext, rules: LedgerRules, metrics: UtilityMetrics) {
    this.#context = context;
    this.#rules = rules;
    this.#metrics = metrics;
    this.mempool = new Mempool(context.config.utility);
  }

  /** Height of the block that an admitted transaction may be in first. */
  get nextHeight(): bigint {
    return this.#height + 1n;
  }

  /** Takes note of a committed block; true if blocks before it were missed. */
  committed(event: Committed): boolean {
    if (event.height <= this.#height) return false;
    const missed = event.height > this.#height + 1n;
    const replayKeys = event.replayKeys.map(toHex);
    this.recent.add(event.height, replayKeys, event.accounts);
    this.mempool.removeCommitted(replayKeys);
    this.#moveTo(event.height);
    for (const { address, amount } of event.accounts) this.#dropUnpayable(toHex(address), amount);
    this.announce();
    return missed;
  }

  /** Asks for the tip, and judges all that is in the mempool by it: for when events may have been lost. */
  async reconcile(): Promise<void> {
    const persistence = this.#context.peer(persistenceProtocol);
    const { height } = await persistence.ask('tip', {});
    if (height > this.#height) this.#moveTo(height);
    const all = this.mempool.page(0, this.mempool.size);
    for (let at = 0; at < all.length; at += RECONCILE_PAGE) {
      const page = all.slice(at, at + RECONCILE_PAGE);
      const senders = payersOf(page);
      const read = await persistence.ask('read', {
        at: null,
        accounts: [...senders.values()],
        pools: [],
        replayKeys: page.map(({ replayKey }) => replayKey),
      });
      const balances = byAddress(read.accounts);
      this.mempool.removeCommitted(read.replayed.map(toHex));
      for (const sender of senders.keys()) this.#dropUnpayable(sender, balances.get(sender) ?? 0n);
    }
    this.announce();
  }

  /** Tells consensus when the mempool turned from empty to not empty or back; with `always`, in any case. */
  announce(always = false): void {
    const { size, bytes } = this.mempool;
    this.#metrics.transactions.set(size);
    this.#metrics.bytes.set(bytes);
    if (!always && this.#announcedEmpty === (size === 0)) return;
    this.#announcedEmpty = size === 0;
    this.#context.emit('mempool', { transactions: size, bytes });
  }

  /** Lets the journal forget what can never be committed. If it is lost, the next start judges them again. */
  forget(hashes: Uint8Array[]): void {
    if (hashes.length === 0) return;
    this.#context
      .peer(persistenceProtocol)
      .ask('forget', { hashes })
      .catch((error: unknown) => {
        this.#context.log.warn({ error: toErrorRecord(error), count: hashes.length }, 'journal did not forget');
      });
  }

  #moveTo(height: bigint): void {
    this.#height = height;
    this.#left('expired', this.mempool.expire(height + 1n));
  }

  #dropUnpayable(sender: string, balance: bigint): void {
    this.#left(
      'unpayable',
      this.mempool.dropUnpayable(sender, balance, (one) => feeOf(this.#rules, one.transaction.message)),
    );
  }

  #left(reason: string, dropped: readonly Dropped[]): void {
    if (dropped.length === 0) return;
    this.#metrics.dropped.inc({ reason }, dropped.length);
    this.#context.log.info({ reason, transactions: dropped.length }, 'transactions left the mempool uncommitted');
    this.forget(dropped.filter(({ journaled }) => journaled).map(({ hash }) => hash));
  }
}
