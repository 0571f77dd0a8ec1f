import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { Memory, Taken } from '../core/recovery.ts';

/**
 * A journal: magic and version (8 bytes), then records. A record, big-endian: length of the payload u32, CRC-32 u32 of
 * all of the record but itself, sequence u32 from 0, payload. The first payload is the head, the others are inputs.
 * CRC-32 is zlib's, of which Node has a native one: it has to find torn writes, not forgers.
 */
const MAGIC = Uint8Array.from([...'POTCJRN'].map((letter) => letter.charCodeAt(0)).concat(1));
const PREFIX_BYTES = 12;
const CRC_AT = 4;
const SEQUENCE_AT = 8;

/** The first record. */
export interface Head {
  /** What the course of the core depends on besides its inputs: a replay under another of these would be of another one. */
  readonly circumstances: string;
  readonly memory: Memory;
}

/** Maps stay maps, and what two places of a state share is written once. */
const packr = new Packr({ structuredClone: true, useBigIntExtension: true });

/** The bytes of a journal without inputs. */
export function encodeHead(head: Head): Uint8Array {
  return Buffer.concat([MAGIC, record(0, packr.pack(head))]);
}

/** The bytes to append for an input; the first after the head has sequence 1. */
export function encodeTaken(sequence: number, taken: Taken): Uint8Array {
  return record(sequence, packr.pack(taken));
}

/** @throws if the payload is none of `encodeHead`; the bytes in the result are its own */
export function decodeHead(payload: Uint8Array): Head {
  return packr.unpack(payload) as Head;
}

/** As `decodeHead`. */
export function decodeTaken(payload: Uint8Array): Taken {
  return packr.unpack(payload) as Taken;
}

/** The payloads of all records that are whole, and how many bytes these take: what follows them is torn. Never throws. */
export function scan(bytes: Uint8Array): { payloads: Uint8Array[]; whole: number } {
  const payloads: Uint8Array[] = [];
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return { payloads, whole: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let whole = MAGIC.length;
  while (whole + PREFIX_BYTES <= bytes.length) {
    const end = whole + PREFIX_BYTES + view.getUint32(whole);
    if (end > bytes.length || view.getUint32(whole + SEQUENCE_AT) !== payloads.length) break;
    if (view.getUint32(whole + CRC_AT) !== checksum(bytes.subarray(whole, end))) break;
    // A copy: what the state keeps of it must not hold the whole file in memory.
    payloads.push(Buffer.from(bytes.subarray(whole + PREFIX_BYTES, end)));
    whole = end;
  }
  return { payloads, whole: payloads.length > 0 ? whole : 0 };
}

function record(sequence: number, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + payload.length);
  bytes.writeUInt32BE(payload.length);
  bytes.writeUInt32BE(sequence, SEQUENCE_AT);
  bytes.set(payload, PREFIX_BYTES);
  bytes.writeUInt32BE(checksum(bytes), CRC_AT);
  return bytes;
}

function checksum(record: Uint8Array): number {
  return crc32(record.subarray(SEQUENCE_AT), crc32(record.subarray(0, CRC_AT)));
}
