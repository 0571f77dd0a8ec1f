import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, kindOf, type Verdict } from './checker.ts';
import { planOf } from './plan.ts';
import type { Point } from './point.ts';
import { forgetHeight, lastSigned, losePower, type Signed } from './power-loss.ts';
import { Stage } from './stage.ts';
import { Follower } from './statements.ts';
import { Victim } from './victim.ts';

/** A victim is back in three seconds; on a machine that has other work in fifteen. */
const TIMEOUT_ms = 20_000;
/** A broken victim has nothing to hold it back: no round is lost, and none needs to end. */
const BROKEN_TIMEOUT_ms = 60_000;
/**
 * From the end of a height that the victim leads to the middle of the next one, in signatures: three heights of four, its
 * NEWROUND, its first proposal and its vote for it. The next is for what votes of others led to: they have the proposal.
 */
const WRITES_TO_NEXT_LEAD = 16;
/** For a start and a vote: what a victim cannot say again costs a round of the others, or two. */
const LIMIT_ms = 120_000;
/** Between two looks at whether the victim runs at all. */
const LOOK_ms = 1_000;
/** Between two looks at all that was heard. */
const JUDGE_ms = 500;
/** A point that is not reached by then never is: two rounds may be lost on the way. */
const POINT_LIMIT_ms = 120_000;

/** What came of a sweep. */
export interface SweepResult {
  readonly seed: number;
  readonly points: number;
  readonly reached: number;
  readonly not_reached: readonly string[];
  /** Points by place, call and moment, and by what the machine did. */
  readonly by_kind: Readonly<Record<string, number>>;
  /** Points by what the record ended with when the victim was dead. */
  readonly by_last_signed: Readonly<Record<string, number>>;
  /** Deaths after which the victim spoke first in the view that it had signed in last: where it could contradict itself. */
  readonly came_back_into_its_view: number;
  readonly starts: number;
  readonly duration_s: number;
  readonly observed: Verdict;
}

export interface SweepOptions {
  readonly points: number;
  readonly seed: number;
  readonly progress: (text: string) => void;
  /** Ends a sweep after the point that it is at: what was seen until then is judged. */
  readonly stop?: AbortSignal;
}

/** Kills the victim at each point of the plan and lets it come back. @throws when it does not come back, or dies otherwise */
export async function sweep({ points, seed, progress, stop }: SweepOptions): Promise<SweepResult> {
  return onStage(TIMEOUT_ms, async (stage, victim, follower) => {
    const began_ms = performance.now();
    const run = new Run(victim, follower, progress, points);
    for (const point of planOf(points, seed)) {
      if (stop?.aborted) break;
      await run.kill(point);
    }
    await run.returns();
    await victim.stop();
    await stage.endObserver();
    const duration_s = Math.round((performance.now() - began_ms) / 1_000);
    const observed = await judge(stage.statements, stage.genesis, stage.victim.address);
    return { seed, points, ...run.figures(), starts: victim.starts, duration_s, observed };
  });
}

/** What came of the sweep of a validator that is broken on purpose. */
export interface BrokenResult {
  /** Points until the first contradiction, or all. */
  readonly points: number;
  readonly caught: boolean;
  readonly observed: Verdict;
}

/**
 * A victim whose disk has done none of the syncs of the height: it forgets what it has signed there, so that a leader
 * makes another proposal than before. The checker must see it, or sees nothing.
 */
export async function brokenSweep({ points, seed, progress }: SweepOptions): Promise<BrokenResult> {
  return onStage(BROKEN_TIMEOUT_ms, async (stage, victim, follower) => {
    victim.lie();
    const run = new Run(victim, follower, progress, points);
    for (let count = 1; ; count++) {
      await run.returns();
      if (!(await follower.leads(LIMIT_ms))) throw new Error('the victim leads no height to its end');
      const nth = WRITES_TO_NEXT_LEAD + ((seed + count) % 3);
      // Late in a busy machine, it is one of the steps that follow.
      const place = { phase: 'voting', target: 'record', call: 'writeSync', moment: 'before' } as const;
      const point: Point = { ...place, id: count, nth, power: 'none', part: 0 };
      await run.kill(point, () => forgetHeight(victim.files));
      victim.start();
      const observed = await verdictOnReturn(stage, follower);
      const caught = observed.contradictions.length > 0;
      if (caught || count >= points) return { points: count, caught, observed };
    }
  });
}

