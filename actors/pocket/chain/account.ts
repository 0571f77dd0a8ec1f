import { ADDRESS_BYTES, parseAddress } from './address.ts';
import { formatAmount, parseAmount } from './amounts.ts';
import { decodeCanonical, encodeCanonical, ensure, type Format } from './canonical.ts';
import { AccountSchema } from './gen/state_pb.ts';
import { toHex } from './hex.ts';

export interface Account {
  /** 20 bytes. */
  address: Uint8Array;
  /** uPOKT. */
  amount: bigint;
}

/** An address, an amount of 39 digits, and the framing. */
const MAX_VALUE_BYTES = 96;
const ACCOUNT: Format<typeof AccountSchema> = {
  schema: AccountSchema,
  name: 'account',
  prefix: 'STATE',
  maxBytes: MAX_VALUE_BYTES,
};

/** The value of an account or a pool in its trie. @throws STATE_MALFORMED, AMOUNT_INVALID */
export function encodeAccount(account: Account): Uint8Array {
  ensure(account.address.length === ADDRESS_BYTES, 'STATE', 'address', 'must be 20 bytes');
  return encodeCanonical(AccountSchema, { address: toHex(account.address), amount: formatAmount(account.amount) });
}

/** Reads what encodeAccount wrote. @throws STATE_*, ADDRESS_INVALID, AMOUNT_INVALID */
export function decodeAccount(bytes: Uint8Array): Account {
  const { address, amount } = decodeCanonical(ACCOUNT, bytes);
  return { address: parseAddress(address), amount: parseAmount(amount) };
}
