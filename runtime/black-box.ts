import { getHeapStatistics } from 'node:v8';
import type { Op } from './wire.ts';

/**
 * What a thread keeps in shared memory: the beat of its event loop, its figures, and the last messages it began
 * with. The supervisor reads it while the thread is blocked and after it is dead, when nobody can be asked.
 */

/** Messages remembered: enough to see what led to a death, and one page of a report. */
const SLOTS = 32;

/** Positions in the head of the box, in numbers of 8 bytes. */
const HEAD = { beats: 0, beat_ms: 1, heap: 2, heapLimit: 3, external: 4, cpu_s: 5, begun: 6, blamed: 7 };
const HEAD_FIELDS = 8;

/** Positions in a slot. */
const SLOT = { sequence: 0, at_ms: 1, from: 2, op: 3, type: 4, fingerprint: 5, state: 6 };
const SLOT_FIELDS = 7;

/** `running` is inside of its handler's synchronous part; there is at most one. */
const STATE = { done: 0, running: 1, waiting: 2 } as const;

/** In place of the message that is to blame. */
const NOBODY = -1;

/** Memory for one life of one thread. */
export function blackBoxMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * (HEAD_FIELDS + SLOTS * SLOT_FIELDS));
}

/** A message about to be handled. */
export interface BoxedMessage {
  readonly from: string;
  readonly op: Op;
  readonly type: number;
  readonly fingerprint: number;
}

/** The thread's end. */
export class BlackBox {
  readonly #box: Float64Array;
  readonly #names: ReadonlyMap<string, number>;
  #begun = 0;
  #running = 0;

  /** @param names every name that may send a message; the reader needs the same list */
  constructor(memory: SharedArrayBuffer, names: readonly string[]) {
    this.#box = new Float64Array(memory);
    this.#names = new Map(names.map((name, index) => [name, index]));
  }

  /** The event loop turned. @param cpu_s CPU time of the thread so far */
  beat(now_ms: number, cpu_s: number): void {
    const heap = getHeapStatistics();
    const box = this.#box;
    box[HEAD.beat_ms] = now_ms;
    box[HEAD.heap] = heap.used_heap_size;
    box[HEAD.heapLimit] = heap.heap_size_limit;
    box[HEAD.external] = heap.external_memory;
    box[HEAD.cpu_s] = cpu_s;
    box[HEAD.beats]!++;
  }

  /** Its handler is called next; returns the number under which it is known here. */
  begin(message: BoxedMessage, now_ms: number): number {
    const sequence = ++this.#begun;
    const at = slotAt(sequence);
    const box = this.#box;
    box[at + SLOT.sequence] = sequence;
    box[at + SLOT.at_ms] = now_ms;
    box[at + SLOT.from] = this.#names.get(message.from) ?? -1;
    box[at + SLOT.op] = message.op;
    box[at + SLOT.type] = message.type;
    box[at + SLOT.fingerprint] = message.fingerprint;
    box[at + SLOT.state] = STATE.running;
    this.#running = sequence;
    box[HEAD.begun] = sequence;
    return sequence;
  }

  /** The handler has returned and is not done. */
  waits(sequence: number): void {
    this.#running = 0;
    this.#set(sequence, STATE.waiting);
  }

  /** The handler is done. */
  ends(sequence: number): void {
    if (this.#running === sequence) this.#running = 0;
    this.#set(sequence, STATE.done);
  }

  /** The actor ends by the fault of this message. */
  blame(sequence: number): void {
    this.#box[HEAD.blamed] = sequence;
  }

  /** Whatever the actor ends by now is no message's fault: it was ordered. */
  absolve(): void {
    this.blame(NOBODY);
  }

  /** The actor ends by the fault of the message whose handler runs now, if one does. */
  blameRunning(): void {
    if (this.#running !== 0) this.blame(this.#running);
  }

  /** A slot may belong to a later message by now. */
  #set(sequence: number, state: number): void {
    const at = slotAt(sequence);
    if (this.#box[at + SLOT.sequence] === sequence) this.#box[at + SLOT.state] = state;
  }
}

/** One remembered message, as it is read. */
export interface RecordedMessage extends BoxedMessage {
  readonly at_ms: number;
  readonly inHand: boolean;
}

/** What a box says. */
export interface BlackBoxReading {
  /** Turns of the event loop that were counted. */
  readonly beats: number;
  /** When the last one was, ms; 0 before the first. */
  readonly beat_ms: number;
  readonly heap_bytes: number;
  readonly heapLimit_bytes: number;
  readonly external_bytes: number;
  readonly cpu_s: number;
}

/** The figures of a box. */
export function readFigures(memory: SharedArrayBuffer): BlackBoxReading {
  const box = new Float64Array(memory);
  return {
    beats: box[HEAD.beats]!,
    beat_ms: box[HEAD.beat_ms]!,
    heap_bytes: box[HEAD.heap]!,
    heapLimit_bytes: box[HEAD.heapLimit]!,
    external_bytes: box[HEAD.external]!,
    cpu_s: box[HEAD.cpu_s]!,
  };
}

/** The last messages, oldest first. @param names the list that the thread was given */
export function readMessages(memory: SharedArrayBuffer, names: readonly string[]): RecordedMessage[] {
  const box = new Float64Array(memory);
  const begun = box[HEAD.begun]!;
  const messages: RecordedMessage[] = [];
  for (let sequence = Math.max(1, begun - SLOTS + 1); sequence <= begun; sequence++) {
    messages.push(messageAt(box, sequence, names));
  }
  return messages;
}

/**
 * The message that a death is to be blamed on: the one that the thread itself named; where it could not
 * (`unforeseen`: stalled, out of memory, exited), the one whose handler was running. One that only waited may have had
 * no part in it, and to refuse it in the next life would do harm.
 */
export function readBlamed(
  memory: SharedArrayBuffer,
  names: readonly string[],
  unforeseen: boolean,
): RecordedMessage | null {
  const box = new Float64Array(memory);
  const named = box[HEAD.blamed]!;
  if (named === NOBODY) return null;
  if (named > 0) return box[slotAt(named) + SLOT.sequence] === named ? messageAt(box, named, names) : null;
  if (!unforeseen) return null;
  const begun = box[HEAD.begun]!;
  const states = Array.from({ length: Math.min(begun, SLOTS) }, (_, back) => begun - back);
  const blamed = states.find((one) => box[slotAt(one) + SLOT.state] === STATE.running);
  return blamed === undefined ? null : messageAt(box, blamed, names);
}

function slotAt(sequence: number): number {
  return HEAD_FIELDS + (sequence % SLOTS) * SLOT_FIELDS;
}

function messageAt(box: Float64Array, sequence: number, names: readonly string[]): RecordedMessage {
  const at = slotAt(sequence);
  return {
    at_ms: box[at + SLOT.at_ms]!,
    from: names[box[at + SLOT.from]!] ?? '?',
    op: box[at + SLOT.op]! as Op,
    type: box[at + SLOT.type]!,
    fingerprint: box[at + SLOT.fingerprint]!,
    inHand: box[at + SLOT.state] !== STATE.done,
  };
}
