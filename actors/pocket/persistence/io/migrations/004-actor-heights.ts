import type { Migration } from './migration.ts';

/** Which blocks changed a validator is asked at each start of a node: by height, not by address. */
export const actorHeights: Migration = {
  version: 4,
  name: 'actor-heights',
  sql: 'create index actor_height on actor (height);',
};
