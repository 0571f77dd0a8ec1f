import { ACTOR_VALIDATOR, type Actor } from '../../chain/actor.ts';
import { toHex } from '../../chain/hex.ts';
import { POOL_DAO, POOL_FEE_COLLECTOR, POOL_VALIDATOR_STAKE } from '../../chain/pools.ts';
import type { AccountRow } from '../../persistence/protocol.ts';
import type { Prepared } from './prepared.ts';

/** The parent's state, for the keys that a block touches. Hex addresses; an absent balance is zero. */
export interface StateView {
  readonly accounts: ReadonlyMap<string, bigint>;
  readonly pools: ReadonlyMap<string, bigint>;
  /** Hex replay keys that were committed and are remembered. */
  readonly replayed: ReadonlySet<string>;
  /** All of the state, whatever their status, by hex address. */
  readonly validators: ReadonlyMap<string, Actor>;
  /** Hex addresses of those that decided the parent itself, ascending. */
  readonly voters: readonly string[];
}

/** The keys that applying a block reads, beside the accounts that its end pays stakes out to. */
export interface TouchedKeys {
  readonly accounts: Uint8Array[];
  readonly pools: Uint8Array[];
  readonly replayKeys: Uint8Array[];
}

export function touchedKeys(transactions: readonly Prepared[], proposer: Uint8Array): TouchedKeys {
  const accounts = new Map([[toHex(proposer), proposer]]);
  for (const { sender, payer, transaction } of transactions) {
    const { message } = transaction;
    if (payer !== null) accounts.set(sender, payer);
    if (message.type === 'utility.MessageSend') accounts.set(toHex(message.to), message.to);
  }
  return {
    accounts: [...accounts.values()],
    pools: [POOL_FEE_COLLECTOR, POOL_DAO, POOL_VALIDATOR_STAKE],
    replayKeys: transactions.map(({ replayKey }) => replayKey),
  };
}

/** Builds the view from what persistence read. */
export function stateView(
  read: { accounts: readonly AccountRow[]; pools: readonly AccountRow[]; replayed: readonly Uint8Array[] },
  { actors, voters }: { actors: readonly Actor[]; voters: readonly Uint8Array[] },
): StateView {
  return {
    accounts: byAddress(read.accounts),
    pools: byAddress(read.pools),
    replayed: new Set(read.replayed.map(toHex)),
    validators: validatorsByAddress(actors),
    voters: voters.map(toHex).sort(),
  };
}

export function byAddress(rows: readonly AccountRow[]): Map<string, bigint> {
  return new Map(rows.map(({ address, amount }) => [toHex(address), amount]));
}

export function validatorsByAddress(actors: readonly Actor[]): Map<string, Actor> {
  const validators = actors.filter(({ type }) => type === ACTOR_VALIDATOR);
  return new Map(validators.map((actor) => [toHex(actor.address), actor]));
}
