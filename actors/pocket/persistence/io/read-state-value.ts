import { encodeAccount } from '../../chain/account.ts';
import { encodeActor } from '../../chain/actor.ts';
import { encodeParam } from '../../chain/params.ts';
import { ACTOR_KINDS, type ProvableTree } from '../../chain/state-values.ts';
import type { Sql } from './client.ts';
import { type ActorRow, actorOf } from './load-state.ts';
import { readBalances } from './read-chain.ts';

/**
 * What a state trie holds at a committed height: the tries keep digests, the rows the values.
 * @param key address, or the name of a parameter in UTF-8
 * @returns canonical bytes; null where there is no such row
 */
export async function readStateValue(
  sql: Sql,
  height: bigint,
  { tree, key }: { tree: ProvableTree; key: Uint8Array },
): Promise<Uint8Array | null> {
  if (tree === 'account') {
    const { accounts } = await readBalances(sql, height, { accounts: [key], pools: [] });
    return accounts[0] === undefined ? null : encodeAccount(accounts[0]);
  }
  if (tree === 'params') return readParam(sql, height, new TextDecoder().decode(key));
  const { type } = ACTOR_KINDS.find((kind) => kind.tree === tree)!;
  const [row] = await sql<(ActorRow & { removed: boolean })[]>`
    select actor_type, address, public_key, to_json(chains)::text as chains, service_url, staked_amount, paused_height,
      unstaking_height, output_address, missed_blocks, punished_height, removed
    from actor where actor_type = ${type} and address = ${key} and height <= ${height}
    order by height desc limit 1`;
  return row === undefined || row.removed ? null : encodeActor(actorOf(row));
}

async function readParam(sql: Sql, height: bigint, name: string): Promise<Uint8Array | null> {
  const [row] = await sql<{ name: string; value: string; height: bigint }[]>`
    select name, value, height from param where name = ${name} and height <= ${height} order by height desc limit 1`;
  return row === undefined ? null : encodeParam(row);
}
