import { CodedError, hasCode } from '../../../runtime/errors.ts';
import { publicKeyOf, sign } from '../../../wasm/ed25519.ts';
import { sha3_256 } from '../../../wasm/hash.ts';
import { ADDRESS_BYTES } from './address.ts';
import { formatAmount, MAX_AMOUNT, parseAmount } from './amounts.ts';
import { decodeCanonical, encodeCanonical, type Format, isUint64, NETWORK_ID } from './canonical.ts';
import type { ChainErrorCode } from './errors.ts';
import { MessageSendSchema } from './gen/message_pb.ts';
import { TransactionSchema, type Transaction as WireTransaction } from './gen/transaction_pb.ts';
import { MAX_TRANSACTION_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './sizes.ts';

export { MAX_TRANSACTION_BYTES };

const TYPE_URL_PREFIX = 'type.googleapis.com/';
const NONCE = /^[ -~]{1,64}$/;

/** What a transaction asks for. `type` is the full protobuf name. */
interface Message {
  type: 'utility.MessageSend';
  /** 20 bytes. */
  from: Uint8Array;
  /** 20 bytes. */
  to: Uint8Array;
  /** uPOKT, at least 1. */
  amount: bigint;
}

export interface UnsignedTransaction {
  message: Message;
  /** 1 to 64 printable ASCII characters; makes equal payments different. Unordered. */
  nonce: string;
  /** The network that it is for; empty (with height 0) in the form of the earlier client, which only some networks admit. */
  networkId: string;
  /** Last height at which it may be committed. */
  validUntilHeight: bigint;
}

export interface Transaction extends UnsignedTransaction {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes, over signedBytes. */
  signature: Uint8Array;
}

const TRANSACTION: Format<typeof TransactionSchema> = {
  schema: TransactionSchema,
  name: 'transaction',
  prefix: 'TX',
  maxBytes: MAX_TRANSACTION_BYTES,
};
const MESSAGE_SEND: Format<typeof MessageSendSchema> = {
  schema: MessageSendSchema,
  name: 'utility.MessageSend',
  prefix: 'TX',
  maxBytes: MAX_TRANSACTION_BYTES,
};

/**
 * Reads a transaction and checks its form: everything but the signature itself and the state.
 * @throws TX_* of errors.ts
 */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const wire = decodeCanonical(TRANSACTION, bytes);
  const transaction: Transaction = {
    message: decodeMessage(wire),
    nonce: wire.nonce,
    networkId: wire.networkId,
    validUntilHeight: wire.validUntilHeight,
    publicKey: wire.signature?.publicKey ?? new Uint8Array(),
    signature: wire.signature?.signature ?? new Uint8Array(),
  };
  checkUnsigned(transaction);
  checkSignatureForm(transaction);
  return transaction;
}

/** @throws TX_*: only a transaction of valid form has an encoding. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  checkUnsigned(transaction);
  checkSignatureForm(transaction);
  const { publicKey, signature } = transaction;
  return encodeCanonical(TransactionSchema, { ...unsignedFields(transaction), signature: { publicKey, signature } });
}

/** What the sender signs: the canonical transaction without its signature. @throws TX_* */
export function signedBytes(transaction: UnsignedTransaction): Uint8Array {
  checkUnsigned(transaction);
  return encodeCanonical(TransactionSchema, unsignedFields(transaction));
}

/** By what a transaction is known: SHA3-256 of its canonical bytes. */
export function transactionHash(bytes: Uint8Array): Uint8Array {
  return sha3_256(bytes);
}

/** By what a replay is recognised: SHA3-256 of the signed bytes, the same however it is signed. */
export function replayKey(transaction: UnsignedTransaction): Uint8Array {
  return sha3_256(signedBytes(transaction));
}

