import { z } from 'zod';
import { ACTOR_KINDS } from '../../chain/state-values.ts';

/** Transactions in one batch: with the largest allowed body that is about 4 KB each. */
const MAX_BATCH = 1_000;
/** Items on a page, as in V1. */
const MAX_PER_PAGE = 1_000;
/** Heights of one tx_hashes request. */
const MAX_HASH_BLOCKS = 200;

const HEX = /^(?:[0-9a-fA-F]{2})+$/;

const hexOf = (bytes: number, what: string) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`), `must be hex, ${bytes * 2} digits`)
    .describe(what);

const height = z
  .int()
  .min(0)
  .default(0)
  .transform(BigInt)
  .describe('Height of the chain; 0 is the latest committed one.')
  .meta({ type: 'integer', format: 'int64', minimum: 0, default: 0 });

const page = z.int().min(1).default(1).describe('Counts from 1.');
const perPage = z.int().min(1).max(MAX_PER_PAGE).default(30).describe('Items on a page.');
const sort = z.enum(['asc', 'desc']).default('desc').describe('Order of the items.');

/** A whole number in a query string. */
const queryHeight = (what: string) =>
  z
    .string()
    .regex(/^(?:0|[1-9]\d{0,14})$/, 'must be a height')
    .transform(BigInt)
    .meta({ type: 'integer', format: 'int64', minimum: 0, description: what });

/**
 * The list is checked by hand and left at the first fault: a schema of items would collect one report per item,
 * and a body of 8 MB can hold millions.
 */
const hexList = z
  .custom<string[]>((value) => Array.isArray(value) && value.length >= 1 && value.length <= MAX_BATCH, {
    error: `must be an array of 1 to ${MAX_BATCH} hex strings`,
    abort: true,
  })
  .superRefine((list, context) => {
    const bad = list.findIndex((item: unknown) => typeof item !== 'string' || !HEX.test(item));
    if (bad >= 0) context.addIssue({ code: 'custom', path: [bad], message: 'must be hex, two digits a byte' });
  })
  .meta({
    type: 'array',
    items: { type: 'string', pattern: HEX.source },
    minItems: 1,
    maxItems: MAX_BATCH,
    description: 'Canonical bytes of the transactions, hex, in the order they are admitted.',
  });

export const broadcastRequest = z.strictObject({
  address: hexOf(20, 'Address of the sender. Kept for V1 clients: the signature decides, this is not used.').optional(),
  raw_hex_bytes: z
    .string()
    .regex(HEX, 'must be hex, two digits a byte')
    .describe('Canonical bytes of the transaction, hex.'),
});
export const broadcastBatchRequest = z.strictObject({ raw_hex_bytes: hexList });
export const heightRequest = z.strictObject({ height });
export const addressHeightRequest = z.strictObject({ address: hexOf(20, 'Address of the account.'), height });
export const actorHeightRequest = z.strictObject({
  actor_type: z.enum(ACTOR_KINDS.map(({ name }) => name)).describe('As what it is staked.'),
  address: hexOf(20, 'Address of the actor.'),
  height,
});
export const paramHeightRequest = z.strictObject({
  param_name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,127}$/, 'must be the name of a parameter: lower-case letters, digits and _')
    .describe('Name of a governance parameter.'),
  height,
});
export const heightPageRequest = z.strictObject({ height, page, per_page: perPage, sort });
export const pageRequest = z.strictObject({
  page,
  per_page: perPage,
  sort: z.literal('asc').default('asc').describe('A mempool has one order: that of admission.'),
});
export const hashRequest = z.strictObject({ hash: hexOf(32, 'Hash of the transaction.') });
export const hashesQuery = z
  .strictObject({ from: queryHeight('First height.'), to: queryHeight('Last height.') })
  .refine((range) => range.from <= range.to && range.to - range.from < BigInt(MAX_HASH_BLOCKS), {
    error: `from must not exceed to, and at most ${MAX_HASH_BLOCKS} heights are answered at once`,
    path: ['to'],
  });
