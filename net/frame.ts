import { CodedError } from '../runtime/errors.ts';

/**
 * What a stream is cut into: a 4-byte big-endian length (of what follows), one byte that says the kind, and the
 * payload. A frame is a unit of meaning; the stream may carry it in any number of pieces.
 */
export const FRAME_HEADER_BYTES = 5;
const LENGTH_BYTES = 4;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** First buffer of a frame that arrives in pieces: the usual size of a frame, so that it seldom grows. */
const FIRST_BUFFER_BYTES = 64 * 1024;

/** Writes the header of a frame whose payload of `payloadBytes` the caller writes behind it. */
export function writeFrameHeader(target: Uint8Array, kind: number, payloadBytes: number): void {
  new DataView(target.buffer, target.byteOffset).setUint32(0, payloadBytes + 1);
  target[LENGTH_BYTES] = kind;
}

export function encodeFrame(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, kind, payload.length);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/**
 * Puts frames together from the pieces of a stream. Besides a first buffer it holds at most twice the bytes that
 * arrived: an announced length alone reserves nothing.
 */
export class FrameReader {
  /** Largest payload accepted; small until a peer has shown who it is. */
  maxPayloadBytes: number;
  #buffer = new Uint8Array(0);
  #held = 0;

  constructor(maxPayloadBytes: number) {
    this.maxPayloadBytes = maxPayloadBytes;
  }

  /** True while a frame has begun and is not complete. */
  get partial(): boolean {
    return this.#held > 0;
  }

  /**
   * Takes a piece and hands over the frames it completes, one after the other, so that what a frame changes
   * (`maxPayloadBytes`) holds for the next. Payloads may be views of the piece.
   * @throws FRAME_TOO_LARGE, FRAME_MALFORMED, and what `handle` throws: the reader is of no use afterwards
   */
  push(piece: Uint8Array, handle: (frame: Frame) => void): void {
    let rest = piece;
    while (rest.length > 0) {
      if (this.#held === 0) {
        const direct = this.#whole(rest);
        if (direct !== undefined) {
          rest = rest.subarray(FRAME_HEADER_BYTES + direct.payload.length);
          handle(direct);
          continue;
        }
      }
      rest = this.#keep(rest);
      const frame = this.#completed();
      if (frame !== undefined) handle(frame);
    }
  }

  /** A frame that lies whole at the start of `bytes`. */
  #whole(bytes: Uint8Array): Frame | undefined {
    const size = this.#frameBytes(bytes, bytes.length);
    if (size === undefined || bytes.length < size) return undefined;
    return { kind: bytes[LENGTH_BYTES]!, payload: bytes.subarray(FRAME_HEADER_BYTES, size) };
  }

  /** Copies what belongs to the present frame; answers what does not. */
  #keep(bytes: Uint8Array): Uint8Array {
    const known = this.#frameBytes(this.#buffer, this.#held);
    const wanted = (known ?? FRAME_HEADER_BYTES) - this.#held;
    const taken = bytes.subarray(0, Math.min(wanted, bytes.length));
    this.#reserve(this.#held + taken.length);
    this.#buffer.set(taken, this.#held);
    this.#held += taken.length;
    return bytes.subarray(taken.length);
  }

  #completed(): Frame | undefined {
    const size = this.#frameBytes(this.#buffer, this.#held);
    if (size === undefined || this.#held < size) return undefined;
    const payload = this.#buffer.subarray(FRAME_HEADER_BYTES, size);
    const kind = this.#buffer[LENGTH_BYTES]!;
    this.#buffer = new Uint8Array(0);
    this.#held = 0;
    return { kind, payload };
  }

  /** Size of the frame that starts in `bytes`, once its header is there. */
  #frameBytes(bytes: Uint8Array, held: number): number | undefined {
    if (held < FRAME_HEADER_BYTES) return undefined;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    if (length === 0) throw new CodedError('FRAME_MALFORMED', 'a peer sent an empty frame');
    const payloadBytes = length - 1;
    if (payloadBytes > this.maxPayloadBytes) {
      throw new CodedError('FRAME_TOO_LARGE', `a peer announced a frame of ${payloadBytes} bytes`, {
        bytes: payloadBytes,
        limit: this.maxPayloadBytes,
      });
    }
    return LENGTH_BYTES + length;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const first = bytes <= FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FIRST_BUFFER_BYTES;
    const grown = new Uint8Array(Math.max(bytes, first, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#held));
    this.#buffer = grown;
  }
}
