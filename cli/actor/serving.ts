import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorStatus } from '../../runtime/child-spec.ts';
import { CodedError } from '../../runtime/errors.ts';
import type { AdminClient } from '../admin.ts';

const POLL_ms = 100;

export function findActor(actors: readonly ActorStatus[], name: string): ActorStatus {
  const found = actors.find((actor) => actor.name === name);
  if (found !== undefined) return found;
  const names = actors.map((actor) => actor.name).join(', ');
  throw new CodedError('ACTOR_UNKNOWN', `there is no actor ${name}: the node has ${names}`, { name });
}

/**
 * Waits until a later life of an actor serves.
 * @throws ACTOR_NOT_RECOVERED, and whatever the node's death brings
 */
export async function untilServing(
  admin: AdminClient,
  name: string,
  options: { after: number; limit_ms: number },
): Promise<ActorStatus> {
  for (const end = performance.now() + options.limit_ms; ; await sleep(POLL_ms)) {
    const actor = findActor(await admin.status(), name);
    if (actor.up && actor.incarnation > options.after) return actor;
    if (actor.phase !== 'ended' && performance.now() < end) continue;
    const death = actor.lastDeath === null ? '' : `, last death ${actor.lastDeath.code}: ${actor.lastDeath.message}`;
    throw new CodedError(
      'ACTOR_NOT_RECOVERED',
      `${name} is ${actor.phase} in incarnation ${actor.incarnation}${death}: see \`potoroo actor report ${name}\``,
      { actor: name, phase: actor.phase },
    );
  }
}
