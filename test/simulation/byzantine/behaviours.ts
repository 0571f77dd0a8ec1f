import { equivocate } from './equivocate.ts';
import { flood } from './flood.ts';
import { forge } from './forge.ts';
import type { BehaviourOf } from './liar.ts';
import { lie } from './lie.ts';
import { replay } from './replay.ts';
import { silent } from './silent.ts';
import { withhold } from './withhold.ts';

/** The ways of being faulty, by name: the order is that in which they change what is said. */
export const BEHAVIOURS = { lie, equivocate, forge, withhold, silent, replay, flood } satisfies Record<
  string,
  BehaviourOf
>;
export type BehaviourName = keyof typeof BEHAVIOURS;
