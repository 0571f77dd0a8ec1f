import type { Channel } from './channel.ts';
import type { Clock } from './clock.ts';
import { CodedError, type ErrorRecord, fromErrorRecord } from './errors.ts';
import { LANES, type Lane } from './protocol.ts';
import { errorBody, type Frame, type FrameCodec, OP, type Op, type WireEnvelope, weigh } from './wire.ts';

/**
 * What a sender may have on the way to one peer, by lane. Blocks travel in `consensus` and `sync`, transaction
 * batches in `bulk`: the bytes are a few of the largest of each, so a slow actor holds megabytes, not gigabytes.
 */
export const WINDOW: Readonly<Record<Lane, { messages: number; bytes: number }>> = {
  control: { messages: 256, bytes: 1 << 20 },
  consensus: { messages: 1024, bytes: 32 << 20 },
  sync: { messages: 64, bytes: 16 << 20 },
  bulk: { messages: 256, bytes: 16 << 20 },
};

/**
 * What may wait for the window on the sender's side, by lane; beyond that messages are refused. The bytes count in
 * windows: messages are small where many wait, and a thousand waiting blocks would be gigabytes.
 */
const WAITING_ROOM = 1024;
const WAITING_WINDOWS = 4;

/** Asks without an answer, per link: more means that the peer is stuck, and the asker should hear of it. */
const MAX_PENDING_ASKS = 4096;

/** Credit is given back once this part of a window is used up: often enough that no sender stalls. */
const CREDIT_PART = 4;

/** Bytes whose credit may stay unreturned while nothing else is said: a frame per small message would cost more. */
const CREDIT_RESIDUE = 64 << 10;

interface PendingAsk {
  resolve(body: unknown): void;
  reject(error: Error): void;
  cancel(): void;
}

interface Outgoing {
  envelope: WireEnvelope;
  weight: number;
}

interface SendLane {
  waiting: Outgoing[];
  waitingBytes: number;
  messages: number;
  bytes: number;
}

interface ReceiveLane {
  handled: number;
  bytes: number;
}

/** What a link tells its owner. */
export interface LinkEvents {
  /** A tell, ask, event or observe arrived; `finished` must be called with its weight once it is handled or refused. */
  receive(envelope: WireEnvelope, weight: number): void;
  /** Frames of the peer's present life arrive: the binding is acknowledged. */
  acknowledged(): void;
  /** The link is at its end: this side closed it, or the port closed. */
  closed(byUs: boolean): void;
  /** A message was refused for want of room, or a frame of a former life was discarded. */
  dropped(lane: Lane, reason: 'waiting_room_full' | 'peer_down' | 'stale_frame'): void;
}

export interface LinkOptions {
  peer: string;
  /** Lives of both ends. */
  own: number;
  theirs: number;
  channel: Channel;
  codec: FrameCodec;
  clock: Clock;
  /** Runs a task at the end of this event-loop turn. */
  schedule(task: () => void): void;
  events: LinkEvents;
}

