import { z } from 'zod';
import { ACTOR_APP, ACTOR_FISHERMAN, ACTOR_SERVICER, ACTOR_VALIDATOR, type Actor, NO_HEIGHT } from './actor.ts';
import { addressOf } from './address.ts';
import { MAX_AMOUNT } from './amounts.ts';
import { NETWORK_ID } from './canonical.ts';
import { equalBytes, fromHex, toHex } from './hex.ts';
import { DEFAULT_PARAMS, isOwnerParam } from './params.ts';
import { POOLS } from './pools.ts';
import { isServiceUrl, MAX_URL_CHARACTERS, SERVICE_URL_FIX } from './service-url.ts';
import { MAX_BLOCK_BYTES } from './sizes.ts';
import { MAX_VALIDATORS } from './validators.ts';

/** Every message here is what the operator should write instead: it follows the path and the value. */

const ADDRESS = /^[0-9a-f]{40}$/;
const AMOUNT = /^(?:0|[1-9][0-9]{0,38})$/;

const address = z
  .string('write 40 lower-case hex digits')
  .regex(ADDRESS, 'write 40 lower-case hex digits')
  .transform(fromHex);

const AMOUNT_FIX = `write a whole number of uPOKT from 0 to ${MAX_AMOUNT} as a string`;
const amount = z
  .string(AMOUNT_FIX)
  .refine((text) => AMOUNT.test(text) && BigInt(text) <= MAX_AMOUNT, { error: AMOUNT_FIX, abort: true })
  .transform(BigInt);

/** A 64-bit number: the earlier node writes some as strings. */
function whole(min: number, max: number) {
  const fix = `write a whole number from ${min} to ${max}`;
  const inRange = (value: number) => Number.isInteger(value) && value >= min && value <= max;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^-?[0-9]{1,16}$/)
          .transform(Number),
      ],
      fix,
    )
    .refine(inRange, { error: fix });
}

const MAX_SECONDS = 253_402_300_799;
const TIME_FIX = 'write an ISO 8601 time in UTC such as "2026-01-31T12:00:00.000Z", or {"seconds", "nanos"}';
const isoTime = z.iso
  .datetime(TIME_FIX)
  .refine((text) => Date.parse(text) >= 0, { error: 'write a time after 1969' })
  .transform((text) => BigInt(Date.parse(text)));
/** The earlier node's form. Microseconds are cut off. */
const protoTime = z
  .strictObject({ seconds: whole(0, MAX_SECONDS), nanos: whole(0, 999_999_999).default(0) })
  .transform(({ seconds, nanos }) => BigInt(seconds) * 1_000n + BigInt(Math.floor(nanos / 1_000_000)));
const genesisTime = z.union([isoTime, protoTime], TIME_FIX);

const account = z.strictObject({ address, amount });

const pool = account.refine((entry) => POOLS.some((known) => equalBytes(known.address, entry.address)), {
  error: `write the address of one of the pools ${POOLS.map(({ name }) => name).join(', ')}: the name in ASCII, padded with zero bytes`,
  path: ['address'],
});

const chains = z
  .array(z.string().regex(/^[0-9A-Za-z]{4}$/, 'write a relay chain id of four characters'))
  .nullish()
  .transform((ids) => ids ?? [])
  .refine((ids) => new Set(ids).size === ids.length, { error: 'name each relay chain once' });

/** Needs no upper bound of its own: a height beyond 2^53 blocks is never reached. */
const eventHeight = whole(-1, Number.MAX_SAFE_INTEGER).default(-1).transform(BigInt);

const publicKey = z
  .string('write 64 lower-case hex digits')
  .regex(/^[0-9a-f]{64}$/, 'write 64 lower-case hex digits')
  .transform(fromHex);

const serviceUrl = z.string(SERVICE_URL_FIX).refine(isServiceUrl, { error: SERVICE_URL_FIX });
/** Nobody calls an application; the earlier node wrote `unused` or nothing. */
const noServiceUrl = z.string().max(MAX_URL_CHARACTERS).default('');

