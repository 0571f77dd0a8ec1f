import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { CodedError, hasCode } from '../../../runtime/errors.ts';
import { ACTOR_APP, ACTOR_VALIDATOR } from './actor.ts';
import { ADDRESS_BYTES } from './address.ts';
import { formatAmount, MAX_AMOUNT, parseAmount } from './amounts.ts';
import { decodeCanonical, encodeCanonical } from './canonical.ts';
import type { ChainErrorCode } from './errors.ts';
import { type Evidence, evidenceProblem, type Statement } from './evidence.ts';
import {
  MessageDoubleSignSchema,
  MessageEditStakeSchema,
  MessagePauseSchema,
  MessageSendSchema,
  MessageStakeSchema,
  MessageUnpauseSchema,
  MessageUnstakeSchema,
  type Statement as WireStatement,
} from './gen/message_pb.ts';
import { isServiceUrl, MAX_URL_CHARACTERS, SERVICE_URL_FIX } from './service-url.ts';
import { MAX_TRANSACTION_BYTES, PUBLIC_KEY_BYTES } from './sizes.ts';

/** Moves uPOKT. */
export interface MessageSend {
  type: 'utility.MessageSend';
  /** 20 bytes. */
  from: Uint8Array;
  /** 20 bytes. */
  to: Uint8Array;
  /** uPOKT, at least 1. */
  amount: bigint;
}

/** Makes an actor. Its address, that of its operator, is that of the public key. */
export interface MessageStake {
  type: 'utility.MessageStake';
  /** ACTOR_APP … ACTOR_VALIDATOR, as in all messages below. */
  actorType: number;
  /** Of the operator, 32 bytes. */
  publicKey: Uint8Array;
  /** Ids of relay chains, four characters each. */
  chains: string[];
  /** uPOKT, at least 1. */
  amount: bigint;
  /** As in Actor. */
  serviceUrl: string;
  /** Who gets the stake back, 20 bytes. */
  output: Uint8Array;
  /** Who pays: operator or output. 20 bytes, as in all messages below. */
  signer: Uint8Array;
}

/** Raises a stake, and replaces chains and service URL. */
export interface MessageEditStake {
  type: 'utility.MessageEditStake';
  actorType: number;
  /** Of the actor, 20 bytes. */
  address: Uint8Array;
  chains: string[];
  /** The whole stake from now on, not the difference. */
  amount: bigint;
  serviceUrl: string;
  signer: Uint8Array;
}

interface MessageOnActor<T extends string> {
  type: T;
  actorType: number;
  /** Of the actor, 20 bytes. */
  address: Uint8Array;
  signer: Uint8Array;
}
export type MessageUnstake = MessageOnActor<'utility.MessageUnstake'>;
export type MessagePause = MessageOnActor<'utility.MessagePause'>;
export type MessageUnpause = MessageOnActor<'utility.MessageUnpause'>;

/** Proves that a validator has signed two things that exclude each other. Nobody signs or pays for it. */
interface MessageDoubleSign extends Evidence {
  type: 'utility.MessageDoubleSign';
}

/** What a transaction asks for. `type` is the full protobuf name. */
export type Message =
  | MessageSend
  | MessageStake
  | MessageEditStake
  | MessageUnstake
  | MessagePause
  | MessageUnpause
  | MessageDoubleSign;

/** The bytes of one type of message, and the form that it must have. */
interface Codec<M> {
  encode(message: M): Uint8Array;
  decode(bytes: Uint8Array): M;
  check(message: M): void;
}

function codec<M extends Message, D extends DescMessage>(
  type: M['type'],
  schema: D,
  rest: {
    wire(message: M): MessageInitShape<D>;
    read(wire: MessageShape<D>): Omit<M, 'type'>;
    check(message: M): void;
  },
): Codec<M> {
  const format = { schema, name: type, prefix: 'TX' as const, maxBytes: MAX_TRANSACTION_BYTES };
  return {
    encode: (message) => encodeCanonical(schema, rest.wire(message)),
    decode: (bytes) => ({ ...rest.read(decodeCanonical(format, bytes)), type }) as M,
    check: rest.check,
  };
}

