import { CodedError } from '../../../runtime/errors.ts';

export { equalBytes } from '../../../wasm/bytes.ts';

const HEX = /^(?:[0-9a-f]{2})*$/;

/** Lower-case, no prefix. Native: certificates are looked up by their bytes, and have a kilobyte. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** @throws HEX_INVALID: upper case is refused too, so that one value has one text. */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) {
    throw new CodedError('HEX_INVALID', 'not lower-case hex with an even number of digits', {
      value: text.slice(0, 80),
      length: text.length,
    });
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Byte by byte, the shorter first where one begins the other: the order of the lower-case hex texts. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
