import type { Logger } from 'pino';
import type { Clock } from '../../../runtime/clock.ts';
import type { Fact } from './core/effect.ts';
import type { ConsensusMetrics } from './metrics.ts';

const PHASES = ['', 'newround', 'prepare', 'precommit', 'commit', 'decide'];

/** Turns the facts of the core into metrics and logs. */
export class Reporter {
  readonly metrics: ConsensusMetrics;
  readonly #log: Logger;
  readonly #clock: Clock;
  #phase: { step: number; since_ns: bigint } | null = null;

  constructor(metrics: ConsensusMetrics, log: Logger, clock: Clock) {
    this.metrics = metrics;
    this.#log = log;
    this.#clock = clock;
  }

  report(fact: Fact) {
    const { metrics } = this;
    switch (fact.fact) {
      case 'view':
        return this.#view(fact);
      case 'elected':
        return this.#log.debug(fact, 'a better candidate leads the view');
      case 'step':
        return this.#step(fact.step);
      case 'committed':
        metrics.blocks.inc({ how: fact.synced ? 'sync' : 'vote' });
        return this.#log.debug(fact, 'block decided and committed');
      case 'drop':
        return metrics.dropped.inc({ reason: fact.reason });
      case 'timeout':
        metrics.timeouts.inc();
        return this.#log.info(fact, 'view timed out');
      case 'behind':
        metrics.syncing.set(1);
        return this.#log.info(fact, 'behind the network: fetching blocks');
      case 'caughtUp':
        metrics.syncing.set(0);
        return this.#log.info(fact, 'caught up with the network');
      default:
        return this.#trouble(fact);
    }
  }

  /** Measures a request that is part of a block's way. */
  timed(phase: string, since_ns: bigint) {
    this.metrics.phase_seconds.observe({ phase }, this.#secondsSince(since_ns));
  }

  #view(fact: Extract<Fact, { fact: 'view' }>) {
    this.metrics.height.set(Number(fact.height));
    this.metrics.round.set(fact.round);
    this.metrics.views.inc({ cause: fact.cause });
    // The phases of a failed round say how long a timeout is, not how long a phase takes.
    if (fact.cause !== 'height') this.#phase = null;
    this.#log.debug(fact, 'view entered');
  }

  #step(step: number) {
    const name = this.#phase && PHASES[this.#phase.step];
    if (this.#phase && name) this.timed(name, this.#phase.since_ns);
    this.#phase = { step, since_ns: this.#clock.monotonic_ns() };
    this.metrics.step.set(step);
  }

  #trouble(
    fact: Extract<
      Fact,
      {
        fact:
          | 'rejected'
          | 'equivocation'
          | 'ownKey'
          | 'refused'
          | 'failed'
          | 'undecidable'
          | 'badPeer'
          | 'recordBehind';
      }
    >,
  ) {
    const { metrics } = this;
    if (fact.fact === 'rejected') {
      metrics.rejected.inc({ reason: fact.reason });
      this.#log.warn(fact, 'proposal rejected');
    } else if (fact.fact === 'equivocation') {
      metrics.equivocations.inc();
      this.#log.warn(fact, 'a validator signed two blocks in one place: the evidence goes to the ledger');
    } else if (fact.fact === 'ownKey') {
      metrics.ownKey.inc();
      this.#log.error(
        fact,
        'another process signs with the key of this validator: stop one of the two before its stake is burned',
      );
    } else if (fact.fact === 'refused') {
      metrics.refusals.inc({ code: fact.code });
      this.#log.warn(fact, 'the signer refused: this validator is silent in this step');
    } else if (fact.fact === 'badPeer') {
      metrics.badPeers.inc({ reason: fact.reason });
      this.#log.warn(fact, 'a validator answered with a wrong block');
    } else if (fact.fact === 'recordBehind') {
      metrics.staleRecords.inc();
      this.#log.error(
        fact,
        "the signer's record is older than what this validator has said: find out whether a backup of it was restored, and whether another node signs with this key",
      );
    } else if (fact.fact === 'undecidable') {
      this.#log.error(
        fact,
        'a block that the network agreed on cannot be executed here: the state of this node is wrong',
      );
    } else {
      metrics.failures.inc({ ask: fact.ask, code: fact.code });
      this.#log.warn(fact, 'request failed');
    }
  }

  #secondsSince(since_ns: bigint): number {
    return Number(this.#clock.monotonic_ns() - since_ns) / 1e9;
  }
}
