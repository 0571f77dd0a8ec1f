import { CodedError } from '../../../runtime/errors.ts';

/** No amount may exceed it, so that the sum of any two fits any store and no digit string is unbounded. */
export const MAX_AMOUNT = 2n ** 128n - 1n;

/** Digits of MAX_AMOUNT: longer texts are refused before they are converted. */
const MAX_DIGITS = 39;
const CANONICAL = /^(?:0|[1-9][0-9]*)$/;

/**
 * A whole number of uPOKT in base 10, without sign, leading zero or space.
 * @throws AMOUNT_INVALID
 */
export function parseAmount(text: string): bigint {
  const amount = CANONICAL.test(text) && text.length <= MAX_DIGITS ? BigInt(text) : -1n;
  if (amount < 0n || amount > MAX_AMOUNT) {
    throw new CodedError('AMOUNT_INVALID', `an amount is a plain whole number from 0 to ${MAX_AMOUNT}, in uPOKT`, {
      value: text.slice(0, 80),
      length: text.length,
    });
  }
  return amount;
}

/** @throws AMOUNT_INVALID */
export function formatAmount(amount: bigint): string {
  if (amount < 0n || amount > MAX_AMOUNT) {
    throw new CodedError('AMOUNT_INVALID', `an amount is from 0 to ${MAX_AMOUNT} uPOKT`, { value: String(amount) });
  }
  return amount.toString();
}
