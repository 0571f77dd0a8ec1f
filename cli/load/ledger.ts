import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** What is known of one transaction that was sent. */
interface Entry {
  /** First time it was sent, ms. */
  readonly sent_ms: number;
  /** Node that accepted it, or null while none did. */
  receiver: number | null;
  /** When which node was seen to have it in a block, before it was known who accepts it. */
  seen: Map<number, number> | null;
}

/** 64 MB of hashes; a run of this length has shown what it can. */
const MAX_REMEMBERED = 2_000_000;

export interface LedgerFigures {
  /** Distinct transactions that a node answered with accepted, known or committed. */
  readonly submitted: number;
  /** Of these: in a durable block of the node that accepted them. */
  readonly committed: number;
  /** Sent, and neither answered nor refused. */
  readonly unanswered: number;
  readonly refused: Readonly<Record<string, number>>;
  /** 0 before the first. */
  readonly firstSubmit_ms: number;
  readonly lastCommit_ms: number;
  readonly latency_ms: { readonly p50: number; readonly p99: number };
}

/**
 * The books of a load: what was sent, who accepted it, when it was durable there. Transactions leave the books
 * when they are committed or refused, so a load may run for ever; only with `remember` the hashes are kept.
 */
export class Ledger {
  readonly #remember: boolean;
  readonly #open = new Map<string, Entry>();
  readonly #accepted: string[] = [];
  readonly #refused = new Map<string, number>();
  readonly #latency: RecordableHistogram = createHistogram();
  #submitted = 0;
  #committed = 0;
  #firstSubmit_ms = 0;
  #lastCommit_ms = 0;

  constructor(options: { remember: boolean }) {
    this.#remember = options.remember;
  }

  /** Sent or accepted, and not yet committed. */
  get open(): number {
    return this.#open.size;
  }

  /** True when no further transaction can be kept account of. */
  get full(): boolean {
    return this.#remember && this.#accepted.length + this.#open.size >= MAX_REMEMBERED;
  }

  sending(hash: string, now_ms: number): void {
    if (this.#open.has(hash)) return;
    this.#open.set(hash, { sent_ms: now_ms, receiver: null, seen: null });
    if (this.#firstSubmit_ms === 0) this.#firstSubmit_ms = now_ms;
  }

  /** A node has made itself responsible for it. */
  accepted(hash: string, node: number): void {
    const entry = this.#open.get(hash);
    if (entry === undefined || entry.receiver !== null) return;
    entry.receiver = node;
    this.#submitted++;
    if (this.#remember) this.#accepted.push(hash);
    const seen_ms = entry.seen?.get(node);
    if (seen_ms !== undefined) this.#commit(hash, entry, seen_ms);
  }

  /** Refused for good, or given up before anyone accepted it: it was never submitted. */
  refused(hash: string, reason: string): void {
    if (this.#open.get(hash)?.receiver !== null) return;
    this.#open.delete(hash);
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** A node has it in a durable block. */
  seen(hash: string, node: number, now_ms: number): void {
    const entry = this.#open.get(hash);
    if (entry === undefined) return;
    if (entry.receiver === node) this.#commit(hash, entry, now_ms);
    else if (entry.receiver === null) {
      entry.seen ??= new Map();
      if (!entry.seen.has(node)) entry.seen.set(node, now_ms);
    }
  }

  #commit(hash: string, entry: Entry, now_ms: number): void {
    this.#open.delete(hash);
    this.#committed++;
    this.#lastCommit_ms = Math.max(this.#lastCommit_ms, now_ms);
    // In µs: the histogram takes whole numbers from 1.
    this.#latency.record(Math.max(1, Math.round((now_ms - entry.sent_ms) * 1_000)));
  }

  figures(): LedgerFigures {
    const empty = this.#latency.count === 0;
    return {
      submitted: this.#submitted,
      committed: this.#committed,
      unanswered: this.#open.size - (this.#submitted - this.#committed),
      refused: Object.fromEntries(this.#refused),
      firstSubmit_ms: this.#firstSubmit_ms,
      lastCommit_ms: this.#lastCommit_ms,
      latency_ms: {
        p50: empty ? 0 : this.#latency.percentile(50) / 1_000,
        p99: empty ? 0 : this.#latency.percentile(99) / 1_000,
      },
    };
  }

  /** Hex hashes of everything that was accepted. */
  acceptedHashes(): readonly string[] {
    return this.#accepted;
  }
}
