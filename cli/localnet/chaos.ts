import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorStatus } from '../../runtime/child-spec.ts';
import { CodedError, INTERNAL_ERROR, toErrorRecord } from '../../runtime/errors.ts';
import { findActor } from '../actor/serving.ts';
import { duration } from '../actor/status-lines.ts';
import { ChaosBooks, type ChaosFigures } from './chaos-books.ts';
import { actText, type ChaosAct, type ChaosMode, chaosPlan } from './chaos-plan.ts';
import type { LocalNode } from './local-node.ts';
import type { Localnet, Member } from './localnet.ts';

/** From a recovery to the next act: a network that does nothing but recover would prove nothing. */
const PAUSE_ms = 2_000;
/** The slowest recovery: a group that rests, or a state that is loaded anew, on a busy machine. */
const LIMIT_ms = 120_000;
/** How often it is looked whether something is back. */
const POLL_ms = 100;
/** Blocks that a node may be behind the best one: they are made while it is asked. */
const MAX_LAG_BLOCKS = 2;

export interface ChaosOptions {
  readonly mode: ChaosMode;
  readonly seed: number;
  readonly print: (text: string) => void;
  readonly pause_ms?: number;
  readonly limit_ms?: number;
}

type ActorAct = Extract<ChaosAct, { kind: 'actor' }>;
type NodeAct = Extract<ChaosAct, { kind: 'node' }>;

/** Kills one thing of a running network after the other, each when the one before has recovered. */
export class Chaos {
  /** Settles when something did not recover, with CHAOS_NOT_RECOVERED; stays open otherwise. */
  readonly failed: Promise<CodedError>;
  readonly #network: Localnet;
  readonly #options: ChaosOptions;
  readonly #books: ChaosBooks;
  readonly #work: Promise<void>;
  /** No further act. */
  readonly #enough = new AbortController();
  /** Nothing more at all. */
  readonly #over = new AbortController();
  #covered = false;

