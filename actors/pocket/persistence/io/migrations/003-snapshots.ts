import type { Migration } from './migration.ts';

/** A node may begin with the state of a height, without the blocks below it. */
export const snapshots: Migration = {
  version: 3,
  name: 'snapshots',
  sql: `
-- Where this chain begins, if not with genesis: the block of a snapshot that was restored.
create table beginning (
  id integer primary key default 1 check (id = 1),
  height bigint not null,
  -- Canonical set of those who decided it: the state before it is not here.
  voters bytea not null
);

-- Transactions of the replay window that came with the snapshot. Which blocks they were in, and with what result, a
-- snapshot cannot prove: they are not in tx.
create table remembered (
  replay_key bytea primary key,
  hash bytea not null unique,
  valid_until_height bigint not null,
  bytes bytea not null
);

-- Of the block that the chain begins with only the header is here: null.
alter table block alter column transactions drop not null;
alter table block alter column size_bytes drop not null;

create view v_extent as
  select coalesce(b.height, 0) as state_from, coalesce(b.height + 1, 0) as blocks_from, t.height as latest
  from (select max(height) as height from block) t left join beginning b on true;
`,
};
