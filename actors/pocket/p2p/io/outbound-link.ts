import '../../../../net/promise-with-resolvers.ts';
import type { Connection } from '@libp2p/interface';
import { backoff_ms } from '../../../../net/backoff.ts';
import { encodeFrame, type Frame } from '../../../../net/frame.ts';
import { FramedStream } from '../../../../net/framed-stream.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import type { Random } from '../../../../runtime/random.ts';
import { FRAME_HELLO, FRAME_VERDICT } from '../core/frame-kinds.ts';
import { decodeVerdict, MAX_HANDSHAKE_BYTES, type Verdict } from '../core/handshake.ts';
import { Outbox, type OutboxLimits } from '../core/outbox.ts';
import type { Offence } from '../core/score.ts';
import { NEGOTIATION_TIMEOUT_ms } from './libp2p-host.ts';

export const CONSENSUS_PROTOCOL = '/potoroo/consensus/1.0.0';

export interface LinkEvents {
  /** The hello to present now; undefined while the signer has not answered yet. */
  hello(): Uint8Array | undefined;
  accepted(): void;
  refused(verdict: Verdict): void;
  /** It was accepted and is not any more; it is opened again by itself. */
  lost(): void;
  sent(bytes: number, messages: number): void;
  dropped(messages: number): void;
  offence(offence: Offence, error: unknown): void;
}

/** The stream on which we send our consensus messages to one peer, opened again for as long as the connection lives. */
export class OutboundLink {
  readonly connection: Connection;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: LinkEvents;
  readonly #outbox: Outbox;
  #stream: FramedStream | undefined;
  #accepted = false;
  #closed = false;
  #helloDue = false;
  #opening = false;
  #flushing = false;
  #failures = 0;
  #cancelRetry: () => void = () => undefined;

  constructor(connection: Connection, limits: OutboxLimits, clock: Clock, random: Random, events: LinkEvents) {
    this.connection = connection;
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
    this.#outbox = new Outbox(limits);
  }

  /** True while the peer has accepted our hello. */
  get accepted(): boolean {
    return this.#accepted;
  }

  get queued(): number {
    return this.#outbox.size;
  }

  /** Opens the stream, or presents the present certificate on it. */
  present(): void {
    if (this.#closed || this.#opening) return;
    this.#cancelRetry();
    if (this.#stream === undefined) {
      void this.#open();
      return;
    }
    this.#helloDue = true;
    this.#flush();
  }

  /** Queues a message; all of one turn of the event loop share frames. */
  push(message: Uint8Array): void {
    const dropped = this.#outbox.push(message);
    if (dropped > 0) this.#events.dropped(dropped);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#stream?.abort('link closed');
    const lost = this.#outbox.clear();
    if (lost > 0) this.#events.dropped(lost);
  }

  async #open(): Promise<void> {
    const hello = this.#events.hello();
    if (hello === undefined) return;
    this.#opening = true;
    try {
      const stream = await this.connection.newStream(CONSENSUS_PROTOCOL, {
        signal: AbortSignal.timeout(NEGOTIATION_TIMEOUT_ms),
      });
      const framed: FramedStream = new FramedStream(stream, MAX_HANDSHAKE_BYTES, this.#clock, {
        frame: (frame) => this.#onFrame(frame),
        writable: () => this.#flush(),
        broken: (offence, error) => this.#events.offence(offence, error),
        closed: () => this.#onClosed(framed),
      });
      if (this.#closed) {
        framed.abort('link closed');
        return;
      }
      this.#stream = framed;
      framed.write(encodeFrame(FRAME_HELLO, hello));
    } catch {
      this.#retry();
    } finally {
      this.#opening = false;
    }
  }

  #onFrame({ kind, payload }: Frame): void {
    if (kind !== FRAME_VERDICT) {
      this.#stream?.abort('unexpected frame');
      this.#events.offence('frame_malformed', undefined);
      return;
    }
    const verdict = decodeVerdict(payload);
    if (!verdict.accepted) {
      this.#events.refused(verdict);
      return;
    }
    this.#failures = 0;
    if (this.#accepted) return;
    this.#accepted = true;
    this.#events.accepted();
    this.#flush();
  }

  #flush(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (this.#helloDue && stream.writable) {
      const hello = this.#events.hello();
      this.#helloDue = false;
      if (hello !== undefined) stream.write(encodeFrame(FRAME_HELLO, hello));
    }
    while (this.#accepted && stream.writable) {
      const before = this.#outbox.size;
      const frame = this.#outbox.nextFrame();
      if (frame === undefined) return;
      stream.write(frame);
      this.#events.sent(frame.length, before - this.#outbox.size);
    }
  }

  #onClosed(stream: FramedStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    stream.abort('ended by the peer');
    const was = this.#accepted;
    this.#accepted = false;
    if (this.#closed) return;
    if (was) this.#events.lost();
    this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    const delay_ms = backoff_ms(this.#failures++, this.#random.fraction());
    this.#cancelRetry = this.#clock.after(delay_ms, () => this.present());
  }
}