function actor(type: number) {
  const isApp = type === ACTOR_APP;
  return z
    .strictObject({
      actor_type: z.literal(type, `leave it out, or write ${type}`).default(type),
      address,
      public_key: publicKey,
      chains,
      service_url: isApp ? noServiceUrl : serviceUrl,
      staked_amount: amount,
      paused_height: eventHeight,
      unstaking_height: eventHeight,
      output: address,
    })
    .refine((entry) => equalBytes(addressOf(entry.public_key), entry.address), {
      error: (issue) => `write the address that belongs to the public key: ${addressText(issue.input)}`,
      path: ['address'],
    })
    .transform(
      (entry): Actor => ({
        type,
        address: entry.address,
        publicKey: entry.public_key,
        chains: entry.chains,
        serviceUrl: entry.service_url,
        stakedAmount: entry.staked_amount,
        pausedHeight: entry.paused_height,
        unstakingHeight: entry.unstaking_height,
        output: entry.output,
        missedBlocks: 0n,
        punishedHeight: 0n,
      }),
    );
}

function addressText(input: unknown): string {
  return toHex(addressOf((input as { public_key: Uint8Array }).public_key));
}

const NOT_STARTED = 'write -1: a network begins with validators that are neither paused nor unstaking';
const validator = actor(ACTOR_VALIDATOR)
  .refine((entry) => entry.pausedHeight === NO_HEIGHT, { error: NOT_STARTED, path: ['paused_height'] })
  .refine((entry) => entry.unstakingHeight === NO_HEIGHT, { error: NOT_STARTED, path: ['unstaking_height'] });

/** Values are texts in the state; the earlier node's file has numbers for some. */
const paramValue = z.union(
  [z.string().max(128), z.number().int().nonnegative().transform(String)],
  'write a whole number, or a text of at most 128 characters',
);

const params = z.record(z.string(), paramValue).superRefine((values, context) => {
  for (const [name, value] of Object.entries(values)) {
    const fix = paramFix(name, value);
    if (fix) context.addIssue({ code: 'custom', path: [name], message: fix });
  }
});

function paramFix(name: string, value: string): string | null {
  if (!DEFAULT_PARAMS.has(name)) return 'remove it: there is no parameter of this name';
  if (isOwnerParam(name)) return ADDRESS.test(value) ? null : 'write an address: 40 lower-case hex digits';
  return AMOUNT.test(value) && BigInt(value) <= MAX_AMOUNT ? null : 'write a whole number from 0 on';
}

const CHAIN_ID_FIX = 'write the id of the network: 1 to 64 printable ASCII characters without spaces';

/** The file. Unknown keys are refused: a misspelt key would otherwise make a different network. */
export const genesisSchema = z.strictObject({
  genesis_time: genesisTime,
  chain_id: z.string(CHAIN_ID_FIX).regex(NETWORK_ID, CHAIN_ID_FIX),
  max_block_bytes: whole(1, MAX_BLOCK_BYTES).default(4_000_000),
  block_interval_ms: whole(1, 3_600_000).default(500),
  empty_block_interval_ms: whole(1, 3_600_000).default(1_000),
  /** 1,000 blocks are 8 to 16 minutes: long enough to sign offline, short enough to keep the replay window small. */
  tx_window_blocks: whole(1, 100_000).default(1_000),
  /** What a validator's vote weighs. */
  vote_weight: z.enum(['validator', 'stake'], 'write "validator" (one each) or "stake"').default('validator'),
  /** How the leader of a round is found. */
  leader_election: z
    .enum(
      ['round_robin', 'sortition'],
      'write "round_robin" or "sortition" (stake-weighted, by verifiable random functions)',
    )
    .default('round_robin'),
  allow_v1_transactions: z.boolean('write true or false').default(false),
  pools: z.array(pool).default([]),
  accounts: z.array(account).default([]),
  applications: z.array(actor(ACTOR_APP)).default([]),
  validators: z
    .array(validator, 'write the list of validators')
    .min(1, 'write at least one validator')
    .max(MAX_VALIDATORS, `write at most ${MAX_VALIDATORS} validators`),
  servicers: z.array(actor(ACTOR_SERVICER)).default([]),
  fishermen: z.array(actor(ACTOR_FISHERMAN)).default([]),
  params: params.default({}),
});

export type GenesisFile = z.output<typeof genesisSchema>;
