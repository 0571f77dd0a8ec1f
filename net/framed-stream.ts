import './promise-with-resolvers.ts';
import type { Stream } from '@libp2p/interface';
import type { Clock } from '../runtime/clock.ts';
import { hasCode } from '../runtime/errors.ts';
import { type Frame, FrameReader } from './frame.ts';

/**
 * A frame that has begun must be complete within this time, else the peer keeps us waiting on purpose or its line
 * is too slow for a validator (8 MB in 20 s are 3.2 Mbit/s).
 */
const FRAME_TIMEOUT_ms = 20_000;
/** Written at once; between two slices the stream may say stop. */
const SLICE_BYTES = 64 * 1024;

/** How a peer broke the framing; `frame_malformed` also stands for whatever `frame` threw. */
export type FramingFault = 'frame_too_large' | 'frame_malformed' | 'frame_timeout';

export interface FramedStreamEvents {
  /** May throw: the stream is then reset and the error reported to `broken`. */
  frame(frame: Frame): void;
  /** There is room for a frame: after a write, and whenever the line is free again. */
  writable(): void;
  /** The peer broke the framing, or `frame` threw. The stream is reset already. */
  broken(fault: FramingFault, error: unknown): void;
  /** No more frames will come, whatever the reason; what is being written still leaves if the peer listens. Called once. */
  closed(): void;
}

/** A libp2p stream of frames, in both directions, with back-pressure. Never throws. */
export class FramedStream {
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  readonly #clock: Clock;
  readonly #events: FramedStreamEvents;
  #unsent: Uint8Array | undefined;
  #cancelTimeout: (() => void) | undefined;
  #ended = false;

  constructor(stream: Stream, maxPayloadBytes: number, clock: Clock, events: FramedStreamEvents) {
    this.#stream = stream;
    this.#reader = new FrameReader(maxPayloadBytes);
    this.#clock = clock;
    this.#events = events;
    stream.addEventListener('close', () => {
      this.#unsent = undefined;
      this.#end();
    });
    stream.addEventListener('end', () => this.#end());
    stream.addEventListener('drain', () => this.#pump());
    stream.addEventListener('message', ({ data }) => this.#receive(data.subarray()));
    // Later, so that the caller has this object when it hears of it.
    if (stream.status !== 'open') queueMicrotask(() => this.#end());
  }

  set maxPayloadBytes(bytes: number) {
    this.#reader.maxPayloadBytes = bytes;
  }

  /** True if a frame can be given to `write`. */
  get writable(): boolean {
    return this.#unsent === undefined && this.#stream.writeStatus === 'writable' && !this.#stream.writableNeedsDrain;
  }

  /** Sends a frame; what the stream does not take now follows as it drains. */
  write(frame: Uint8Array): void {
    this.#unsent = frame;
    this.#pump();
  }

  /** Says that nothing more will be sent, once all is sent. */
  finish(timeout_ms: number): void {
    this.#stream.close({ signal: AbortSignal.timeout(timeout_ms) }).catch((error: Error) => this.#stream.abort(error));
  }

  abort(reason: string): void {
    this.#stream.abort(new Error(reason));
  }

  #pump(): void {
    try {
      while (this.#unsent !== undefined && this.#stream.writeStatus === 'writable') {
        const slice = this.#unsent.subarray(0, SLICE_BYTES);
        this.#unsent = slice.length < this.#unsent.length ? this.#unsent.subarray(SLICE_BYTES) : undefined;
        if (!this.#stream.send(slice)) return;
      }
    } catch (error) {
      this.#stream.abort(error as Error);
      return;
    }
    if (this.writable) queueMicrotask(() => this.#events.writable());
  }

  #receive(piece: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#reader.push(piece, (frame) => {
        this.#watch(false);
        if (!this.#ended) this.#events.frame(frame);
      });
      this.#watch(this.#reader.partial);
    } catch (error) {
      this.#break(hasCode(error, 'FRAME_TOO_LARGE') ? 'frame_too_large' : 'frame_malformed', error);
    }
  }

  /** Starts the clock of a frame at its first byte; later bytes do not start it again. */
  #watch(partial: boolean): void {
    if (!partial) {
      this.#cancelTimeout?.();
      this.#cancelTimeout = undefined;
      return;
    }
    this.#cancelTimeout ??= this.#clock.after(FRAME_TIMEOUT_ms, () => this.#break('frame_timeout', undefined));
  }

  #break(fault: FramingFault, error: unknown): void {
    if (this.#ended) return;
    this.abort(fault);
    this.#end();
    this.#events.broken(fault, error);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch(false);
    this.#events.closed();
  }
}
