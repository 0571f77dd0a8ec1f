import { type Context, defineActor, listen } from '../../../runtime/actor.ts';
import { CodedError, hasCode, toErrorRecord } from '../../../runtime/errors.ts';
import { type SafetyRecord, signerProtocol } from '../../host/signer/protocol.ts';
import {
  type ConsensusMessage,
  decodeConsensusMessage,
  encodeConsensusMessage,
  verifyConsensusMessage,
} from '../chain/consensus.ts';
import { type Genesis, parseGenesis } from '../chain/genesis.ts';
import { equalBytes, toHex } from '../chain/hex.ts';
import { isQuorumOf } from '../chain/validators.ts';
import { p2pProtocol } from '../p2p/protocol.ts';
import { persistenceProtocol } from '../persistence/protocol.ts';
import { utilityProtocol } from '../utility/protocol.ts';
import { accuse } from './accuse.ts';
import { failure, heightTrace, type Peers, persist, put } from './asking.ts';
import type { ConsensusStart } from './config.ts';
import { votersAt } from './core/certificates.ts';
import type { Ask, Effect, Fact } from './core/effect.ts';
import { isStale } from './core/inbox.ts';
import type { Input, TimerName } from './core/input.ts';
import { hotpokt } from './core/rules.ts';
import type { Settings, State } from './core/state.ts';
import { begin, isWanted, step } from './core/step.ts';
import { isSyncing, syncView } from './core/sync.ts';
import { circumstancesOf, Journal } from './journal.ts';
import { consensusMetrics } from './metrics.ts';
import { type ConsensusState, consensusProtocol } from './protocol.ts';
import { Reporter } from './reporter.ts';

/** Asks that are a part of a block's way, by the name of their phase. */
const TIMED: Partial<Record<Ask['kind'], string>> = {
  sign: 'sign',
  propose: 'propose',
  execute: 'execute',
  commit: 'commit_db',
};

/** Of a signer that does not tell: it refuses by itself what its record forbids. */
const NOTHING_SIGNED: SafetyRecord = { height: 0n, round: 0, step: 0, prepareQc: null, lockedQc: null };

/** Null where the signer is another process, and away. */
function unlessAway<T>(answer: Promise<T>): Promise<T | null> {
  return answer.catch((error: unknown) => {
    if (hasCode(error, 'SIGNER_UNREACHABLE')) return null;
    throw error;
  });
}

/** Feeds the core with what arrives and does what it answers. */
class Shell {
  readonly #context: Context<typeof consensusProtocol, ConsensusStart>;
  readonly #genesis: Genesis;
  readonly #peers: Peers;
  readonly #reporter: Reporter;
  readonly #timers = new Map<TimerName, () => void>();
  #state: State | null = null;
  #journal: Journal | null = null;
  /** Reported before the core was there. */
  #mempool: number | null = null;
  /** Addresses of the peers with which messages go both ways. */
  #connected: readonly Uint8Array[] = [];
  #stopped = false;

