import { CodedError } from '../../../runtime/errors.ts';
import { publicKeyOf, sign } from '../../../wasm/ed25519.ts';
import { sha3_256, sha256 } from '../../../wasm/hash.ts';
import { decodeCanonical, encodeCanonical, type Format, isUint64, NETWORK_ID } from './canonical.ts';
import type { ChainErrorCode } from './errors.ts';
import type { Evidence } from './evidence.ts';
import { TransactionSchema } from './gen/transaction_pb.ts';
import { toHex } from './hex.ts';
import { checkMessage, decodeMessage, encodeMessage, type Message, signerOf } from './messages.ts';
import { MAX_TRANSACTION_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './sizes.ts';

export { MAX_TRANSACTION_BYTES };

const TYPE_URL_PREFIX = 'type.googleapis.com/';
const NONCE = /^[ -~]{1,64}$/;

export interface UnsignedTransaction {
  message: Message;
  /** 1 to 64 printable ASCII characters; makes equal payments different. Unordered. */
  nonce: string;
  /** The network that it is for; empty (with height 0) in the form of the earlier client, which only some networks admit. */
  networkId: string;
  /** Last height at which it may be committed. */
  validUntilHeight: bigint;
}

/** Evidence carries neither key nor signature: both are empty there, and nowhere else. */
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

/**
 * Reads a transaction and checks its form: everything but the signature itself and the state.
 * @throws TX_* of errors.ts
 */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const wire = decodeCanonical(TRANSACTION, bytes);
  const typeUrl = wire.msg?.typeUrl ?? '';
  const type = typeUrl.startsWith(TYPE_URL_PREFIX) ? typeUrl.slice(TYPE_URL_PREFIX.length) : '';
  const message = decodeMessage(type, wire.msg?.value ?? new Uint8Array());
  const isSigned = wire.signature !== undefined;
  check(
    !isSigned || signerOf(message) !== null,
    'TX_EVIDENCE_INVALID',
    'evidence proves itself: leave the signature out',
  );
  const transaction: Transaction = {
    message,
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
  const { message, publicKey, signature } = transaction;
  const signed = signerOf(message) === null ? {} : { signature: { publicKey, signature } };
  return encodeCanonical(TransactionSchema, { ...unsignedFields(transaction), ...signed });
}

/**
 * The one transaction that carries this evidence.
 * @param maxAge_blocks `validator_max_evidence_age_in_blocks` of the network
 * @throws TX_EVIDENCE_INVALID
 */
export function evidenceTransaction(evidence: Evidence, networkId: string, maxAge_blocks: bigint): Uint8Array {
  const message: Message = { ...evidence, type: 'utility.MessageDoubleSign' };
  return encodeTransaction({
    message,
    nonce: evidenceNonce(message),
    networkId,
    validUntilHeight: evidence.first.height + maxAge_blocks,
    publicKey: new Uint8Array(),
    signature: new Uint8Array(),
  });
}

/** Hex SHA-256 of the message, so that one piece of evidence has one encoding. */
function evidenceNonce(message: Message): string {
  return toHex(sha256(encodeMessage(message)));
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

function unsignedFields({ message, nonce, networkId, validUntilHeight }: UnsignedTransaction) {
  const msg = { typeUrl: TYPE_URL_PREFIX + message.type, value: encodeMessage(message) };
  return { msg, nonce, networkId, validUntilHeight };
}

function checkUnsigned(transaction: UnsignedTransaction): void {
  const { message, nonce, networkId } = transaction;
  checkMessage(message);
  check(nonce !== '', 'TX_NONCE_EMPTY', 'a transaction needs a nonce: 1 to 64 printable ASCII characters');
  check(NONCE.test(nonce), 'TX_NONCE_INVALID', 'a nonce is 1 to 64 printable ASCII characters', {
    length: nonce.length,
  });
  checkBinding(transaction);
  if (signerOf(message) !== null) return;
  check(networkId !== '', 'TX_BINDING_INVALID', 'evidence names its network and its last valid height');
  check(nonce === evidenceNonce(message), 'TX_EVIDENCE_INVALID', 'the nonce of evidence is the SHA-256 of its message');
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

function checkSignatureForm({ message, publicKey, signature }: Transaction): void {
  if (signerOf(message) === null) return;
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