  constructor(network: Localnet, options: ChaosOptions) {
    this.#network = network;
    this.#options = options;
    this.#books = new ChaosBooks(options.seed);
    this.#work = this.#run();
    this.failed = new Promise((resolve) => {
      this.#work.catch((error: CodedError) => {
        if (!this.#over.signal.aborted) resolve(error);
      });
    });
  }

  /** Everything that the plan has to cover was done. */
  get covered(): boolean {
    return this.#covered;
  }

  get figures(): ChaosFigures {
    return this.#books.figures();
  }

  /** Ends when what was killed last has recovered. @throws CHAOS_NOT_RECOVERED */
  finish(): Promise<void> {
    this.#enough.abort();
    return this.#work;
  }

  /** Nothing more is done or waited for; what is suspended goes on. */
  abort(): void {
    this.#enough.abort();
    this.#over.abort();
  }

  async #run(): Promise<void> {
    const { mode, seed, print, pause_ms = PAUSE_ms } = this.#options;
    const { coverage, acts } = chaosPlan(mode, this.#network.status.validators, seed);
    for (let number = 1; ; number++) {
      await sleep(pause_ms, undefined, { signal: this.#enough.signal }).catch(() => undefined);
      if (this.#enough.signal.aborted) return;
      const act = acts.next().value;
      const outcome = await this.#perform(act, `chaos ${number}: ${actText(act)}`);
      if (this.#over.signal.aborted) return;
      print(`chaos ${number}: ${actText(act)}, ${outcome}`);
      this.#covered ||= number >= coverage;
    }
  }

  #perform(act: ChaosAct, name: string): Promise<string> {
    const member = this.#network.member(act.node);
    return act.kind === 'actor' ? this.#hitActor(member, act, name) : this.#hitNode(member, act, name);
  }

  /** Recovered: a later life of the actor serves, and so does everything else of its node. */
  async #hitActor(member: Member, act: ActorAct, name: string): Promise<string> {
    const { node, observer } = member;
    let pid: number | null = null;
    let ordered_ms = 0;
    // Not at the first try where something else has just died there.
    const victim = await this.#until(`${name} cannot be ordered`, async () => {
      const found = findActor(await servingActors(member), act.actor);
      pid = node.status.pid;
      ordered_ms = performance.now();
      await observer.admin.kill(act.actor, act.by);
      return found;
    });
    const actor = await this.#until(name, async () => {
      const found = findActor(await servingActors(member), act.actor);
      return found.incarnation > victim.incarnation || node.status.pid !== pid ? found : undefined;
    });
    const after_ms = performance.now() - ordered_ms;
    // The process that comes after this one knows nothing of this death.
    const isSameProcess = node.status.pid === pid;
    const recovery_ms = isSameProcess ? actor.recovery_ms : null;
    this.#books.actorHit(act.actor, act.by, recovery_ms ?? after_ms);
    const since = recovery_ms === null ? '' : `, ${duration(recovery_ms)} after its death`;
    return `serving again after ${duration(after_ms)}${since}${isSameProcess ? '' : '; its node ended with it'}`;
  }

  /** Recovered: it runs, all its actors serve, and it follows the chain. */
  async #hitNode(member: Member, act: NodeAct, name: string): Promise<string> {
    const { node } = member;
    // The counters of its actors end with the process: this is the last look at them.
    await this.#until(`${name} cannot begin`, () => servingActors(member));
    const { pid } = node.status;
    if (act.by === 'SIGSTOP') await this.#suspend(node, act.for_ms);
    else node.signal(act.by);
    const since_ms = performance.now();
    await this.#until(name, async () => {
      await servingActors(member);
      if (act.by !== 'SIGSTOP' && node.status.pid === pid) throw new Error('the process has not ended');
      return this.#follows(act.node);
    });
    const after_ms = performance.now() - since_ms;
    this.#books.nodeHit(act.by, after_ms);
    return `following again after ${duration(after_ms)}`;
  }

  async #suspend(node: LocalNode, for_ms: number): Promise<void> {
    node.signal('SIGSTOP');
    try {
      await sleep(for_ms, undefined, { signal: this.#over.signal });
    } finally {
      node.signal('SIGCONT');
    }
  }

  /** True, or what is missing is thrown. */
  async #follows(number: number): Promise<true> {
    const heights = await this.#network.heights();
    const height = heights[number - 1] ?? null;
    const best = Math.max(...heights.map((one) => one ?? -1));
    if (height !== null && height >= best - MAX_LAG_BLOCKS) return true;
    throw new Error(`height ${height ?? 'unknown'} of ${best}`);
  }

  /** Looks until there is an answer. What a look throws is what was seen. @throws CHAOS_NOT_RECOVERED */
  async #until<T>(name: string, look: () => Promise<T | undefined>): Promise<T> {
    const { limit_ms = LIMIT_ms, seed } = this.#options;
    let seen = '';
    for (const end = performance.now() + limit_ms; performance.now() < end; ) {
      try {
        const found = await look();
        if (found !== undefined) return found;
        seen = 'it lives on';
      } catch (error) {
        const { code, message } = toErrorRecord(error);
        seen = code === INTERNAL_ERROR ? message : `${code}: ${message}`;
      }
      await sleep(POLL_ms, undefined, { signal: this.#over.signal });
    }
    throw new CodedError(
      'CHAOS_NOT_RECOVERED',
      `${name}: not recovered within ${limit_ms / 1_000} s, last seen: ${seen}; seed ${seed}, see the node's log`,
      { seed },
    );
  }
}

/** The actors of a node on which all of them serve; what does not is thrown. */
async function servingActors({ node, observer }: Member): Promise<ActorStatus[]> {
  const { state } = node.status;
  if (state !== 'running') throw new Error(`the node is ${state}`);
  const actors = await observer.actors();
  const missing = actors.filter(({ up }) => !up).map(missingText);
  if (missing.length > 0) throw new Error(missing.join(', '));
  return actors;
}

function missingText({ name, phase, lastDeath }: ActorStatus): string {
  return `${name} is ${phase}${lastDeath === null ? '' : ` (${lastDeath.code}: ${lastDeath.message})`}`;
}