const onActor = {
  wire: ({ actorType, address, signer }: { actorType: number; address: Uint8Array; signer: Uint8Array }) => ({
    actorType,
    address,
    signer,
  }),
  read: ({ actorType, address, signer }: { actorType: number; address: Uint8Array; signer: Uint8Array }) => ({
    actorType,
    address,
    signer,
  }),
  check: checkOnActor,
};

const CODECS: { readonly [T in Message['type']]: Codec<Extract<Message, { type: T }>> } = {
  'utility.MessageSend': codec<MessageSend, typeof MessageSendSchema>('utility.MessageSend', MessageSendSchema, {
    wire: ({ from, to, amount }) => ({ fromAddress: from, toAddress: to, amount: formatAmount(amount) }),
    read: ({ fromAddress, toAddress, amount }) => ({ from: fromAddress, to: toAddress, amount: readAmount(amount) }),
    check(message) {
      checkAddress('from', message.from);
      checkAddress('to', message.to);
      checkAmount(message.amount);
    },
  }),
  'utility.MessageStake': codec<MessageStake, typeof MessageStakeSchema>('utility.MessageStake', MessageStakeSchema, {
    wire: ({ output, amount, ...rest }) => ({ ...rest, amount: formatAmount(amount), outputAddress: output }),
    read: ({ actorType, publicKey, chains, amount, serviceUrl, outputAddress, signer }) => ({
      ...{ actorType, publicKey, chains, serviceUrl, signer },
      amount: readAmount(amount),
      output: outputAddress,
    }),
    check(message) {
      check(
        message.publicKey.length === PUBLIC_KEY_BYTES,
        'TX_PUBLIC_KEY_LENGTH',
        'an ed25519 public key is 32 bytes',
        {
          key_bytes: message.publicKey.length,
        },
      );
      checkAddress('output', message.output);
      checkAddress('signer', message.signer);
      checkStake(message);
    },
  }),
  'utility.MessageEditStake': codec<MessageEditStake, typeof MessageEditStakeSchema>(
    'utility.MessageEditStake',
    MessageEditStakeSchema,
    {
      wire: ({ amount, ...rest }) => ({ ...rest, amount: formatAmount(amount) }),
      read: ({ actorType, address, chains, amount, serviceUrl, signer }) => ({
        ...{ actorType, address, chains, serviceUrl, signer },
        amount: readAmount(amount),
      }),
      check(message) {
        checkOnActor(message);
        checkStake(message);
      },
    },
  ),
  'utility.MessageUnstake': codec<MessageUnstake, typeof MessageUnstakeSchema>(
    'utility.MessageUnstake',
    MessageUnstakeSchema,
    onActor,
  ),
  'utility.MessagePause': codec<MessagePause, typeof MessagePauseSchema>(
    'utility.MessagePause',
    MessagePauseSchema,
    onActor,
  ),
  'utility.MessageUnpause': codec<MessageUnpause, typeof MessageUnpauseSchema>(
    'utility.MessageUnpause',
    MessageUnpauseSchema,
    onActor,
  ),
  'utility.MessageDoubleSign': codec<MessageDoubleSign, typeof MessageDoubleSignSchema>(
    'utility.MessageDoubleSign',
    MessageDoubleSignSchema,
    {
      wire: ({ first, second, address }) => ({ first, second, address }),
      read: ({ first, second, address }) => ({ first: readStatement(first), second: readStatement(second), address }),
      check(message) {
        const problem = evidenceProblem(message);
        check(problem === null, 'TX_EVIDENCE_INVALID', `the evidence shows nothing: ${problem}`);
      },
    },
  ),
};

/** Canonical bytes of a message, without its type. */
export function encodeMessage(message: Message): Uint8Array {
  return codecOf(message).encode(message);
}

/** Reads a message; its form is for checkMessage. @throws TX_* */
export function decodeMessage(type: string, bytes: Uint8Array): Message {
  if (Object.hasOwn(CODECS, type)) return CODECS[type as Message['type']].decode(bytes);
  throw new CodedError('TX_UNKNOWN_MESSAGE', 'this node knows no such message type', { type: type.slice(0, 128) });
}

/** Checks what the message says of itself. @throws TX_* */
export function checkMessage(message: Message): void {
  codecOf(message).check(message);
}

/** Who signs and pays, 20 bytes; null for evidence, which proves itself. */
export function signerOf(message: Message): Uint8Array | null {
  if (message.type === 'utility.MessageSend') return message.from;
  return message.type === 'utility.MessageDoubleSign' ? null : message.signer;
}