  constructor(context: Context<typeof consensusProtocol, ConsensusStart>) {
    this.#context = context;
    this.#genesis = parseGenesis(context.config.genesis);
    this.#peers = {
      signer: context.peer(signerProtocol),
      persistence: context.peer(persistenceProtocol),
      utility: context.peer(utilityProtocol),
      p2p: context.peer(p2pProtocol),
    };
    this.#reporter = new Reporter(consensusMetrics(context.metrics), context.log, context.clock);
  }

  /**
   * Reads what the state is rebuilt from: the chain's tip and the signer's record. A remote signer may be away for longer
   * than getting ready may take: the chain is followed without its record until it is back.
   */
  async ready(): Promise<void> {
    const { signer } = this.#peers;
    const identity = await this.#read(() => unlessAway(signer.ask('identity', {})));
    const record = identity && (await this.#read(() => unlessAway(signer.ask('record', {}))));
    if (identity) await this.#begin(identity.address, record ?? NOTHING_SIGNED);
    if (record || this.#stopped) return;
    this.#context.log.warn('the remote signer is away: this node takes no part in consensus until it is there');
    this.#whenBack().catch((error) => this.#context.fail(error));
  }

  /** Where the signer turns out to have signed at the present height already, its lock is to be kept: begins anew. */
  async #whenBack(): Promise<void> {
    const { signer } = this.#peers;
    const identity = await this.#read(() => signer.ask('identity', {}));
    const record = await this.#read(() => signer.ask('record', {}));
    if (!identity || !record) return;
    if (!this.#state || this.#state.height === record.height) await this.#begin(identity.address, record);
  }

  #read<T>(once: () => Promise<T>): Promise<T | null> {
    return persist(this.#context.clock, () => !this.#stopped, once);
  }

  async #begin(self: Uint8Array, record: SafetyRecord): Promise<void> {
    const { clock, config, log } = this.#context;
    const tip = await this.#read(() => this.#peers.persistence.ask('tip', {}));
    if (this.#stopped || !tip) return;
    this.#forgetState();
    const settings = this.#settings(self);
    const { manual } = config.consensus;
    this.#journal = this.#openJournal(settings);
    const start = { settings, rules: hotpokt, tip, record, manual, mempool: this.#mempool ?? 0 };
    // Without the record nobody can tell whether the journal is newer than it.
    const recovered = record === NOTHING_SIGNED ? null : this.#journal?.recover(start, clock.now());
    const { state, effects } = recovered ?? begin(start, clock.now());
    this.#state = state;
    this.#journal?.follow(state);
    const facts = { height: state.height, round: state.view.round, validator: state.selfHex, manual };
    if (state.isValidator) log.info(facts, 'consensus started');
    else
      log.warn(
        facts,
        'the key of this node is not a validator now: it follows the chain, and takes no part in consensus',
      );
    this.#perform(effects);
    this.input({ kind: 'peers', addresses: this.#connected });
    if (this.#mempool !== null) this.mempool(this.#mempool);
  }

  /** Leaves nothing that a former state could be reminded by. */
  #forgetState(): void {
    this.#state = null;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#journal?.close();
    this.#journal = null;
  }

  /** A node whose journal cannot be opened does not start; one that runs rather loses rounds when its actors die. */
  #openJournal(settings: Settings): Journal | null {
    const { config, incarnation, log } = this.#context;
    const { journal_file, journal_max_mb, manual } = config.consensus;
    if (journal_file === '') return null;
    const { journal: metrics } = this.#reporter.metrics;
    const circumstances = circumstancesOf(config.version, manual, settings);
    try {
      return Journal.open({ path: journal_file, maxBytes: journal_max_mb << 20, circumstances, metrics, log });
    } catch (error) {
      if (incarnation === 1) throw error;
      const { code, message, data } = toErrorRecord(error);
      log.error({ code, ...data }, message);
      metrics.failures.inc();
      return null;
    }
  }

  input(input: Input) {
    const state = this.#state;
    if (this.#stopped || !state) return;
    const now_ms = this.#context.clock.now();
    this.#journal?.append(state, input, now_ms);
    const effects = step(state, input, now_ms);
    this.#journal?.follow(state);
    this.#perform(effects);
  }

  mempool(transactions: number) {
    this.#mempool = transactions;
    this.input({ kind: 'mempool', transactions });
  }

  /** Decodes and verifies before the core sees anything. */
  receive(from: Uint8Array, bytes: Uint8Array) {
    this.#reporter.metrics.received.inc();
    const message = this.#validated(from, bytes);
    if (message) this.input({ kind: 'message', message });
  }

  connected(validators: number, addresses: readonly Uint8Array[]) {
    this.#connected = addresses;
    this.#reporter.metrics.validators.set(validators);
    this.input({ kind: 'peers', addresses });
  }

  trigger(): { height: bigint; round: number } {
    const state = this.#running();
    if (!state.manual) {
      throw new CodedError('NOT_MANUAL', 'Switch this node to manual mode first: in automatic mode views start alone.');
    }
    this.input({ kind: 'trigger' });
    return { height: state.height, round: state.view.round };
  }

  setManual(manual: boolean): { manual: boolean } {
    this.#running();
    this.input({ kind: 'setManual', manual });
    return { manual };
  }

  view(): ConsensusState {
    const state = this.#running();
    const { height, view, manual } = state;
    const leader = toHex(view.leader.address);
    const { round, step, leads } = view;
    return {
      height,
      round,
      step,
      leader,
      isLeader: leads,
      manual,
      syncing: isSyncing(state),
      quorum: this.#hasQuorum(),
      sync: syncView(state),
    };
  }

  /** Strangers have no power, so it does not matter who else is connected. */
  #hasQuorum(): boolean {
    const { validators, settings } = this.#running();
    const here = [settings.self, ...this.#connected].map((address) => ({ address }));
    return isQuorumOf(validators, here);
  }

  stop() {
    this.#stopped = true;
    this.#forgetState();
  }

  #validated(from: Uint8Array, bytes: Uint8Array): ConsensusMessage | null {
    try {
      const message = decodeConsensusMessage(bytes);
      const reason = this.#refusal(from, message);
      if (!reason) {
        verifyConsensusMessage(message, votersAt(this.#running(), message.height));
        return message;
      }
      this.#reporter.report({ fact: 'drop', reason });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#reporter.report({ fact: 'drop', reason: error.code });
      this.#context.log.debug({ from: toHex(from), code: error.code }, 'consensus message refused');
    }
    return null;
  }

  /** Why a message is dropped before its signature is looked at. */
  #refusal(from: Uint8Array, message: ConsensusMessage): string | null {
    if (!this.#state) return 'starting';
    if (!equalBytes(message.address, from)) return 'relayed';
    if (message.networkId !== this.#genesis.networkId) return 'other_network';
    return isStale(this.#state, message) ? 'stale' : null;
  }

  #running(): State {
    if (this.#state) return this.#state;
    throw new CodedError('CONSENSUS_STARTING', 'Consensus is reading its state; ask again in a moment.');
  }

  #settings(self: Uint8Array): Settings {
    const { networkId, blockInterval_ms, emptyBlockInterval_ms, maxBlockBytes, leaderElection } = this.#genesis;
    const { timeout_ms, timeout_cap_ms, resend_ms, max_clock_drift_ms, snapshot_threshold_blocks } =
      this.#context.config.consensus;
    return {
      networkId,
      self,
      blockInterval_ms,
      emptyBlockInterval_ms,
      maxBlockBytes,
      timeout_ms,
      timeoutCap_ms: timeout_cap_ms,
      resend_ms,
      maxClockDrift_ms: max_clock_drift_ms,
      election: leaderElection,
      snapshotThreshold_blocks: snapshot_threshold_blocks,
    };
  }

  #perform(effects: readonly Effect[]) {
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: Effect) {
    const { p2p } = this.#peers;
    const { metrics } = this.#reporter;
    switch (effect.kind) {
      case 'ask':
        this.#ask(effect.id, effect.ask).catch((error) => this.#context.fail(error));
        return;
      case 'send':
        metrics.sent.inc({ how: 'send' });
        if (!p2p.tell('send', { to: effect.to, message: encodeConsensusMessage(effect.message) })) metrics.unsent.inc();
        return;
      case 'broadcast':
        metrics.sent.inc({ how: 'broadcast' });
        if (!p2p.tell('broadcast', { message: encodeConsensusMessage(effect.message) })) metrics.unsent.inc();
        return;
      case 'accuse':
        p2p.tell('accuse', { address: effect.address, reason: effect.reason });
        return;
      case 'setTimer':
        return this.#setTimer(effect.timer, effect.token, effect.delay_ms);
      case 'cancelTimer':
        this.#timers.get(effect.timer)?.();
        return;
      case 'evidence':
        accuse(effect.evidence, {
          genesis: this.#genesis,
          utility: this.#peers.utility,
          clock: this.#context.clock,
          log: this.#context.log,
          isWanted: (until) => !this.#stopped && this.#running().height <= until,
        }).catch((error) => this.#context.fail(error));
        return;
      case 'fact':
        this.#announce(effect.fact);
        return this.#reporter.report(effect.fact);
      case 'fatal':
        this.#context.log.fatal({ code: effect.code, ...effect.data }, effect.message);
        this.#context.fail(new CodedError(effect.code, effect.message, effect.data));
    }
  }

  #announce(fact: Fact) {
    if (fact.fact !== 'view' && fact.fact !== 'elected') return;
    const { height, round, leader } = fact;
    this.#context.emit('view', { height, round, leader });
  }

  async #ask(id: number, ask: Ask): Promise<void> {
    const { clock } = this.#context;
    const state = this.#running();
    const since_ns = clock.monotonic_ns();
    const wanted = () => !this.#stopped && this.#state === state && isWanted(state, id);
    const trace = heightTrace(this.#genesis.networkId, state.height);
    const answer = await persist(clock, wanted, () => put(this.#peers, id, ask, trace)).catch((error) =>
      failure(id, error),
    );
    if (!answer || this.#state !== state) return;
    const phase = TIMED[ask.kind];
    if (phase && answer.kind !== 'failed') this.#reporter.timed(phase, since_ns);
    this.input(answer);
  }

  #setTimer(timer: TimerName, token: number, delay_ms: number) {
    this.#timers.get(timer)?.();
    const fire = () => {
      try {
        this.input({ kind: 'timer', timer, token });
      } catch (error) {
        this.#context.fail(error);
      }
    };
    this.#timers.set(timer, this.#context.clock.after(delay_ms, fire));
  }
}

export default defineActor<typeof consensusProtocol, ConsensusStart>({
  protocol: consensusProtocol,
  uses: [signerProtocol, persistenceProtocol, utilityProtocol, p2pProtocol],
  listens: [utilityProtocol, p2pProtocol],
  start(context) {
    const shell = new Shell(context);
    return {
      tell: {},
      ask: {
        state: () => shell.view(),
        trigger: () => shell.trigger(),
        setManual: ({ manual }) => shell.setManual(manual),
      },
      on: {
        ...listen(utilityProtocol, { mempool: ({ transactions }) => shell.mempool(transactions) }),
        ...listen(p2pProtocol, {
          consensusMessage: ({ from, message }) => shell.receive(from, message),
          connected: ({ validators, addresses }) => shell.connected(validators, addresses),
        }),
      },
      ready: () => shell.ready(),
      rebound: () => shell.input({ kind: 'rebound' }),
      stop: () => shell.stop(),
    };
  },
});
