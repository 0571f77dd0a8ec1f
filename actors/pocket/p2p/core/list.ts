import { CodedError } from '../../../../runtime/errors.ts';

/**
 * A list of byte strings: each a 4-byte big-endian length and its bytes, nothing before, between or after. One
 * list has exactly one encoding, because lengths are of fixed width and empty entries are refused.
 */
export const LENGTH_BYTES = 4;

export interface ListLimits {
  readonly maxItems: number;
  readonly maxItemBytes: number;
}

/** Bytes of the encoded list. */
export function listBytes(items: readonly Uint8Array[]): number {
  return items.reduce((sum, item) => sum + LENGTH_BYTES + item.length, 0);
}

/** Writes the list into `target` from `offset`; answers the offset behind it. */
export function writeList(items: readonly Uint8Array[], target: Uint8Array, offset: number): number {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let at = offset;
  for (const item of items) {
    view.setUint32(at, item.length);
    target.set(item, at + LENGTH_BYTES);
    at += LENGTH_BYTES + item.length;
  }
  return at;
}

export function encodeList(items: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(listBytes(items));
  writeList(items, bytes, 0);
  return bytes;
}

/**
 * The entries, as views of `bytes`.
 * @throws LIST_MALFORMED
 */
export function decodeList(bytes: Uint8Array, limits: ListLimits): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (items.length === limits.maxItems) throw malformed(`more than ${limits.maxItems} entries`);
    if (at + LENGTH_BYTES > bytes.length) throw malformed('a truncated length');
    const length = view.getUint32(at);
    at += LENGTH_BYTES;
    if (length === 0) throw malformed('an empty entry');
    if (length > limits.maxItemBytes) throw malformed(`an entry of ${length} bytes`);
    if (at + length > bytes.length) throw malformed('a truncated entry');
    items.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (items.length === 0) throw malformed('no entry');
  return items;
}

function malformed(what: string): CodedError {
  return new CodedError('LIST_MALFORMED', `a peer sent a list with ${what}`, { what });
}
