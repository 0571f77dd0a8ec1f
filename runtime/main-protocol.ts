import type { ActorPhase } from './child-spec.ts';
import { defineProtocol, question } from './protocol.ts';

/** State of one actor, as other actors see it. */
export interface ActorHealth {
  name: string;
  phase: ActorPhase;
  /** Error code of its last death, or empty. */
  reason: string;
  restarts: number;
}

/** Notes are for what an actor's next life wants to know: more is a database's. */
export const MAX_NOTE_BYTES = 1 << 20;

/**
 * What the main thread, where the supervisor runs, answers to actors. It outlives them all, so it also keeps one note
 * for each of them, to be found by the next life: at most MAX_NOTE_BYTES, the last one counts, gone with the process.
 */
export const mainProtocol = defineProtocol('main', {
  ask: {
    /** The note is in safe hands once it is answered; one that is too large is not kept. */
    keep: question<{ note: Uint8Array }, object>('bulk', 1_000, ['note'], []),
    status: question<object, { actors: ActorHealth[] }>('control', 1_000, [], ['actors']),
    kept: question<object, { note: Uint8Array | null }>('control', 1_000, [], ['note']),
  },
  records: [['name', 'phase', 'reason', 'restarts']],
});
export type MainProtocol = typeof mainProtocol;