/** Signs with a 32-byte ed25519 seed. @throws TX_* */
export function signTransaction(
  transaction: UnsignedTransaction,
  seed: Uint8Array,
): { bytes: Uint8Array; hash: Uint8Array } {
  const signature = sign(seed, signedBytes(transaction));
  const bytes = encodeTransaction({ ...transaction, publicKey: publicKeyOf(seed), signature });
  return { bytes, hash: transactionHash(bytes) };
}

function unsignedFields(transaction: UnsignedTransaction) {
  const { message, nonce, networkId, validUntilHeight } = transaction;
  const value = encodeCanonical(MessageSendSchema, {
    fromAddress: message.from,
    toAddress: message.to,
    amount: formatAmount(message.amount),
  });
  return { msg: { typeUrl: TYPE_URL_PREFIX + message.type, value }, nonce, networkId, validUntilHeight };
}

function decodeMessage(wire: WireTransaction): Message {
  const typeUrl = wire.msg?.typeUrl ?? '';
  if (wire.msg === undefined || typeUrl !== `${TYPE_URL_PREFIX}utility.MessageSend`) {
    throw new CodedError('TX_UNKNOWN_MESSAGE', 'this node knows no such message type', {
      type_url: typeUrl.slice(0, 128),
    });
  }
  const send = decodeCanonical(MESSAGE_SEND, wire.msg.value);
  return { type: 'utility.MessageSend', from: send.fromAddress, to: send.toAddress, amount: decodeAmount(send.amount) };
}

function decodeAmount(text: string): bigint {
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

function checkUnsigned(transaction: UnsignedTransaction): void {
  const { message, nonce } = transaction;
  checkAddress('from', message.from);
  checkAddress('to', message.to);
  if (message.amount <= 0n || message.amount > MAX_AMOUNT) throw invalidAmount(String(message.amount));
  check(nonce !== '', 'TX_NONCE_EMPTY', 'a transaction needs a nonce: 1 to 64 printable ASCII characters');
  check(NONCE.test(nonce), 'TX_NONCE_INVALID', 'a nonce is 1 to 64 printable ASCII characters', {
    length: nonce.length,
  });
  checkBinding(transaction);
}

/** Bound to a network and a last height, or to neither: half a binding protects nobody. */
function checkBinding({ networkId, validUntilHeight }: UnsignedTransaction): void {
  const unbound = networkId === '' && validUntilHeight === 0n;
  const bound = NETWORK_ID.test(networkId) && isUint64(validUntilHeight) && validUntilHeight > 0n;
  check(
    bound || unbound,
    'TX_BINDING_INVALID',
    'a transaction names both its network id (1 to 64 printable ASCII characters) and its last valid height (above 0)',
    { network_id: networkId.slice(0, 80), valid_until_height: validUntilHeight },
  );
}

function checkAddress(field: string, address: Uint8Array): void {
  check(address.length > 0, 'TX_ADDRESS_EMPTY', `the ${field} address is missing`, { field });
  check(address.length === ADDRESS_BYTES, 'TX_ADDRESS_LENGTH', `the ${field} address must be ${ADDRESS_BYTES} bytes`, {
    field,
    bytes: address.length,
  });
}

function checkSignatureForm({ publicKey, signature }: Transaction): void {
  const key_bytes = publicKey.length;
  const signature_bytes = signature.length;
  check(key_bytes > 0, 'TX_PUBLIC_KEY_EMPTY', 'the public key of the signer is missing');
  check(key_bytes === PUBLIC_KEY_BYTES, 'TX_PUBLIC_KEY_LENGTH', 'an ed25519 public key is 32 bytes', { key_bytes });
  check(signature_bytes > 0, 'TX_SIGNATURE_EMPTY', 'the transaction is not signed');
  check(signature_bytes === SIGNATURE_BYTES, 'TX_SIGNATURE_LENGTH', 'an ed25519 signature is 64 bytes', {
    signature_bytes,
  });
}

function check(ok: boolean, code: ChainErrorCode, message: string, data: Record<string, unknown> = {}): void {
  if (!ok) throw new CodedError(code, message, data);
}
