import type { Fault } from '../../runtime/child-spec.ts';
import { type Random, seededRandom } from '../../runtime/random.ts';

/** Every kind of actor that a node has. */
export const CHAOS_ACTORS = ['signer', 'persistence', 'p2p', 'utility', 'consensus', 'rpc', 'telemetry'] as const;
/** How an actor is made to die: from inside, as a bug would. */
export const ACTOR_FAULTS = ['throw', 'loop', 'memory', 'exit'] as const satisfies readonly Fault[];
/** What is done to the process of a node: at once, for some seconds, in order. */
export const NODE_FAULTS = ['SIGKILL', 'SIGSTOP', 'SIGTERM'] as const;
export const CHAOS_MODES = ['actors', 'nodes', 'all'] as const;
export type ChaosMode = (typeof CHAOS_MODES)[number];

export type ChaosAct =
  | { readonly kind: 'actor'; readonly node: number; readonly actor: string; readonly by: Fault }
  | { readonly kind: 'node'; readonly node: number; readonly by: 'SIGKILL' | 'SIGTERM' }
  | { readonly kind: 'node'; readonly node: number; readonly by: 'SIGSTOP'; readonly for_ms: number };

export interface ChaosPlan {
  /** The first so many acts cover everything: the run may end after them. */
  readonly coverage: number;
  /** Without an end. */
  readonly acts: Generator<ChaosAct, never>;
}

/** The coverage has at least so many deaths of actors. */
const MIN_ACTOR_KILLS = 10;
/** A stopped node is missed by its peers after some seconds, and not yet given up by anybody. */
const MIN_STOP_ms = 3_000;
const MAX_STOP_ms = 6_000;
/** Share of acts on nodes after the coverage: a node costs more time than an actor. */
const NODE_SHARE = 0.2;

/**
 * What chaos does, one act after the other. The first acts hit every kind of actor, at least ten actors in all, and
 * use every fault of the mode; they come in random order, and what follows is random altogether.
 * @param seed a non-negative integer: the same seed, mode and number of nodes give the same plan
 */
export function chaosPlan(mode: ChaosMode, nodes: number, seed: number): ChaosPlan {
  const random = seededRandom(BigInt(seed));
  const covering = shuffled(random, [
    ...(mode === 'nodes' ? [] : coveringActors(random, nodes)),
    ...(mode === 'actors' ? [] : NODE_FAULTS.map((by) => onNode(random, nodes, by))),
  ]);
  return { coverage: covering.length, acts: actsOf(mode, nodes, random, covering) };
}

function* actsOf(
  mode: ChaosMode,
  nodes: number,
  random: Random,
  covering: readonly ChaosAct[],
): Generator<ChaosAct, never> {
  yield* covering;
  for (;;) {
    const isNode = mode === 'nodes' || (mode === 'all' && random.fraction() < NODE_SHARE);
    if (isNode) yield onNode(random, nodes, pick(random, NODE_FAULTS));
    else yield onActor(random, nodes, pick(random, CHAOS_ACTORS), pick(random, ACTOR_FAULTS));
  }
}

function coveringActors(random: Random, nodes: number): ChaosAct[] {
  const actors = filledUp(random, CHAOS_ACTORS);
  const faults = shuffled(random, filledUp<Fault>(random, ACTOR_FAULTS));
  return actors.map((actor, index) => onActor(random, nodes, actor, faults[index]!));
}

/** All of them once, and random ones up to the number of kills. */
function filledUp<T>(random: Random, all: readonly T[]): T[] {
  const more = Math.max(0, MIN_ACTOR_KILLS - all.length);
  return [...all, ...Array.from({ length: more }, () => pick(random, all))];
}

function onActor(random: Random, nodes: number, actor: string, by: Fault): ChaosAct {
  return { kind: 'actor', node: anyNode(random, nodes), actor, by };
}

function onNode(random: Random, nodes: number, by: (typeof NODE_FAULTS)[number]): ChaosAct {
  const node = anyNode(random, nodes);
  if (by !== 'SIGSTOP') return { kind: 'node', node, by };
  const for_ms = Math.round(MIN_STOP_ms + random.fraction() * (MAX_STOP_ms - MIN_STOP_ms));
  return { kind: 'node', node, by, for_ms };
}

/** Nodes count from 1. */
function anyNode(random: Random, nodes: number): number {
  return 1 + Math.floor(random.fraction() * nodes);
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[Math.floor(random.fraction() * all.length)]!;
}

/** Fisher-Yates. */
function shuffled<T>(random: Random, all: readonly T[]): T[] {
  const list = [...all];
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random.fraction() * (last + 1));
    [list[last], list[other]] = [list[other]!, list[last]!];
  }
  return list;
}

/** What is done to whom, for people. */
export function actText(act: ChaosAct): string {
  if (act.kind === 'actor') return `node ${act.node} ${act.actor} by ${act.by}`;
  return `node ${act.node} by ${act.by}${act.by === 'SIGSTOP' ? ` for ${(act.for_ms / 1_000).toFixed(1)} s` : ''}`;
}
