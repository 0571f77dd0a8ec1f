/**
 * How an actor declares what it understands. A protocol is data: the supervisor reads it to know which
 * threads to connect, the wire reads it to fix the msgpack records, and TypeScript reads it to check every
 * tell, ask and emit.
 */

/** Order of service: a lower lane waits while a higher one has messages. */
export type Lane = 'control' | 'consensus' | 'sync' | 'bulk';
export const LANES: readonly Lane[] = ['control', 'consensus', 'sync', 'bulk'];

/** A one-way message or an event, with the names of its fields in wire order. */
export interface MessageSpec<T> {
  readonly lane: Lane;
  readonly fields: readonly string[];
  /** Carries the type only; never set. */
  readonly type?: T;
}

/** A request with a reply. A caller that names no deadline gets `timeout_ms`. */
export interface QuestionSpec<Q, A> {
  readonly lane: Lane;
  readonly timeout_ms: number;
  readonly fields: readonly string[];
  readonly reply: readonly string[];
  readonly type?: [Q, A];
}

type AnyMessage = MessageSpec<object>;
type AnyQuestion = QuestionSpec<object, object>;

export interface Protocol {
  readonly name: string;
  readonly tell: Readonly<Record<string, AnyMessage>>;
  readonly ask: Readonly<Record<string, AnyQuestion>>;
  readonly emit: Readonly<Record<string, AnyMessage>>;
  /** Shapes of objects nested inside messages, each a list of field names in the order they are written. */
  readonly records: readonly (readonly string[])[];
}

/** Declares a one-way message or an event. */
export function message<T extends object>(lane: Lane, fields: readonly (keyof T & string)[]): MessageSpec<T> {
  return { lane, fields };
}

/** Declares a request and its reply. */
export function question<Q extends object, A extends object>(
  lane: Lane,
  timeout_ms: number,
  fields: readonly (keyof Q & string)[],
  reply: readonly (keyof A & string)[],
): QuestionSpec<Q, A> {
  return { lane, timeout_ms, fields, reply };
}

/** Declares a protocol; parts that are absent are empty. */
export function defineProtocol<
  const T extends Record<string, AnyMessage> = Record<never, never>,
  const A extends Record<string, AnyQuestion> = Record<never, never>,
  const E extends Record<string, AnyMessage> = Record<never, never>,
>(
  name: string,
  parts: { tell?: T; ask?: A; emit?: E; records?: readonly (readonly string[])[] },
): { name: string; tell: T; ask: A; emit: E; records: readonly (readonly string[])[] } {
  return {
    name,
    tell: parts.tell ?? ({} as T),
    ask: parts.ask ?? ({} as A),
    emit: parts.emit ?? ({} as E),
    records: parts.records ?? [],
  };
}

export type MessageOf<S> = S extends MessageSpec<infer T> ? T : never;
export type RequestOf<S> = S extends QuestionSpec<infer Q, object> ? Q : never;
export type ReplyOf<S> = S extends QuestionSpec<object, infer A> ? A : never;
