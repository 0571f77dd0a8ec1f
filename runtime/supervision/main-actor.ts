import type { Behaviour } from '../actor.ts';
import type { ActorStatus } from '../child-spec.ts';
import { MAX_NOTE_BYTES, type MainProtocol } from '../main-protocol.ts';
import type { Protocol } from '../protocol.ts';

/** What the main thread answers to actors (main-protocol.ts). One note for each sender, and those are few. */
export function mainBehaviour(status: () => readonly ActorStatus[]): Behaviour<Protocol> {
  const notes = new Map<string, Uint8Array>();
  const behaviour: Behaviour<MainProtocol> = {
    tell: {},
    ask: {
      keep({ note }, { from }) {
        // Copied: it is a view into a whole frame.
        if (note.byteLength <= MAX_NOTE_BYTES) notes.set(from, Uint8Array.from(note));
        return {};
      },
      status: () => ({
        actors: status().map(({ name, phase, restarts, lastDeath }) => ({
          name,
          phase,
          restarts,
          reason: lastDeath?.code ?? '',
        })),
      }),
      kept: (_body, { from }) => ({ note: notes.get(from) ?? null }),
    },
    stop: () => undefined,
  };
  return behaviour as unknown as Behaviour<Protocol>;
}