/** Whoever contradicted itself is punished by the others, and may not vote again: so that is looked for first. */
async function verdictOnReturn(stage: Stage, follower: Follower): Promise<Verdict> {
  const before = follower.height;
  for (const end = performance.now() + LIMIT_ms; ; await sleep(JUDGE_ms)) {
    const voted = await follower.votesAfter(before, 0);
    const observed = await judge(stage.statements, stage.genesis, stage.victim.address);
    if (voted || observed.contradictions.length > 0) return observed;
    if (performance.now() > end) throw new Error('the victim neither votes nor contradicts itself');
  }
}

async function onStage<T>(
  timeout_ms: number,
  play: (stage: Stage, victim: Victim, follower: Follower) => Promise<T>,
): Promise<T> {
  const stage = await Stage.open({ timeout_ms, indispensable: true });
  const { home, log, address } = stage.victim;
  const victim = new Victim(home, log, join(stage.directory, 'control'));
  const follower = new Follower(stage.statements, address);
  try {
    return await play(stage, victim, follower);
  } finally {
    await victim.kill();
    follower.close();
    await stage.close();
  }
}

class Run {
  readonly #victim: Victim;
  readonly #follower: Follower;
  readonly #progress: (text: string) => void;
  readonly #points: number;
  readonly #byKind: Record<string, number> = {};
  readonly #byLastSigned: Record<string, number> = {};
  readonly #notReached: string[] = [];
  #reached = 0;
  #cameBack = 0;
  /** What the victim had signed last before it died: null when its next life has been seen. */
  #diedAt: Signed | null = null;
  /** The height beyond which it must vote after a death. */
  #goal = 0n;

  constructor(victim: Victim, follower: Follower, progress: (text: string) => void, points: number) {
    this.#victim = victim;
    this.#follower = follower;
    this.#progress = progress;
    this.#points = points;
  }

  figures(): Pick<SweepResult, 'reached' | 'not_reached' | 'by_kind' | 'by_last_signed' | 'came_back_into_its_view'> {
    return {
      reached: this.#reached,
      not_reached: this.#notReached,
      by_kind: this.#byKind,
      by_last_signed: this.#byLastSigned,
      came_back_into_its_view: this.#cameBack,
    };
  }

  /** Has the victim die at the point. @param after what happens to its files then */
  async kill(point: Point, after = (): void => losePower(this.#victim.files, point)): Promise<void> {
    const victim = this.#victim;
    const begun_ms = performance.now();
    if (point.phase === 'voting') await this.returns();
    else await victim.stop();
    victim.arm(point);
    if (!victim.runs) victim.start();
    const name = nameOf(point);
    if (!(await victim.diesAt(point, POINT_LIMIT_ms))) {
      victim.disarm();
      this.#notReached.push(`${name}, call ${point.nth}`);
      this.#progress(`${point.id}/${this.#points} ${name}: not reached`);
      return;
    }
    this.#reached++;
    const last = lastSigned(victim.files.record);
    this.#note(last);
    count(this.#byLastSigned, last ? kindOf(last) : 'nothing');
    count(this.#byKind, name);
    after();
    const took_s = ((performance.now() - begun_ms) / 1_000).toFixed(1);
    const where = last ? `height ${last.height}, round ${last.round}, ${kindOf(last)} signed` : 'nothing signed';
    this.#progress(`${point.id}/${this.#points} ${name}, call ${point.nth}: ${where}, ${took_s} s`);
  }

  /** Starts the victim if it is dead, and waits until it has voted at a later height than where it died. @throws if not */
  async returns(): Promise<void> {
    if (!this.#victim.runs) this.#victim.start();
    const end = performance.now() + LIMIT_ms;
    while (!(await this.#follower.votesAfter(this.#goal, LOOK_ms))) {
      if (this.#victim.runs && performance.now() < end) continue;
      throw new Error(`the victim does not vote after height ${this.#goal}\n${this.#victim.lastWords()}`);
    }
    this.#compare();
  }

  #note(last: Signed | null): void {
    this.#compare();
    this.#follower.mark();
    this.#goal = this.#follower.height;
    this.#diedAt = last;
  }

  /** Was the first that a new life said of the view that the former one had signed in last? */
  #compare(): void {
    this.#follower.read();
    const { first } = this.#follower;
    if (!this.#diedAt || !first) return;
    if (BigInt(first.height) === this.#diedAt.height && first.round === this.#diedAt.round) this.#cameBack++;
    this.#diedAt = null;
  }
}

function nameOf({ phase, target, call, moment, power }: Point): string {
  const loss = power === 'none' ? '' : `, unsynced bytes ${power}`;
  return `${phase}: ${moment} ${call} of ${target}${loss}`;
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
