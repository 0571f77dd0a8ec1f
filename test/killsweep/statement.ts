import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/**
 * What a validator says in consensus, read from the bytes on the wire. Nothing of the node's own codecs, keys or rules is
 * used here: who judges a node must not repeat its mistakes.
 */
export interface Statement {
  /** 1: proposal, 2: vote. */
  readonly type: number;
  readonly height: bigint;
  readonly round: number;
  /** 1: NEWROUND … 5: DECIDE. */
  readonly step: number;
  /** Hex; empty at NEWROUND. */
  readonly blockHash: string;
  /** SHA-256 of the certificate that a proposal carries, hex; empty for none. */
  readonly justifyHash: string;
  readonly networkId: string;
  /** Of the signer, hex. */
  readonly address: string;
  /** Hex. */
  readonly signature: string;
}

export const PROPOSAL = 1;
export const VOTE = 2;
export const NEWROUND = 1;
export const DECIDE = 5;
export const STEP_NAMES = ['', 'NEWROUND', 'PREPARE', 'PRECOMMIT', 'COMMIT', 'DECIDE'] as const;

/** The only words of a text that all signatures begin with. */
const DOMAIN = 'potoroo/consensus/v1';
const WIRE_VERSION = 1n;

type Field = bigint | Uint8Array;

/** The last value of each field of a protobuf message of varints and byte strings; all values of `repeated`. */
function fieldsOf(bytes: Uint8Array, repeated: number[] = []): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error('a varint does not end');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    let value: Field = varint();
    if ((tag & 7n) === 2n) {
      const end = at + Number(value);
      if (end > bytes.length) throw new Error(`field ${number} is cut short`);
      value = bytes.subarray(at, end);
      at = end;
    } else if ((tag & 7n) !== 0n) throw new Error(`field ${number} is of an unknown kind`);
    fields.set(number, repeated.includes(number) ? [...(fields.get(number) ?? []), value] : [value]);
  }
  return fields;
}

function number(fields: Map<number, Field[]>, field: number): bigint {
  const [value = 0n] = fields.get(field) ?? [];
  if (typeof value !== 'bigint') throw new Error(`field ${field} is no number`);
  return value;
}

function bytesOf(fields: Map<number, Field[]>, field: number): Uint8Array {
  const [value = new Uint8Array()] = fields.get(field) ?? [];
  if (typeof value === 'bigint') throw new Error(`field ${field} is no byte string`);
  return value;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** What a message says, and what others have said in the certificates that it carries. @throws if it is no message */
export function readMessage(message: Uint8Array): { statement: Statement; certified: Statement[] } {
  const fields = fieldsOf(message);
  const signed = fieldsOf(bytesOf(fields, 8));
  const certificate = bytesOf(fields, 6);
  const statement: Statement = {
    type: Number(number(fields, 1)),
    height: number(fields, 2),
    step: Number(number(fields, 3)),
    round: Number(number(fields, 4)),
    blockHash: hex(bytesOf(fields, 9)),
    justifyHash: certificate.length === 0 ? '' : hex(sha256(certificate)),
    networkId: text(bytesOf(fields, 11)),
    address: text(bytesOf(signed, 2)),
    signature: hex(bytesOf(signed, 1)),
  };
  const { networkId } = statement;
  return { statement, certified: [...votesIn(certificate, networkId), ...roundsIn(bytesOf(fields, 13), networkId)] };
}

/** The votes that a certificate consists of: those of a leader for its own proposals are seen nowhere else. */
function votesIn(certificate: Uint8Array, networkId: string): Statement[] {
  if (certificate.length === 0) return [];
  const fields = fieldsOf(certificate);
  const votes = fieldsOf(bytesOf(fields, 5), [1]).get(1) ?? [];
  const common = {
    type: VOTE,
    height: number(fields, 1),
    round: Number(number(fields, 2)),
    step: Number(number(fields, 3)),
    blockHash: hex(bytesOf(fields, 6)),
    justifyHash: '',
    networkId,
  };
  return votes.map((vote) => {
    if (typeof vote === 'bigint') throw new Error('a certificate holds a number for a vote');
    const partial = fieldsOf(vote);
    return { ...common, address: text(bytesOf(partial, 2)), signature: hex(bytesOf(partial, 1)) };
  });
}

/** The NEWROUNDs that a timeout certificate consists of. */
function roundsIn(certificate: Uint8Array, networkId: string): Statement[] {
  if (certificate.length === 0) return [];
  const fields = fieldsOf(certificate, [4]);
  const common = {
    type: PROPOSAL,
    height: number(fields, 2),
    round: Number(number(fields, 3)),
    step: NEWROUND,
    blockHash: '',
    networkId,
  };
  return (fields.get(4) ?? []).map((one) => {
    if (typeof one === 'bigint') throw new Error('a timeout certificate holds a number for an entry');
    const entry = fieldsOf(one);
    const [address, justifyHash, signature] = [1, 2, 3].map((field) => hex(bytesOf(entry, field)));
    return { ...common, address: address!, justifyHash: justifyHash!, signature: signature! };
  });
}

/** The bytes that a statement's signature is for: nothing of a statement but the signature is left out. */
export function signedBytes(statement: Statement): Uint8Array {
  const { networkId, type, height, round, step, blockHash, justifyHash } = statement;
  return Buffer.concat([
    string(1, Buffer.from(DOMAIN)),
    string(2, Buffer.from(networkId)),
    unsigned(3, WIRE_VERSION),
    unsigned(4, BigInt(type)),
    unsigned(5, height),
    unsigned(6, BigInt(round)),
    unsigned(7, BigInt(step)),
    string(8, Buffer.from(blockHash, 'hex')),
    string(9, Buffer.from(justifyHash, 'hex')),
  ]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

function unsigned(field: number, value: bigint): Buffer {
  return value === 0n ? Buffer.alloc(0) : Buffer.concat([varint(BigInt(field) << 3n), varint(value)]);
}

function string(field: number, value: Buffer): Buffer {
  if (value.length === 0) return value;
  return Buffer.concat([varint((BigInt(field) << 3n) | 2n), varint(BigInt(value.length)), value]);
}

/** What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410). */
const DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Public keys by address, as a genesis file declares its validators. */
export function keysOf(genesisFile: string): Map<string, KeyObject> {
  const { validators } = JSON.parse(genesisFile) as { validators: { address: string; public_key: string }[] };
  return new Map(
    validators.map(({ address, public_key }) => {
      const key = Buffer.concat([DER_PREFIX, Buffer.from(public_key, 'hex')]);
      return [address, createPublicKey({ key, format: 'der', type: 'spki' })];
    }),
  );
}

/** True if the signature is the signer's. OpenSSL verifies here, the node has WebAssembly of its own. */
export function isProven(statement: Statement, keys: ReadonlyMap<string, KeyObject>): boolean {
  const key = keys.get(statement.address);
  return key !== undefined && verify(null, signedBytes(statement), key, Buffer.from(statement.signature, 'hex'));
}
