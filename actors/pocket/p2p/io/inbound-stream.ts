import '../../../../net/promise-with-resolvers.ts';
import type { Stream } from '@libp2p/interface';
import { encodeFrame, type Frame } from '../../../../net/frame.ts';
import { FramedStream } from '../../../../net/framed-stream.ts';
import type { Clock } from '../../../../runtime/clock.ts';
import { FRAME_HELLO, FRAME_MESSAGES, FRAME_VERDICT } from '../core/frame-kinds.ts';
import { encodeVerdict, type Judgement, MAX_HANDSHAKE_BYTES } from '../core/handshake.ts';
import { decodeList } from '../core/list.ts';
import { MAX_FRAME_MESSAGES } from '../core/outbox.ts';
import type { Offence } from '../core/score.ts';

/** The hello is the first thing on a stream that was opened for it. */
const HELLO_TIMEOUT_ms = 5_000;
/** A verdict of refusal has this long to leave. */
const REFUSAL_TIMEOUT_ms = 1_000;
/** The longest delay of a timer. */
const MAX_DELAY_ms = 2 ** 31 - 1;

export interface InboundEvents {
  judge(hello: Uint8Array): Judgement;
  /** The peer is who it says; again at each renewal. */
  accepted(address: string): void;
  refused(code: string, reason: string, offence: Offence): void;
  /** From a proven validator, in one frame. */
  messages(messages: Uint8Array[], bytes: number): void;
  offence(offence: Offence, error?: unknown): void;
  closed(): void;
}

/** The stream that a peer opened to send us its consensus messages. */
export class InboundStream {
  readonly #framed: FramedStream;
  readonly #events: InboundEvents;
  readonly #clock: Clock;
  readonly #maxMessageBytes: number;
  /** Undefined until the hello was accepted. */
  #address: string | undefined;
  #refused = false;
  #cancelExpiry: () => void;

  constructor(stream: Stream, maxMessageBytes: number, clock: Clock, events: InboundEvents) {
    this.#events = events;
    this.#clock = clock;
    this.#maxMessageBytes = maxMessageBytes;
    this.#cancelExpiry = clock.after(HELLO_TIMEOUT_ms, () => this.#stop('handshake_timeout'));
    this.#framed = new FramedStream(stream, MAX_HANDSHAKE_BYTES, clock, {
      frame: (frame) => this.#onFrame(frame),
      writable: () => undefined,
      broken: (offence, error) => events.offence(offence, error),
      closed: () => {
        this.#cancelExpiry();
        if (!this.#refused) this.#framed.abort('ended by the peer');
        events.closed();
      },
    });
  }

  abort(reason: string): void {
    this.#framed.abort(reason);
  }

  #onFrame({ kind, payload }: Frame): void {
    if (this.#refused) return;
    if (kind === FRAME_HELLO) {
      this.#onHello(payload);
      return;
    }
    const offence = this.#objection(kind);
    if (offence !== undefined) {
      this.#stop(offence);
      return;
    }
    const limits = { maxItems: MAX_FRAME_MESSAGES, maxItemBytes: this.#maxMessageBytes };
    this.#events.messages(decodeList(payload, limits), payload.length);
  }

  #objection(kind: number): Offence | undefined {
    if (this.#address === undefined) return 'hello_malformed';
    if (kind !== FRAME_MESSAGES) return 'frame_malformed';
    return this.#address === '' ? 'message_unproven' : undefined;
  }

  #onHello(payload: Uint8Array): void {
    const judgement = this.#events.judge(payload);
    const { accepted } = judgement;
    const { code, reason } = accepted ? { code: '', reason: '' } : judgement;
    this.#framed.write(encodeFrame(FRAME_VERDICT, encodeVerdict({ accepted, code, reason })));
    this.#cancelExpiry();
    if (!judgement.accepted) {
      this.#refused = true;
      this.#framed.finish(REFUSAL_TIMEOUT_ms);
      this.#events.refused(judgement.code, judgement.reason, judgement.offence);
      return;
    }
    this.#address = judgement.address;
    // Room for the list's own length field, and for a largest message alone in its frame.
    this.#framed.maxPayloadBytes = this.#maxMessageBytes + MAX_HANDSHAKE_BYTES;
    const left_ms = Math.min(judgement.expires_ms - this.#clock.now(), MAX_DELAY_ms);
    this.#cancelExpiry = this.#clock.after(left_ms, () => this.#stop('certificate_expired'));
    this.#events.accepted(judgement.address);
  }

  #stop(offence: Offence): void {
    this.#framed.abort(offence);
    this.#events.offence(offence);
  }
}
