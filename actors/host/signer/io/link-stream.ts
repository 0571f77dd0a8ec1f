import '../../../../net/promise-with-resolvers.ts';
import type { Stream } from '@libp2p/interface';
import { encodeFrame, type Frame } from '../../../../net/frame.ts';
import { FramedStream } from '../../../../net/framed-stream.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { toErrorRecord } from '../../../../runtime/errors.ts';
import { MAX_REMOTE_BYTES } from '../core/remote-wire.ts';

/** Frames that may wait for the line: an end that takes none of them is as good as gone. */
const MAX_QUEUED = 64;
/** For what was said last to leave. */
const FAREWELL_ms = 1_000;

export interface LinkStreamEvents {
  /** What it throws ends the stream. */
  frame(frame: Frame): void;
  /** Why no more frames will come. Called once, in a later turn. */
  closed(reason: string): void;
}

/** The stream between node and signer: frames in both directions, a bounded queue before the line. */
export class LinkStream {
  readonly #framed: FramedStream;
  readonly #queue: Uint8Array[] = [];
  #reason = 'the other end closed it';
  #finishing = false;

  constructor(stream: Stream, clock: Clock, events: LinkStreamEvents) {
    this.#framed = new FramedStream(stream, MAX_REMOTE_BYTES, clock, {
      frame: (frame) => events.frame(frame),
      writable: () => this.#flush(),
      broken: (fault, error) => {
        this.#reason = error === undefined ? fault : toErrorRecord(error).message;
      },
      // The stream says that it is closed before it says what was wrong.
      closed: () => setImmediate(() => events.closed(this.#reason)),
    });
  }

  send(kind: number, payload: Uint8Array): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.close('it takes nothing any more');
      return;
    }
    this.#queue.push(encodeFrame(kind, payload));
    this.#flush();
  }

  /** Ends it at once. */
  close(reason: string): void {
    this.#reason = reason;
    this.#queue.length = 0;
    this.#framed.abort(reason);
  }

  /** Ends it once all is sent. */
  finish(reason: string): void {
    this.#reason = reason;
    this.#finishing = true;
    this.#flush();
  }

  #flush(): void {
    while (this.#framed.writable) {
      const next = this.#queue.shift();
      if (next === undefined) {
        if (this.#finishing) this.#framed.finish(FAREWELL_ms);
        return;
      }
      this.#framed.write(next);
    }
  }
}