/** Names of the actor types in parameters, by type. */
const ACTOR_PARAM_NAMES = ['', 'app', 'servicer', 'fisherman', 'validator'] as const;

/** Name of the governance parameter that says what the message costs; null for what is free. */
export function feeParam(message: Message): string | null {
  if (message.type === 'utility.MessageSend') return 'message_send_fee';
  if (message.type === 'utility.MessageDoubleSign') return null;
  const verbs = {
    'utility.MessageStake': 'stake',
    'utility.MessageEditStake': 'edit_stake',
    'utility.MessageUnstake': 'unstake',
    'utility.MessagePause': 'pause',
    'utility.MessageUnpause': 'unpause',
  } as const;
  return `message_${verbs[message.type]}_${ACTOR_PARAM_NAMES[message.actorType]}_fee`;
}

function codecOf(message: Message): Codec<Message> {
  return CODECS[message.type] as Codec<Message>;
}

function checkOnActor(message: { actorType: number; address: Uint8Array; signer: Uint8Array }): void {
  checkActorType(message.actorType);
  checkAddress('actor', message.address);
  checkAddress('signer', message.signer);
}

function checkStake(message: { actorType: number; chains: string[]; amount: bigint; serviceUrl: string }): void {
  const { actorType, chains, amount, serviceUrl } = message;
  checkActorType(actorType);
  checkAmount(amount);
  for (const id of chains) {
    check(/^[0-9A-Za-z]{4}$/.test(id), 'TX_CHAINS_INVALID', 'the id of a relay chain is four letters or digits');
  }
  check(new Set(chains).size === chains.length, 'TX_CHAINS_INVALID', 'a relay chain is named twice');
  // Nobody calls an application.
  const isReached = actorType === ACTOR_APP ? serviceUrl.length <= MAX_URL_CHARACTERS : isServiceUrl(serviceUrl);
  check(isReached, 'TX_SERVICE_URL_INVALID', `the service URL is wrong: ${SERVICE_URL_FIX}`, {
    service_url: serviceUrl.slice(0, 80),
  });
}

function checkActorType(type: number): void {
  const known = type >= ACTOR_APP && type <= ACTOR_VALIDATOR;
  check(known, 'TX_ACTOR_TYPE', 'the actor type must be from 1 to 4', { actor_type: type });
}

function checkAddress(field: string, address: Uint8Array): void {
  check(address.length > 0, 'TX_ADDRESS_EMPTY', `the ${field} address is missing`, { field });
  check(address.length === ADDRESS_BYTES, 'TX_ADDRESS_LENGTH', `the ${field} address must be ${ADDRESS_BYTES} bytes`, {
    field,
    bytes: address.length,
  });
}

function checkAmount(amount: bigint): void {
  if (amount <= 0n || amount > MAX_AMOUNT) throw invalidAmount(String(amount));
}

function readAmount(text: string): bigint {
  try {
    return parseAmount(text);
  } catch (error) {
    if (!hasCode(error, 'AMOUNT_INVALID')) throw error;
    throw invalidAmount(text.slice(0, 80));
  }
}

function invalidAmount(value: string): CodedError {
  const problem =
    value === '0'
      ? 'zero'
      : /^-[0-9]+$/.test(value)
        ? 'negative'
        : /^[1-9][0-9]*$/.test(value)
          ? 'too large'
          : 'not a plain base-10 number';
  return new CodedError('TX_AMOUNT_INVALID', `the amount is ${problem}: it must be from 1 to ${MAX_AMOUNT} uPOKT`, {
    value,
    problem,
  });
}

/** A statement that is missing becomes one that no check lets through. */
function readStatement(wire: WireStatement | undefined): Statement {
  const { type, height, round, step, blockHash, justifyHash, signature } = wire ?? {
    ...{ type: 0, height: 0n, round: 0, step: 0 },
    ...{ blockHash: new Uint8Array(), justifyHash: new Uint8Array(), signature: new Uint8Array() },
  };
  return { type, height, round, step, blockHash, justifyHash, signature };
}

function check(ok: boolean, code: ChainErrorCode, message: string, data: Record<string, unknown> = {}): void {
  if (!ok) throw new CodedError(code, message, data);
}
