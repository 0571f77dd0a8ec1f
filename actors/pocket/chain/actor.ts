import { ADDRESS_BYTES, parseAddress } from './address.ts';
import { formatAmount, parseAmount } from './amounts.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format } from './canonical.ts';
import { ActorSchema } from './gen/state_pb.ts';
import { fromHex, toHex } from './hex.ts';
import { MAX_VALUE_BYTES, PUBLIC_KEY_BYTES } from './sizes.ts';

export const ACTOR_APP = 1;
export const ACTOR_SERVICER = 2;
export const ACTOR_FISHERMAN = 3;
export const ACTOR_VALIDATOR = 4;

/** Names of the types as the earlier node prints them, by number. */
export const ACTOR_TYPE_NAMES: readonly string[] = ['', 'application', 'servicer', 'fisherman', 'validator'];

/** Height of an event that has not happened: not paused, not unstaking. */
export const NO_HEIGHT = -1n;

const ACTOR: Format<typeof ActorSchema> = {
  schema: ActorSchema,
  name: 'actor',
  prefix: 'STATE',
  maxBytes: MAX_VALUE_BYTES,
};

/** A staked participant. */
export interface Actor {
  /** ACTOR_APP, ACTOR_SERVICER, ACTOR_FISHERMAN or ACTOR_VALIDATOR. */
  type: number;
  /** 20 bytes. */
  address: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** Four-character ids of the relay chains; empty for validators. */
  chains: string[];
  /** `host:port`, or with http:// or https:// before it; empty for applications. */
  serviceUrl: string;
  /** uPOKT. */
  stakedAmount: bigint;
  /** NO_HEIGHT, or since when. */
  pausedHeight: bigint;
  /** NO_HEIGHT, or when the stake is paid out. */
  unstakingHeight: bigint;
  /** Who gets the stake back, 20 bytes. */
  output: Uint8Array;
  /** Of a validator: blocks in a row that it did not sign. */
  missedBlocks: bigint;
  /** Greatest height of an offence that it was punished for; 0 for none. */
  punishedHeight: bigint;
}

/** The value of an actor in the trie of its type. @throws STATE_MALFORMED, AMOUNT_INVALID */
export function encodeActor(actor: Actor): Uint8Array {
  const { type, address, publicKey, chains, serviceUrl, stakedAmount, pausedHeight, unstakingHeight, output } = actor;
  const { missedBlocks, punishedHeight } = actor;
  checkType(type);
  ensure(address.length === ADDRESS_BYTES, 'STATE', 'address', 'must be 20 bytes');
  checkKey(publicKey);
  ensure(output.length === ADDRESS_BYTES, 'STATE', 'output', 'must be 20 bytes');
  return encodeCanonical(ActorSchema, {
    actorType: type,
    address: toHex(address),
    publicKey: toHex(publicKey),
    chains,
    serviceUrl,
    stakedAmount: formatAmount(stakedAmount),
    pausedHeight,
    unstakingHeight,
    output: toHex(output),
    missedBlocks,
    punishedHeight,
  });
}

/** Reads what encodeActor wrote. @throws STATE_*, ADDRESS_INVALID, AMOUNT_INVALID, HEX_INVALID */
export function decodeActor(bytes: Uint8Array): Actor {
  const wire = decodeCanonical(ACTOR, bytes);
  const publicKey = fromHex(wire.publicKey);
  checkType(wire.actorType);
  checkKey(publicKey);
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

function checkType(type: number): void {
  ensure(type >= ACTOR_APP && type <= ACTOR_VALIDATOR, 'STATE', 'actor_type', 'must be from 1 to 4');
}

function checkKey(publicKey: Uint8Array): void {
  ensure(publicKey.length === PUBLIC_KEY_BYTES, 'STATE', 'public_key', 'must be 32 bytes');
}
