import type { Migration } from './migration.ts';

/** Validators come and go: what they missed, what they were punished for, and rows that say that an actor is gone. */
export const validators: Migration = {
  version: 2,
  name: 'validators',
  sql: `
alter table actor
  add column missed_blocks bigint not null default 0,
  add column punished_height bigint not null default 0,
  add column removed boolean not null default false;

drop view v_actors;
drop function actors_at(bigint);

create function actors_at(at bigint) returns table (actor_type text, address text, public_key text, chains text[],
  service_url text, staked_amount numeric, paused_height bigint, unstaking_height bigint, output_address text,
  height bigint, missed_blocks bigint, punished_height bigint)
  language sql stable begin atomic
  select * from (
    select distinct on (a.actor_type, a.address)
      (array['application', 'servicer', 'fisherman', 'validator'])[a.actor_type], encode(a.address, 'hex'),
      encode(a.public_key, 'hex'), a.chains, a.service_url, a.staked_amount,
      case when a.removed then null else a.paused_height end, a.unstaking_height, encode(a.output_address, 'hex'),
      a.height, a.missed_blocks, a.punished_height
    from actor a where a.height <= at order by a.actor_type desc, a.address desc, a.height desc) latest
  where paused_height is not null;
end;

create view v_actors as select * from actors_at(9223372036854775807);
`,
};
