import { fromErrorRecord, toErrorRecord } from '../errors.ts';
import type { Child } from './child.ts';
import type { ActorThread, Death } from './thread.ts';

/** One life of a child. */
export interface Life {
  readonly child: Child;
  readonly thread: ActorThread;
}

/** The life that a start failed of, and how. */
export class Casualty extends Error {
  readonly life: Life;
  readonly death: Death;

  constructor(life: Life, death: Death) {
    super(death.reason.message, { cause: death.reason });
    this.life = life;
    this.death = death;
  }
}

/** Does one step of an actor's start. @throws Casualty */
export async function blaming(life: Life, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw new Casualty(life, failureOf(error));
  }
}

/** A failure of a step of its start, as a death. */
export function failureOf(error: unknown): Death {
  const reason = fromErrorRecord(toErrorRecord(error));
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return { selfInflicted: true, reason, stack, orderly: false, unforeseen: false };
}
