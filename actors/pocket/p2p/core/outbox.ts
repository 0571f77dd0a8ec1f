import { FRAME_HEADER_BYTES, writeFrameHeader } from '../../../../net/frame.ts';
import { FRAME_MESSAGES } from './frame-kinds.ts';
import { LENGTH_BYTES, listBytes, writeList } from './list.ts';

/**
 * Payload that a frame is filled up to. Encryption and multiplexing cost per write (about 40 µs at 1 KB), so
 * many messages share one; libp2p cuts at the same size.
 */
export const FRAME_FILL_BYTES = 64 * 1024;

/** Messages of one frame; what is sent has over 100 bytes each, so that this limits only an attacker. */
export const MAX_FRAME_MESSAGES = 1_024;

export interface OutboxLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/**
 * Consensus messages that wait for one peer. When it is full the oldest go: a newer message of a validator
 * makes its older ones worthless, and the pacemaker repeats what still matters.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #messages: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#messages.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message; answers how many old ones it drove out. */
  push(message: Uint8Array): number {
    this.#messages.push(message);
    this.#bytes += message.length;
    let dropped = 0;
    while (this.size > 1 && (this.size > this.#limits.maxMessages || this.#bytes > this.#limits.maxBytes)) {
      this.#shift();
      dropped++;
    }
    return dropped;
  }

  /** Takes the next frame: as many messages as fill it, or one larger message alone. Undefined when empty. */
  nextFrame(): Uint8Array | undefined {
    if (this.size === 0) return undefined;
    const items = [this.#shift()];
    let bytes = listBytes(items);
    while (
      this.size > 0 &&
      items.length < MAX_FRAME_MESSAGES &&
      bytes + LENGTH_BYTES + this.#messages[this.#first]!.length <= FRAME_FILL_BYTES
    ) {
      const message = this.#shift();
      bytes += LENGTH_BYTES + message.length;
      items.push(message);
    }
    const frame = new Uint8Array(FRAME_HEADER_BYTES + bytes);
    writeFrameHeader(frame, FRAME_MESSAGES, bytes);
    writeList(items, frame, FRAME_HEADER_BYTES);
    return frame;
  }

  /** Empties it; answers how many messages were lost. */
  clear(): number {
    const lost = this.size;
    this.#messages = [];
    this.#first = 0;
    this.#bytes = 0;
    return lost;
  }

  #shift(): Uint8Array {
    const message = this.#messages[this.#first]!;
    this.#first++;
    this.#bytes -= message.length;
    // The array is cut in halves, not at each message, so that taking one is cheap and the taken ones are let go.
    if (this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }
}
