import type { DescMessage } from '@bufbuild/protobuf';
import { sha3_256 } from '../../../wasm/hash.ts';
import type { Account } from './account.ts';
import { ACTOR_APP, ACTOR_FISHERMAN, ACTOR_SERVICER, ACTOR_TYPE_NAMES, ACTOR_VALIDATOR, type Actor } from './actor.ts';
import { parseAddress } from './address.ts';
import { parseAmount } from './amounts.ts';
import { decodeCanonical, ensure, type Format } from './canonical.ts';
import { AccountSchema, ActorSchema, ParamSchema } from './gen/state_pb.ts';
import { fromHex } from './hex.ts';
import { PUBLIC_KEY_BYTES } from './sizes.ts';

/** The tries whose values can be asked for with a proof. */
export const PROVABLE_TREES = ['account', 'app', 'fish', 'params', 'servicer', 'val'] as const;
export type ProvableTree = (typeof PROVABLE_TREES)[number];

/** A governance parameter as it is in its trie. */
export interface Param {
  readonly name: string;
  readonly value: string;
  /** Of its last change. */
  readonly height: bigint;
}

/** What a value of a trie says. */
export type StateValue =
  | { readonly tree: 'account'; readonly account: Account }
  | { readonly tree: ActorTree; readonly actor: Actor }
  | { readonly tree: 'params'; readonly param: Param };

type ActorTree = Exclude<ProvableTree, 'account' | 'params'>;

/** What the tries of actors are called for people, and the type of the actors in them. */
export const ACTOR_KINDS = [
  kind('app', ACTOR_APP),
  kind('servicer', ACTOR_SERVICER),
  kind('fish', ACTOR_FISHERMAN),
  kind('val', ACTOR_VALIDATOR),
];

function kind(tree: ActorTree, type: number) {
  return { name: ACTOR_TYPE_NAMES[type]!, tree, type };
}

/** An actor with its chains takes some hundred bytes, a parameter fewer. Bounds what a forger makes us parse. */
const MAX_VALUE_BYTES = 1_048_576;

const format = <D extends DescMessage>(schema: D, name: string): Format<D> => ({
  schema,
  name,
  prefix: 'STATE',
  maxBytes: MAX_VALUE_BYTES,
});
const ACCOUNT = format(AccountSchema, 'account');
const ACTOR = format(ActorSchema, 'actor');
const PARAM = format(ParamSchema, 'parameter');

/**
 * The key in a trie of what people call by its address or, a parameter, by its name.
 * @param key 20 bytes, or the name in UTF-8
 */
export function trieKeyOf(tree: ProvableTree, key: Uint8Array): Uint8Array {
  return tree === 'params' ? sha3_256(key) : key;
}

/**
 * Reads the value that a state trie holds.
 * @throws STATE_*, ADDRESS_INVALID, AMOUNT_INVALID, HEX_INVALID
 */
export function decodeStateValue(tree: ProvableTree, bytes: Uint8Array): StateValue {
  if (tree === 'account') return { tree, account: decodeAccount(bytes) };
  if (tree === 'params') return { tree, param: decodeParam(bytes) };
  return { tree, actor: decodeActor(bytes) };
}

function decodeAccount(bytes: Uint8Array): Account {
  const { address, amount } = decodeCanonical(ACCOUNT, bytes);
  return { address: parseAddress(address), amount: parseAmount(amount) };
}

function decodeActor(bytes: Uint8Array): Actor {
  const wire = decodeCanonical(ACTOR, bytes);
  const publicKey = fromHex(wire.publicKey);
  ensure(publicKey.length === PUBLIC_KEY_BYTES, 'STATE', 'public_key', 'must be 32 bytes');
  ensure(wire.actorType >= ACTOR_APP && wire.actorType <= ACTOR_VALIDATOR, 'STATE', 'actor_type', 'must be 1 to 4');
  return {
    type: wire.actorType,
    address: parseAddress(wire.address),
    publicKey,
    chains: wire.chains,
    serviceUrl: wire.serviceUrl,
    stakedAmount: parseAmount(wire.stakedAmount),
    pausedHeight: wire.pausedHeight,
    unstakingHeight: wire.unstakingHeight,
    output: parseAddress(wire.output),
    missedBlocks: wire.missedBlocks,
    punishedHeight: wire.punishedHeight,
  };
}

function decodeParam(bytes: Uint8Array): Param {
  const { name, value, height } = decodeCanonical(PARAM, bytes);
  ensure(name !== '', 'STATE', 'name', 'is missing');
  return { name, value, height };
}
