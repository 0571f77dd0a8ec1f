import { createHash, randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ed25519 } from '@noble/curves/ed25519.js';
import { addressOf } from '../../actors/pocket/chain/address.ts';
import { MessageSendSchema } from '../../actors/pocket/chain/gen/message_pb.ts';
import { TransactionSchema } from '../../actors/pocket/chain/gen/transaction_pb.ts';
import { publicKeyOf, sign } from '../../wasm/ed25519.ts';

/** A transaction field by field, for what the encoder of the chain refuses to write. */
export interface RawTransaction {
  readonly seed: Uint8Array;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly amount: string;
  readonly nonce: string;
  readonly networkId: string;
  readonly validUntilHeight: bigint;
  readonly typeUrl: string;
  readonly publicKey: Uint8Array;
  /** Undefined: the right one. */
  readonly signature: Uint8Array | undefined;
}

/** A valid payment of 1 uPOKT to another address, until `change` makes it something else. */
export function rawTransaction(
  seed: Uint8Array,
  network: { networkId: string; validUntilHeight: bigint },
  change: Partial<RawTransaction> = {},
): RawTransaction {
  const publicKey = publicKeyOf(seed);
  return {
    seed,
    from: addressOf(publicKey),
    to: new Uint8Array(20).fill(7),
    amount: '1',
    nonce: randomBytes(8).toString('hex'),
    typeUrl: 'type.googleapis.com/utility.MessageSend',
    publicKey,
    signature: undefined,
    ...network,
    ...change,
  };
}

/** Encodes what there is, without any check, and signs it unless it brings a signature. */
export function encodeRaw(raw: RawTransaction): Uint8Array {
  const { publicKey } = raw;
  const signature = raw.signature ?? sign(raw.seed, signedBytesOf(raw));
  return toBinary(
    TransactionSchema,
    create(TransactionSchema, { ...fieldsOf(raw), signature: { publicKey, signature } }),
  );
}

/** A second signature of the same bytes by the same key: as valid as the first, and other bytes. */
export function otherSignature(raw: RawTransaction): Uint8Array {
  const { Point } = ed25519;
  const { scalar } = ed25519.utils.getExtendedPublicKey(raw.seed);
  const order = Point.Fn.ORDER;
  const secret = (BigInt(`0x${randomBytes(32).toString('hex')}`) % (order - 1n)) + 1n;
  const commitment = Point.BASE.multiply(secret).toBytes();
  const digest = createHash('sha512').update(commitment).update(raw.publicKey).update(signedBytesOf(raw)).digest();
  const challenge = BigInt(`0x${digest.reverse().toString('hex')}`);
  const answer = (secret + challenge * scalar) % order;
  return Buffer.concat([commitment, Buffer.from(answer.toString(16).padStart(64, '0'), 'hex').reverse()]);
}

function signedBytesOf(raw: RawTransaction): Uint8Array {
  return toBinary(TransactionSchema, create(TransactionSchema, fieldsOf(raw)));
}

function fieldsOf({ from, to, amount, nonce, networkId, validUntilHeight, typeUrl }: RawTransaction) {
  const message = create(MessageSendSchema, { fromAddress: from, toAddress: to, amount });
  return { msg: { typeUrl, value: toBinary(MessageSendSchema, message) }, nonce, networkId, validUntilHeight };
}
