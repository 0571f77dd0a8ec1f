import type { ActorPhase } from './child-spec.ts';
import { defineProtocol, message, question } from './protocol.ts';

/** State of one actor, as other actors see it. */
export interface ActorHealth {
  name: string;
  phase: ActorPhase;
  /** Error code of its last death, or empty. */
  reason: string;
  restarts: number;
}

/**
 * What the main thread, where the supervisor runs, answers to actors. It outlives them all, so it also keeps one note
 * for each of them, to be found by the next life: at most 1 MiB, the last one counts, gone with the process.
 */
export const mainProtocol = defineProtocol('main', {
  tell: { keep: message<{ note: Uint8Array }>('bulk', ['note']) },
  ask: {
    status: question<object, { actors: ActorHealth[] }>('control', 1_000, [], ['actors']),
    kept: question<object, { note: Uint8Array | null }>('control', 1_000, [], ['note']),
  },
  records: [['name', 'phase', 'reason', 'restarts']],
});
export type MainProtocol = typeof mainProtocol;