/**
 * One end of the connection between two actors' present lives: packs what one turn says into one frame, keeps
 * to the peer's window, matches replies to asks. When either actor is replaced, a new link is made.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #send: Record<Lane, SendLane>;
  readonly #receive: Record<Lane, ReceiveLane>;
  readonly #asks = new Map<number, PendingAsk>();
  #outbox: WireEnvelope[] = [];
  #nextAsk = 1;
  #flushing = false;
  #acknowledged = false;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const sendLane = (): SendLane => ({ waiting: [], waitingBytes: 0, messages: 0, bytes: 0 });
    const receiveLane = (): ReceiveLane => ({ handled: 0, bytes: 0 });
    this.#send = { control: sendLane(), consensus: sendLane(), sync: sendLane(), bulk: sendLane() };
    this.#receive = { control: receiveLane(), consensus: receiveLane(), sync: receiveLane(), bulk: receiveLane() };
    options.channel.open(
      (bytes) => this.#onFrame(bytes),
      () => this.#end(false),
    );
    this.#post({ hello: true, envelopes: [] });
  }

  /** False while messages of any lane wait for the window. */
  get ready(): boolean {
    return !this.#closed && LANES.every((lane) => this.#send[lane].waiting.length === 0);
  }

  /** Sends a tell or event; false if it was dropped. */
  tell(op: Op, type: number, lane: Lane, body: object, trace: string): boolean {
    return this.#enqueue(lane, this.#envelope(op, type, 0, trace, 0, body));
  }

  /** Sends an ask; settles with the reply, the peer's error, or the link's own. */
  ask(
    op: Op,
    type: number,
    lane: Lane,
    body: object,
    options: { timeout_ms: number; trace: string },
  ): Promise<unknown> {
    const { clock, peer } = this.#options;
    if (this.#closed) return Promise.reject(restarted(peer));
    if (this.#asks.size >= MAX_PENDING_ASKS) return Promise.reject(full(peer));
    const id = this.#nextAsk++;
    const envelope = this.#envelope(op, type, id, options.trace, clock.now() + options.timeout_ms, body);
    if (!this.#enqueue(lane, envelope)) return Promise.reject(full(peer));
    return new Promise((resolve, reject) => {
      const cancel = clock.after(options.timeout_ms, () => {
        this.#asks.delete(id);
        reject(
          new CodedError('DEADLINE_EXCEEDED', `${peer} did not answer within ${options.timeout_ms} ms`, {
            peer,
            timeout_ms: options.timeout_ms,
          }),
        );
      });
      this.#asks.set(id, { resolve, reject, cancel });
    });
  }

  /** Answers an ask. Replies are as many as the asks, which are bounded, so they need no window. */
  reply(id: number, body: object, trace: string): void {
    if (!this.#closed) this.#push(this.#envelope(OP.reply, 0, id, trace, 0, body));
  }

  refuse(id: number, error: ErrorRecord, trace: string): void {
    if (!this.#closed) this.#push(this.#envelope(OP.error, 0, id, trace, 0, errorBody(error)));
  }

  /** Ends the link: what is on its way is lost, and every open ask fails with ACTOR_RESTARTED. */
  close(): void {
    this.#end(true);
  }

  #end(byUs: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.channel.close();
    for (const ask of this.#asks.values()) {
      ask.cancel();
      ask.reject(restarted(this.#options.peer));
    }
    this.#asks.clear();
    for (const lane of LANES) this.#send[lane].waiting.length = 0;
    this.#outbox = [];
    this.#options.events.closed(byUs);
  }

  #envelope(op: Op, type: number, id: number, trace: string, deadline_ms: number, body: unknown): WireEnvelope {
    const sent_us = Number(this.#options.clock.monotonic_ns() / 1000n);
    return { op, type, id, trace, sent_us, deadline_ms, body };
  }

  #enqueue(lane: Lane, envelope: WireEnvelope): boolean {
    if (this.#closed) {
      this.#options.events.dropped(lane, 'peer_down');
      return false;
    }
    const send = this.#send[lane];
    const outgoing = { envelope, weight: weigh(envelope.body) };
    if (send.waiting.length === 0 && hasRoom(lane, send, outgoing.weight)) {
      this.#dispatch(send, outgoing);
      return true;
    }
    if (!mayWait(lane, send, outgoing.weight)) {
      this.#options.events.dropped(lane, 'waiting_room_full');
      return false;
    }
    send.waiting.push(outgoing);
    send.waitingBytes += outgoing.weight;
    return true;
  }

  #dispatch(send: SendLane, outgoing: Outgoing): void {
    send.messages++;
    send.bytes += outgoing.weight;
    this.#push(outgoing.envelope);
  }

  #push(envelope: WireEnvelope): void {
    this.#outbox.push(envelope);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.schedule(() => {
      this.#flushing = false;
      if (!this.#closed) this.#post({ hello: false, envelopes: this.#outbox.splice(0) });
    });
  }

  #post(content: { hello: boolean; envelopes: WireEnvelope[] }): void {
    const { own, theirs, codec, channel } = this.#options;
    const handled = LANES.map((lane) => this.#receive[lane].handled);
    const weight = LANES.map((lane) => this.#receive[lane].bytes);
    for (const lane of LANES) this.#receive[lane] = { handled: 0, bytes: 0 };
    const frame: Frame = { from: own, to: theirs, hello: content.hello, handled, weight, envelopes: content.envelopes };
    channel.post(codec.encode(frame));
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#closed) return;
    const frame = this.#options.codec.decode(bytes);
    if (frame.from !== this.#options.theirs || frame.to !== this.#options.own) {
      this.#options.events.dropped('control', 'stale_frame');
      return;
    }
    if (!this.#acknowledged) {
      this.#acknowledged = true;
      this.#options.events.acknowledged();
    }
    this.#credit(frame);
    for (const envelope of frame.envelopes) this.#deliver(envelope);
  }

  #credit(frame: Frame): void {
    LANES.forEach((lane, index) => {
      const send = this.#send[lane];
      send.messages -= frame.handled[index] ?? 0;
      send.bytes -= frame.weight[index] ?? 0;
      while (send.waiting.length > 0 && hasRoom(lane, send, send.waiting[0]!.weight)) {
        const next = send.waiting.shift()!;
        send.waitingBytes -= next.weight;
        this.#dispatch(send, next);
      }
    });
  }

  #deliver(envelope: WireEnvelope): void {
    if (envelope.op === OP.reply || envelope.op === OP.error) {
      const ask = this.#asks.get(envelope.id);
      if (!ask) return;
      this.#asks.delete(envelope.id);
      ask.cancel();
      if (envelope.op === OP.reply) ask.resolve(envelope.body);
      else ask.reject(fromErrorRecord(envelope.body as ErrorRecord));
      return;
    }
    // Weighed before its handler can change it: credit that differs from what was spent would be lost for good.
    this.#options.events.receive(envelope, weigh(envelope.body));
  }

  /** Gives back the credit of one handled message: with the next frame, or by one of its own when it is due. */
  finished(lane: Lane, weight: number): void {
    const receive = this.#receive[lane];
    receive.handled++;
    receive.bytes += weight;
    const due = receive.handled * CREDIT_PART >= WINDOW[lane].messages || receive.bytes >= CREDIT_RESIDUE;
    if (!this.#closed && due) this.#flushSoon();
  }
}

function hasRoom(lane: Lane, send: SendLane, weight: number): boolean {
  const window = WINDOW[lane];
  // A message larger than the window travels alone rather than never.
  return send.messages < window.messages && (send.bytes <= CREDIT_RESIDUE || send.bytes + weight <= window.bytes);
}

function mayWait(lane: Lane, send: SendLane, weight: number): boolean {
  if (send.waiting.length >= WAITING_ROOM) return false;
  return send.waiting.length === 0 || send.waitingBytes + weight <= WAITING_WINDOWS * WINDOW[lane].bytes;
}

function restarted(peer: string): CodedError {
  return new CodedError('ACTOR_RESTARTED', `${peer} was restarted before it answered; ask again`, { peer });
}

function full(peer: string): CodedError {
  return new CodedError('MAILBOX_FULL', `${peer} has more work than it can take; slow down and ask again`, { peer });
}
