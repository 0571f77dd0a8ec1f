import { readFigures } from '../black-box.ts';
import type { ActorPhase, ActorStatus, ChildSpec, GroupSpec, LastDeath } from '../child-spec.ts';
import type { DeclaredActor } from '../control.ts';
import type { Random } from '../random.ts';
import { RestartBudget } from './restart-budget.ts';
import type { ActorThread } from './thread.ts';
import { Watchdog } from './watchdog.ts';

/** One actor of the node through all of its lives. */
export interface Child {
  readonly spec: ChildSpec;
  readonly group: GroupSpec;
  readonly budget: RestartBudget;
  incarnation: number;
  thread: ActorThread | undefined;
  declared: DeclaredActor;
  watchdog: Watchdog;
  phase: ActorPhase;
  /** Ends the wait of `waiting` and `resting`; the replacement does not come then. */
  cancelWait: () => void;
  /** When the present life was begun, ms. */
  born_ms: number;
  /** Since when nobody serves in its place, ms: several lives may fail before one does. */
  lost_ms: number | null;
  recovery_ms: number | null;
  lastDeath: LastDeath | null;
}

const NOTHING_DECLARED: DeclaredActor = {
  uses: [],
  listens: [],
  observes: false,
  vocabulary: { tell: [], ask: [], event: {} },
};

export function createChild(spec: ChildSpec, group: GroupSpec, random: Random): Child {
  return {
    spec,
    group,
    budget: new RestartBudget(group.intensity, random),
    incarnation: 0,
    thread: undefined,
    declared: NOTHING_DECLARED,
    watchdog: new Watchdog(spec.name, spec.limits),
    phase: 'down',
    cancelWait: () => undefined,
    born_ms: 0,
    lost_ms: null,
    recovery_ms: null,
    lastDeath: null,
  };
}

/** Takes the thread from its child, so that its end is not taken for a death. */
export function detach(child: Child, now_ms: number): ActorThread | undefined {
  const { thread } = child;
  child.cancelWait();
  if (child.phase === 'running') child.lost_ms = now_ms;
  child.thread = undefined;
  child.phase = 'down';
  return thread;
}

/** It serves from now on. */
export function serves(child: Child, now_ms: number): void {
  child.phase = 'running';
  child.recovery_ms = child.lost_ms === null ? null : now_ms - child.lost_ms;
  child.lost_ms = null;
}

export function statusOf(child: Child, now_ms: number): ActorStatus {
  const { spec, group, thread, phase, incarnation, recovery_ms, lastDeath } = child;
  const figures = thread && readFigures(thread.box);
  return {
    name: spec.name,
    group: group.name,
    dependents: spec.dependents,
    phase,
    up: phase === 'running',
    incarnation,
    restarts: Math.max(0, incarnation - 1),
    uptime_ms: thread ? now_ms - child.born_ms : null,
    recovery_ms,
    lastDeath,
    silent_ms: figures && figures.beats > 0 ? Math.max(0, now_ms - figures.beat_ms) : null,
    cpu_s: figures?.cpu_s ?? null,
    heap_bytes: figures?.heap_bytes ?? null,
    external_bytes: figures?.external_bytes ?? null,
  };
}
