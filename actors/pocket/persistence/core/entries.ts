import { sha3_256 } from '../../../../wasm/hash.ts';
import type { TrieEntry } from '../../../../wasm/trie.ts';
import { encodeAccount } from '../../chain/account.ts';
import { type Actor, encodeActor } from '../../chain/actor.ts';
import { encodeParam } from '../../chain/params.ts';
import { ACTOR_KINDS } from '../../chain/state-values.ts';
import type { AccountRow, ChangeSet } from '../protocol.ts';
import type { TreeChanges, TreeName } from './tries.ts';

/** A governance parameter as it is stored: `height` is that of its last change. */
export interface ParamRow {
  readonly name: string;
  readonly value: string;
  readonly height: bigint;
}

/** Accounts and pools: address -> Account. */
export function accountEntries(rows: readonly AccountRow[]): TrieEntry[] {
  return rows.map((row) => ({ key: row.address, value: encodeAccount(row) }));
}

function actorEntry(actor: Actor): TrieEntry {
  return { key: actor.address, value: encodeActor(actor) };
}

/** What changes in the tries of the actors. */
export function actorEntries(changes: Pick<ChangeSet, 'actors' | 'removedActors'>): TreeChanges {
  const entries: TreeChanges = {};
  const add = (type: number, entry: TrieEntry) => {
    const tree = actorTree(type);
    const list = entries[tree] ?? [];
    list.push(entry);
    entries[tree] = list;
  };
  for (const actor of changes.actors) add(actor.type, actorEntry(actor));
  for (const { type, address } of changes.removedActors) add(type, { key: address, value: null });
  return entries;
}

export function actorTree(type: number): TreeName {
  return ACTOR_KINDS.find((kind) => kind.type === type)?.tree ?? 'val';
}

/** SHA3-256 of the name -> Param. */
export function paramEntries(rows: readonly ParamRow[]): TrieEntry[] {
  return rows.map((row) => ({ key: sha3_256(new TextEncoder().encode(row.name)), value: encodeParam(row) }));
}
