import { availableParallelism } from 'node:os';
import type { Clock } from '../../../runtime/clock.ts';
import { CodedError } from '../../../runtime/errors.ts';
import { verify, verifyBatch } from '../../../wasm/ed25519.ts';
import { LruMap } from '../../../wasm/lru.ts';
import { type SignedMessage, VerifyPool } from '../../../wasm/verify-pool.ts';
import type { Actor } from '../chain/actor.ts';
import { type Evidence, verifyEvidence } from '../chain/evidence.ts';
import { toHex } from '../chain/hex.ts';
import { evidenceIn, type Prepared } from './core/prepared.ts';
import type { UtilityMetrics } from './metrics.ts';

/** Verdicts remembered, by transaction hash: some blocks' worth beyond the mempool. About 10 MB. */
const REMEMBERED = 65_536;
/** Work done before the thread looks at its ports again, in single verifications (80 µs each): about 3 ms. */
const SLICE = 40;
/** Signatures verified at once where they arrive: 2 ms. Larger batches gain little per signature. */
const IN_PLACE = 64;
/** Signatures given to the pool at once: an eighth of what it takes. */
const AHEAD = 1024;
/** Decoding, hashing and encoding again to compare cost about as much as verifying one signature. */
const DECODING_COST = 1;

/** Cores that the actors of a busy node keep to themselves: p2p, utility, persistence, and the database. */
const ACTOR_CORES = 4;
/** More threads than this wait for the one that decodes. */
const THREADS_MAX = 8;

function spareCores(): number {
  return Math.min(THREADS_MAX, Math.max(0, availableParallelism() - ACTOR_CORES));
}

/** Verifies each signature once, and gives the thread away between slices of work. */
export class Verifier {
  readonly #clock: Clock;
  readonly #metrics: UtilityMetrics;
  /** Threads for large batches; undefined where the cores are needed by the actors. */
  readonly #pool: VerifyPool | undefined;
  /** The hash covers the signature, so a verdict holds for ever. */
  readonly #verdicts = new LruMap<string, boolean>(REMEMBERED);

  constructor(clock: Clock, metrics: UtilityMetrics, threads = spareCores()) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#pool = threads > 0 ? new VerifyPool({ threads }) : undefined;
  }

  async stop(): Promise<void> {
    await this.#pool?.close();
  }

  /**
   * Verifies what is not known yet, many at once, which takes a quarter of the time of one by one; `isValid` finds the
   * verdicts afterwards.
   */
  async ahead(prepared: readonly Prepared[]): Promise<void> {
    const unknown = prepared.filter(
      ({ payer, hashHex }) => payer !== null && this.#verdicts.get(hashHex) === undefined,
    );
    const left = await this.#inPool(unknown);
    for (let from = 0; from < left.length; from += IN_PLACE) {
      if (from > 0) await this.#pause();
      const batch = left.slice(from, from + IN_PLACE);
      const verdicts = this.#timed(() => verifyBatch(batch.map(signedMessage)));
      for (const [i, one] of batch.entries()) this.#learn(one, verdicts[i]!);
    }
  }

  /** Has the pool verify what it takes. @returns what it did not: without a pool, all */
  async #inPool(unknown: readonly Prepared[]): Promise<readonly Prepared[]> {
    let from = 0;
    for (; from < unknown.length && this.#pool?.ready; from += AHEAD) {
      const batch = unknown.slice(from, from + AHEAD);
      try {
        const verdicts = await this.#pool.verifyBatch(batch.map(signedMessage));
        for (const [i, one] of batch.entries()) this.#learn(one, verdicts[i]!);
      } catch {
        break; // full, or its threads die
      }
    }
    return unknown.slice(from);
  }

  /** Handles the items in order, one slice after the other. */
  async each<T>(items: readonly T[], work: (item: T, index: number) => void): Promise<void> {
    let spent = 0;
    for (const [index, item] of items.entries()) {
      if (spent >= SLICE) {
        await this.#pause();
        spent = 0;
      }
      this.#cost = 0;
      work(item, index);
      spent += this.#cost;
    }
  }

  /** Accounts for the decoding of one transaction. Called inside `each`. */
  decoding(): void {
    this.#cost += DECODING_COST;
  }

  /** True if the signature is valid; of evidence, which has none, `prove` tells. Called inside `each`. */
  isValid(prepared: Prepared): boolean {
    if (prepared.payer === null) return true;
    return this.#verdict(prepared, 1, () => {
      const { publicKey, message, signature } = signedMessage(prepared);
      return verify(publicKey, message, signature);
    });
  }

  /**
   * Verifies the evidence among these, by the keys in the state. Of a stranger the ledger says that it is one.
   * @param refused hears of each piece that proves nothing, with its place
   */
  prove(
    prepared: readonly (Prepared | null)[],
    validators: ReadonlyMap<string, Actor>,
    refused: (error: CodedError, index: number) => void,
  ): Promise<void> {
    return this.each(prepared, (one, index) => {
      const evidence = one === null ? null : evidenceIn(one);
      const offender = evidence === null ? undefined : validators.get(toHex(evidence.address));
      if (offender === undefined || this.#isProven(one!, evidence!, offender.publicKey)) return;
      const message = `The validator did not sign what the evidence ${one!.hashHex} says.`;
      refused(new CodedError('EVIDENCE_SIGNATURE_INVALID', message), index);
    });
  }

  /** An address has but one key, so that the verdict holds for ever. */
  #isProven(prepared: Prepared, evidence: Evidence, publicKey: Uint8Array): boolean {
    return this.#verdict(prepared, 2, () => verifyEvidence(evidence, publicKey, prepared.transaction.networkId));
  }

  #verdict(prepared: Prepared, cost: number, judge: () => boolean): boolean {
    const known = this.#verdicts.get(prepared.hashHex);
    if (known !== undefined) {
      this.#metrics.signatures.inc({ result: 'known' });
      return known;
    }
    const valid = this.#timed(judge);
    this.#cost += cost;
    this.#learn(prepared, valid);
    return valid;
  }

  #learn(prepared: Prepared, valid: boolean): void {
    this.#metrics.signatures.inc({ result: valid ? 'valid' : 'invalid' });
    this.#verdicts.set(prepared.hashHex, valid);
  }

  #timed<T>(work: () => T): T {
    const began_ns = this.#clock.monotonic_ns();
    const result = work();
    this.#metrics.verify_seconds.observe(Number(this.#clock.monotonic_ns() - began_ns) / 1e9);
    return result;
  }

  /** What the item in hand has cost. `work` is synchronous, so two loops that take turns do not mix it up. */
  #cost = 0;

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(0, resolve));
  }
}

function signedMessage({ transaction, signed }: Prepared): SignedMessage {
  const { publicKey, signature } = transaction;
  return { publicKey, message: signed, signature };
}
