import type { Logger } from 'pino';
import type { Clock } from '../../../runtime/clock.ts';
import type { Fact, SyncPhase } from './core/effect.ts';
import type { ConsensusMetrics } from './metrics.ts';

const PHASES = ['', 'newround', 'prepare', 'precommit', 'commit', 'decide'];

const SYNC_PHASES: readonly SyncPhase[] = ['unsynced', 'sync_mode', 'pacemaker', 'synced'];
const PHASE_TEXTS: Readonly<Record<SyncPhase, string>> = {
  unsynced: 'not in sync: nobody serves what is missing here',
  sync_mode: 'behind the network: syncing',
  pacemaker: 'in sync with the network: taking part',
  synced: 'in sync with the network: following',
};

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
        return this.#log.debug(fact, 'blocks are decided that are missing here');
      case 'caughtUp':
        return this.#log.debug(fact, 'no decided block is missing here');
      case 'phase':
      case 'progress':
      case 'fetched':
      case 'snapshot':
        return this.#sync(fact);
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

  #sync(fact: Extract<Fact, { fact: 'phase' | 'progress' | 'fetched' | 'snapshot' }>) {
    const { metrics } = this;
    if (fact.fact === 'phase') {
      for (const phase of SYNC_PHASES) metrics.syncPhase.set({ state: phase }, phase === fact.to ? 1 : 0);
      metrics.syncing.set(fact.to === 'sync_mode' ? 1 : 0);
      metrics.syncTarget.set(Number(fact.target));
      this.#log.info(fact, PHASE_TEXTS[fact.to]);
    } else if (fact.fact === 'progress') {
      metrics.syncTarget.set(Number(fact.target));
      metrics.syncRate.set(fact.rate_blocks_per_s);
      const left = fact.eta_s === null ? 'no end in sight' : `${fact.eta_s} s to go`;
      this.#log.info(fact, `syncing: ${fact.height} of ${fact.target}, ${fact.rate_blocks_per_s} blocks/s, ${left}`);
    } else if (fact.fact === 'fetched') {
      metrics.syncRequests.inc({ peer: fact.address, outcome: fact.outcome });
      metrics.syncBlocks.inc({ peer: fact.address }, fact.blocks);
    } else {
      metrics.snapshots.inc({ stage: fact.stage });
      this.#log.info(fact, `snapshot of height ${fact.height}: ${fact.stage}`);
    }
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
      this.#log.warn(fact, 'a peer did not serve what it claims to have: it is not asked for a while');
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
