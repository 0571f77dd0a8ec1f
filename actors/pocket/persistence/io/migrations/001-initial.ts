import type { Migration } from './migration.ts';

/**
 * The first schema. State rows are versioned by height: the state at height h is, for each identity, the row
 * with the greatest height <= h; rows are only ever inserted (or deleted by a rollback). Views and functions
 * at the end are the public interface; tables may change with any migration.
 */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  sql: `
create table genesis (
  -- One row: which chain this schema holds.
  id integer primary key default 1 check (id = 1),
  hash bytea not null,
  json text not null
);

create table block (
  height bigint primary key,
  hash bytea not null unique,
  -- Canonical protobuf of the header; with the bytes of its transactions it is the block.
  header bytea not null,
  state_hash bytea not null,
  parent_hash bytea not null,
  proposer bytea not null,
  timestamp_ms bigint not null,
  -- Canonical bytes of the QC that committed it; null for genesis.
  commit_qc bytea,
  transactions integer not null,
  size_bytes integer not null
);

create table tx (
  height bigint not null,
  index integer not null,
  hash bytea not null unique,
  replay_key bytea not null,
  valid_until_height bigint not null,
  code integer not null,
  error text not null,
  signer bytea not null,
  recipient bytea not null,
  message_type text not null,
  bytes bytea not null,
  primary key (height, index)
);
create index tx_signer on tx (signer, height, index);
create index tx_recipient on tx (recipient, height, index);
-- Unbound transactions of the old client never leave the replay window.
create index tx_unbound on tx (height) where valid_until_height = 0;

create table account (
  address bytea not null,
  height bigint not null,
  amount numeric(39, 0) not null,
  primary key (address, height)
);

create table pool (
  address bytea not null,
  height bigint not null,
  amount numeric(39, 0) not null,
  primary key (address, height)
);

create table actor (
  -- 1 application, 2 servicer, 3 fisherman, 4 validator.
  actor_type smallint not null,
  address bytea not null,
  height bigint not null,
  public_key bytea not null,
  chains text[] not null,
  service_url text not null,
  staked_amount numeric(39, 0) not null,
  -- -1: not set.
  paused_height bigint not null,
  unstaking_height bigint not null,
  output_address bytea not null,
  primary key (actor_type, address, height)
);

create table param (
  name text not null,
  height bigint not null,
  value text not null,
  primary key (name, height)
);

create table flag (
  name text not null,
  height bigint not null,
  value text not null,
  enabled boolean not null,
  primary key (name, height)
);

-- Blocks that were executed and may have been voted for, but are not decided.
create table proposal (
  hash bytea primary key,
  parent bytea not null,
  height bigint not null,
  -- Canonical protobuf of the whole block.
  block bytea not null,
  -- Format version and msgpack of {changes, receipts}; private to the writer.
  outcome bytea not null,
  staged_at timestamptz not null default now()
);
create index proposal_height on proposal (height);

-- Transactions that were accepted and answered for, but are not committed.
create table journal (
  id bigint generated always as identity primary key,
  hash bytea not null unique,
  bytes bytea not null
);

create function pool_name(address bytea) returns text language sql immutable
  return convert_from(rtrim(address, '\\x00'::bytea), 'UTF8');

create view v_blocks as
  select height, encode(hash, 'hex') as hash, encode(state_hash, 'hex') as state_hash,
    encode(parent_hash, 'hex') as parent_hash, encode(proposer, 'hex') as proposer,
    to_timestamp(timestamp_ms / 1000.0) as time, timestamp_ms, transactions, size_bytes, header, commit_qc
  from block;

create view v_transactions as
  select height, index, encode(hash, 'hex') as hash, code, error, encode(signer, 'hex') as signer,
    encode(recipient, 'hex') as recipient, message_type, valid_until_height, bytes
  from tx;

create function accounts_at(at bigint) returns table (address text, amount numeric, height bigint)
  language sql stable begin atomic
  select distinct on (a.address) encode(a.address, 'hex'), a.amount, a.height
  from account a where a.height <= at order by a.address desc, a.height desc;
end;

create function account_at(account_address text, at bigint) returns table (address text, amount numeric, height bigint)
  language sql stable begin atomic
  select encode(a.address, 'hex'), a.amount, a.height from account a
  where a.address = decode(account_address, 'hex') and a.height <= at order by a.height desc limit 1;
end;

create function pools_at(at bigint) returns table (address text, name text, amount numeric, height bigint)
  language sql stable begin atomic
  select distinct on (p.address) encode(p.address, 'hex'), pool_name(p.address), p.amount, p.height
  from pool p where p.height <= at order by p.address desc, p.height desc;
end;

create function actors_at(at bigint) returns table (actor_type text, address text, public_key text, chains text[],
  service_url text, staked_amount numeric, paused_height bigint, unstaking_height bigint, output_address text,
  height bigint)
  language sql stable begin atomic
  select distinct on (a.actor_type, a.address)
    (array['application', 'servicer', 'fisherman', 'validator'])[a.actor_type], encode(a.address, 'hex'),
    encode(a.public_key, 'hex'), a.chains, a.service_url, a.staked_amount, a.paused_height, a.unstaking_height,
    encode(a.output_address, 'hex'), a.height
  from actor a where a.height <= at order by a.actor_type desc, a.address desc, a.height desc;
end;

create function params_at(at bigint) returns table (name text, value text, height bigint)
  language sql stable begin atomic
  select distinct on (p.name) p.name, p.value, p.height
  from param p where p.height <= at order by p.name desc, p.height desc;
end;

create function block_by_hash(block_hash text) returns setof v_blocks language sql stable begin atomic
  select v.* from v_blocks v where v.height = (select b.height from block b where b.hash = decode(block_hash, 'hex'));
end;

create function transaction_by_hash(transaction_hash text) returns setof v_transactions language sql stable begin atomic
  select v.* from v_transactions v
  join tx t on t.height = v.height and t.index = v.index where t.hash = decode(transaction_hash, 'hex');
end;

-- Sent or received by an address, in the order of the chain (sort and limit it as you like).
create function transactions_of(address text) returns setof v_transactions language sql stable begin atomic
  select v.* from v_transactions v
  join tx t on t.height = v.height and t.index = v.index
  where t.signer = decode(address, 'hex') or t.recipient = decode(address, 'hex');
end;

create view v_accounts as select * from accounts_at(9223372036854775807);
create view v_pools as select * from pools_at(9223372036854775807);
create view v_actors as select * from actors_at(9223372036854775807);
create view v_params as select * from params_at(9223372036854775807);
`,
};
