import { ADDRESS_BYTES } from './address.ts';
import { formatAmount } from './amounts.ts';
import { encodeCanonical, ensure } from './canonical.ts';
import { AccountSchema } from './gen/state_pb.ts';
import { toHex } from './hex.ts';

export interface Account {
  /** 20 bytes. */
  address: Uint8Array;
  /** uPOKT. */
  amount: bigint;
}

/** The value of an account or a pool in its trie. @throws STATE_MALFORMED, AMOUNT_INVALID */
export function encodeAccount(account: Account): Uint8Array {
  ensure(account.address.length === ADDRESS_BYTES, 'STATE', 'address', 'must be 20 bytes');
  return encodeCanonical(AccountSchema, { address: toHex(account.address), amount: formatAmount(account.amount) });
}
