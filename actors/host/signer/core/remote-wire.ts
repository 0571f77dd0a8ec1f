import { Packr } from 'msgpackr';
import { z } from 'zod';
import { CodedError, type ErrorRecord } from '../../../../runtime/errors.ts';
import type { ReplyOf, RequestOf } from '../../../../runtime/protocol.ts';
import { MAX_QC_BYTES } from '../../../pocket/chain/sizes.ts';
import { MAX_VALIDATORS } from '../../../pocket/chain/validators.ts';
import type { SignerProtocol } from '../protocol.ts';

/**
 * What a node and its remote signer say to each other: frames on one long-lived stream, a request of the node, the
 * answer of the signer, matched by an id. Payloads are msgpack maps; both ends check what they get against the schemas
 * below, so that a wrong peer costs a connection and nothing else.
 */
export const REMOTE_PROTOCOL = '/potoroo/signer/1';
export const FRAME_REQUEST = 1;
export const FRAME_ANSWER = 2;
/** The largest request shows a header, in which there is a QC, its own QC, and a full set of validators. */
export const MAX_REMOTE_BYTES = 3 * MAX_QC_BYTES;
/** A QC and some: what a header has besides is small. */
const MAX_HEADER_BYTES = MAX_QC_BYTES + 16_384;

type Questions = SignerProtocol['ask'];
interface Identity {
  publicKey: Uint8Array;
  address: Uint8Array;
}

/** Everything that can be asked over the connection: what a signer is asked, and first of all who it is. */
export type RemoteAsks = { [K in keyof Questions]: { body: RequestOf<Questions[K]>; reply: ReplyOf<Questions[K]> } } & {
  /** Opens a stream: one network on both ends. */
  hello: { body: { networkId: string }; reply: Identity };
};
export type RemoteAsk = keyof RemoteAsks;

const bytes = (least: number, most: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= least && value.length <= most);
const qc = bytes(1, MAX_QC_BYTES);
const height = z.bigint().min(0n);
const round = z.int().min(0).max(0xffffffff);
const identity = z.strictObject({ publicKey: bytes(32, 32), address: bytes(20, 20) });
const nothing = z.strictObject({});

const BODIES: { [K in RemoteAsk]: z.ZodType<RemoteAsks[K]['body']> } = {
  hello: z.strictObject({ networkId: z.string().min(1).max(64) }),
  identity: nothing,
  sign: z.strictObject({
    type: z.int(),
    height,
    round,
    step: z.int(),
    blockHash: bytes(32, 32).nullable(),
    justify: qc.nullable(),
  }),
  prove: z.strictObject({ height, round, parentHash: bytes(32, 32) }),
  record: nothing,
  witness: z.strictObject({ qc }),
  trust: z.strictObject({
    header: bytes(1, MAX_HEADER_BYTES),
    commitQc: qc,
    validators: z
      .array(z.strictObject({ address: bytes(20, 20), publicKey: bytes(32, 32), power: z.bigint().min(1n) }))
      .max(MAX_VALIDATORS),
  }),
  voters: nothing,
  certify: z.strictObject({ peerId: z.string().max(128), expires_ms: z.number() }),
};

const REPLIES: { [K in RemoteAsk]: z.ZodType<RemoteAsks[K]['reply']> } = {
  hello: identity,
  identity,
  sign: z.strictObject({ signature: bytes(64, 64) }),
  prove: z.strictObject({ proof: bytes(80, 80) }),
  record: z.strictObject({
    height,
    round,
    step: z.int().min(0).max(5),
    prepareQc: qc.nullable(),
    lockedQc: qc.nullable(),
  }),
  witness: z.strictObject({ ok: z.boolean() }),
  trust: z.strictObject({ from: height }),
  voters: z.strictObject({ from: height }),
  certify: z.strictObject({ certificate: bytes(1, 1_024) }),
};

const id = z.int().min(0).max(0xffffffff);
const requestSchema = z.strictObject({ id, ask: z.enum(Object.keys(BODIES) as [RemoteAsk]), body: z.unknown() });
const answerSchema = z.strictObject({
  id,
  body: z.unknown().optional(),
  error: z
    .strictObject({
      code: z.string().min(1).max(64),
      message: z.string().max(4_096),
      data: z.record(z.string(), z.unknown()),
    })
    .optional(),
});

/** A request, by the name of what is asked. */
export type RemoteRequest = { [K in RemoteAsk]: { id: number; ask: K; body: RemoteAsks[K]['body'] } }[RemoteAsk];

/** What of an answer does not depend on what was asked. */
export type RemoteAnswer = { id: number } & ({ body: unknown } | { error: ErrorRecord });

/** No records: they would make the meaning of a frame depend on the frames before it. */
const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' });

export function encodeRequest(request: RemoteRequest): Uint8Array {
  return packr.pack(request);
}

/** @throws SIGNER_LINK_MALFORMED */
export function decodeRequest(payload: Uint8Array): RemoteRequest {
  const { id, ask, body } = checked(requestSchema, unpacked(payload));
  return { id, ask, body: checked(BODIES[ask], body) } as RemoteRequest;
}

export function encodeAnswer(answer: RemoteAnswer): Uint8Array {
  return packr.pack(answer);
}

/** The body is checked by `replyOf`, once it is known what was asked. @throws SIGNER_LINK_MALFORMED */
export function decodeAnswer(payload: Uint8Array): RemoteAnswer {
  const { id, body, error } = checked(answerSchema, unpacked(payload));
  return error === undefined ? { id, body } : { id, error };
}

/** @throws SIGNER_LINK_MALFORMED */
export function replyOf<K extends RemoteAsk>(ask: K, body: unknown): RemoteAsks[K]['reply'] {
  return checked(REPLIES[ask], body);
}

function unpacked(payload: Uint8Array): unknown {
  try {
    return packr.unpack(payload);
  } catch {
    throw malformed('it is not msgpack');
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw malformed(`${path.join('.') || 'frame'}: ${message}`);
}

function malformed(reason: string): CodedError {
  return new CodedError(
    'SIGNER_LINK_MALFORMED',
    `The other end of the signer connection sent what is not of this version (${reason}): use the same one on both sides.`,
    { reason },
  );
}
