import { z } from 'zod';
import { CodedError } from '../../../../runtime/errors.ts';
import { decodeQc, MESSAGE_PROPOSE, MESSAGE_VOTE } from '../../../pocket/chain/consensus.ts';
import { fromHex, toHex } from '../../../pocket/chain/hex.ts';
import type { RecordContent, RecordOwner } from './record.ts';

/** A record on its way to another machine: all that the key has promised, and no key. */
export interface Exported extends RecordContent {
  readonly owner: RecordOwner;
}

const FORMAT = 'potoroo-signer-record';
const VERSION = 1;

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be ${bytes} bytes in hex`);
const qc = z
  .string()
  .regex(/^([0-9a-f]{2})+$/)
  .nullable();
/** As a decimal text: JSON numbers end at 2^53. */
const height = z
  .string()
  .regex(/^(0|[1-9]\d{0,18})$/, 'must be a decimal number')
  .transform(BigInt);
const round = z.int().min(0).max(0xffffffff);

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  network: z.string().min(1).max(64),
  address: hex(20),
  height,
  round,
  step: z.int().min(0).max(5),
  prepare_qc: qc,
  locked_qc: qc,
  /** Messages of the view of height and round. */
  signed: z
    .array(
      z.strictObject({
        type: z.enum(['propose', 'vote']),
        step: z.int().min(1).max(5),
        digest: hex(32),
        signature: hex(64),
      }),
    )
    .max(10),
  floor: height,
  fresh: z.boolean(),
  stale: z.strictObject({ height, round }).nullable(),
});

/** The text of an export; `parseExport` reads it. */
export function formatExport({ owner, state, guard }: Exported): string {
  const optional = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes));
  const document = {
    format: FORMAT,
    version: VERSION,
    network: owner.networkId,
    address: toHex(owner.address),
    height: String(state.height),
    round: state.round,
    step: state.step,
    prepare_qc: optional(state.prepareQc),
    locked_qc: optional(state.lockedQc),
    signed: state.signed.map(({ type, step, digest, signature }) => ({
      type: type === MESSAGE_VOTE ? 'vote' : 'propose',
      step,
      digest: toHex(digest),
      signature: toHex(signature),
    })),
    floor: String(guard.floor),
    fresh: guard.fresh,
    stale: guard.stale === null ? null : { height: String(guard.stale.height), round: guard.stale.round },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** @param name how messages call the file @throws CodedError SIGNER_EXPORT_INVALID */
export function parseExport(text: string, name: string): Exported {
  const parsed = schema.safeParse(jsonOf(text, name));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw invalid(name, `${path.join('.') || 'the file'}: ${message}`);
  }
  const { network, address, height, round, step, floor, fresh, stale, ...rest } = parsed.data;
  const signed = rest.signed.map((one) => ({
    type: one.type === 'vote' ? MESSAGE_VOTE : MESSAGE_PROPOSE,
    step: one.step,
    digest: fromHex(one.digest),
    signature: fromHex(one.signature),
  }));
  if (new Set(signed.map((one) => `${one.type}/${one.step}`)).size < signed.length) {
    throw invalid(name, 'signed: two messages have one place');
  }
  const prepareQc = qcAt(name, 'prepare_qc', rest.prepare_qc, height);
  const lockedQc = qcAt(name, 'locked_qc', rest.locked_qc, height);
  return {
    owner: { address: fromHex(address), networkId: network },
    state: { height, round, step, signed, prepareQc, lockedQc },
    guard: { floor, fresh, stale },
  };
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(name, 'it is not JSON');
  }
}

/** A lock of another height would bind nothing, or too much. */
function qcAt(name: string, key: string, text: string | null, height: bigint): Uint8Array | null {
  if (text === null) return null;
  const bytes = fromHex(text);
  try {
    if (decodeQc(bytes).height === height) return bytes;
  } catch {
    throw invalid(name, `${key}: is no quorum certificate`);
  }
  throw invalid(name, `${key}: is of another height`);
}

function invalid(name: string, reason: string): CodedError {
  return new CodedError(
    'SIGNER_EXPORT_INVALID',
    `${name} is not what \`potoroo signer export\` writes (${reason}): export again, do not edit the file`,
    { file: name },
  );
}
