import { Packr } from 'msgpackr';
import { CodedError, type ErrorRecord } from './errors.ts';
import type { Protocol } from './protocol.ts';

/**
 * Frames between threads: msgpack with the record shapes of the protocols spoken on the link, fixed on both
 * ends when the link is bound. Bytes of a frame are never hashed, signed or stored.
 */

/** What an envelope is. `observe` is the runtime's own ask: the metrics of a thread. */
export const OP = { tell: 0, ask: 1, event: 2, reply: 3, error: 4, observe: 5 } as const;
export type Op = (typeof OP)[keyof typeof OP];

/** One message on the wire. Positional: a name per field would cost more than the fields. */
export interface WireEnvelope {
  op: Op;
  /** Position in the protocol's tells, asks or events; 0 for replies. */
  type: number;
  /** Number of the ask, 0 for a tell or event. */
  id: number;
  trace: string;
  /** Process-wide monotonic clock at sending, µs. */
  sent_us: number;
  /** When the asker gives up, ms of the clock; 0 for never. */
  deadline_ms: number;
  /** Message, reply, or error record. */
  body: unknown;
}

/** What one turn of the event loop had to say to one peer. */
export interface Frame {
  /** Lives of sender and addressee; a frame of a former life of either is discarded. */
  from: number;
  to: number;
  /** True for the first frame of a binding, which carries nothing else. */
  hello: boolean;
  /** Messages the sender has finished with since its last frame, by lane, and their weight in bytes. */
  handled: number[];
  weight: number[];
  envelopes: WireEnvelope[];
}

const ENVELOPE_FIELDS = ['op', 'type', 'id', 'trace', 'sent_us', 'deadline_ms', 'body'];
const FRAME_FIELDS = ['from', 'to', 'hello', 'handled', 'weight', 'envelopes'];
const ERROR_FIELDS = ['code', 'message', 'data'];

/** The record shapes of a link: the same list, in the same order, on both ends. */
export function linkRecords(protocols: readonly Protocol[]): string[][] {
  const seen = new Set<string>();
  const records: string[][] = [];
  const add = (fields: readonly string[]): void => {
    const key = fields.join(',');
    if (fields.length === 0 || seen.has(key)) return;
    seen.add(key);
    records.push([...fields]);
  };
  for (const fields of [FRAME_FIELDS, ENVELOPE_FIELDS, ERROR_FIELDS]) add(fields);
  for (const protocol of [...protocols].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const spec of Object.values(protocol.tell)) add(spec.fields);
    for (const spec of Object.values(protocol.ask)) {
      add(spec.fields);
      add(spec.reply);
    }
    for (const spec of Object.values(protocol.emit)) add(spec.fields);
    for (const record of protocol.records) add(record);
  }
  return records;
}

/** Encodes and decodes the frames of one link. */
export interface FrameCodec {
  /** A buffer of its own, free to be transferred. */
  encode(frame: Frame): Uint8Array<ArrayBuffer>;
  /** @throws CodedError FRAME_MALFORMED. Binary fields are views into `bytes`. */
  decode(bytes: Uint8Array): Frame;
}

/** Builds the codec of a link that speaks these protocols. */
export function frameCodec(protocols: readonly Protocol[]): FrameCodec {
  const structures = linkRecords(protocols);
  const packr = new Packr({
    // Not `structures`: the ids of more than 32 shapes have a second byte, for which only loaded ones are prepared.
    getStructures: () => structures,
    // A shape that is not declared is written with its definition inside the frame instead of becoming a new
    // shared record, which the other end would not know.
    maxSharedStructures: structures.length,
    // Amounts exceed 64 bits.
    useBigIntExtension: true,
  });
  return {
    encode(frame) {
      // pack returns a view into a pooled buffer; transferring that would empty every other frame in the pool.
      return new Uint8Array(packr.pack(frame));
    },
    decode(bytes) {
      try {
        return packr.unpack(bytes) as Frame;
      } catch (cause) {
        throw new CodedError('FRAME_MALFORMED', 'a frame between threads cannot be decoded', {}, { cause });
      }
    },
  };
}

/** Shape of an error as it crosses a hop, with its keys in record order. */
export function errorBody(record: ErrorRecord): ErrorRecord {
  return { code: record.code, message: record.message, data: { ...record.data } };
}

/** Cost of an envelope besides its binary payload, bytes; an estimate, equal on both ends. */
const ENVELOPE_WEIGHT = 64;

/**
 * What a message counts against the window, bytes: its binary payload found by looking at most three levels deep
 * (a list of records with binary fields), and a flat cost. Both ends compute it from the same content.
 */
export function weigh(body: unknown): number {
  return ENVELOPE_WEIGHT + payload(body, 3);
}

function payload(value: unknown, depth: number): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null || depth === 0) return 8;
  let sum = 0;
  for (const item of Array.isArray(value) ? value : Object.values(value)) sum += payload(item, depth - 1);
  return sum;
}
