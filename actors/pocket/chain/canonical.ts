import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { CodedError } from '../../../runtime/errors.ts';
import { equalBytes } from './hex.ts';

/** Highest value of a protobuf uint64. */
const MAX_UINT64 = 2n ** 64n - 1n;

/** Network ids are short and printable: they stand in logs, in file names and in every signature. */
export const NETWORK_ID = /^[!-~]{1,64}$/;

export type CodePrefix =
  | 'TX'
  | 'BLOCK'
  | 'HEADER'
  | 'CONSENSUS'
  | 'QC'
  | 'CERTIFICATE'
  | 'TIMEOUT'
  | 'SYNC'
  | 'STATE'
  | 'PROOF'
  | 'VALIDATORS'
  | 'SNAPSHOT';

export interface Format<D extends DescMessage> {
  schema: D;
  /** What an error message calls it. */
  name: string;
  prefix: CodePrefix;
  /** Longer input is refused before it is parsed. */
  maxBytes: number;
}

/** The one encoding of a message: fields in the order of their numbers, defaults left out. */
export function encodeCanonical<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, init), { writeUnknownFields: false });
}

/**
 * Decodes bytes from outside and refuses all but the canonical encoding. The result shares no memory with the
 * input, so keeping a field of it pins no network buffer.
 */
export function decodeCanonical<D extends DescMessage>(format: Format<D>, input: Uint8Array): MessageShape<D> {
  const { schema, name, prefix, maxBytes } = format;
  if (input.length > maxBytes) {
    throw new CodedError(`${prefix}_TOO_LARGE`, `a ${name} has at most ${maxBytes} bytes`, {
      bytes: input.length,
      max_bytes: maxBytes,
    });
  }
  // A copy, and a plain Uint8Array even where the input is a Buffer.
  const bytes = new Uint8Array(input);
  let message: MessageShape<D>;
  let again: Uint8Array;
  try {
    message = fromBinary(schema, bytes, { readUnknownFields: false });
    again = toBinary(schema, message, { writeUnknownFields: false });
  } catch (cause) {
    throw new CodedError(`${prefix}_MALFORMED`, `not a ${name}: the bytes cannot be parsed`, {}, { cause });
  }
  if (!equalBytes(again, bytes)) {
    throw new CodedError(`${prefix}_NOT_CANONICAL`, `a ${name} must be in its canonical encoding`, {
      bytes: bytes.length,
      canonical_bytes: again.length,
    });
  }
  return message;
}

/** Raises `<prefix>_MALFORMED` with the field's name, unless `ok`. */
export function ensure(ok: boolean, prefix: CodePrefix, field: string, rule: string): asserts ok {
  if (!ok) throw new CodedError(`${prefix}_MALFORMED`, `${field}: ${rule}`, { field });
}

/** True for a height that fits the wire. */
export function isUint64(value: bigint): boolean {
  return value >= 0n && value <= MAX_UINT64;
}

/** True for a round, step or version that fits the wire. */
export function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}
