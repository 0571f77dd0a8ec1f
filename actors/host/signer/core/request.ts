import { CodedError } from '../../../../runtime/errors.ts';
import {
  decodeQc,
  MESSAGE_PROPOSE,
  MESSAGE_VOTE,
  type QuorumCertificate,
  STEP_DECIDE,
  STEP_NEWROUND,
} from '../../../pocket/chain/consensus.ts';
import type { SignRequest } from '../protocol.ts';

/** Widths of the fields on the wire: uint64 and uint32. */
const MAX_HEIGHT = 2n ** 64n - 1n;
const MAX_ROUND = 2 ** 32 - 1;
const HASH_BYTES = 32;

/** A request whose form is right, with its QC decoded. */
export interface CheckedRequest extends SignRequest {
  readonly justifyQc: QuorumCertificate | null;
}

/** The refusal of what is no message that may be signed. */
export function invalid(reason: string): CodedError {
  return new CodedError('SIGN_INVALID', `The signer refuses the request: ${reason}. This is a bug in the asker.`);
}

/** Checks the form of a request, which depends neither on what was signed before nor on the rules. @throws SIGN_INVALID, QC_* */
export function checkRequest(request: SignRequest): CheckedRequest {
  const { type, height, round, step, blockHash, justify } = request;
  if (type !== MESSAGE_PROPOSE && type !== MESSAGE_VOTE) throw invalid('its type is neither proposal nor vote');
  if (!Number.isInteger(step) || step < STEP_NEWROUND || step > STEP_DECIDE) throw invalid('its step is unknown');
  if (type === MESSAGE_VOTE && (step === STEP_NEWROUND || step === STEP_DECIDE)) {
    throw invalid('nobody votes at this step');
  }
  if (typeof height !== 'bigint' || height < 1n || height > MAX_HEIGHT) throw invalid('its height is out of range');
  if (!Number.isInteger(round) || round < 0 || round > MAX_ROUND) throw invalid('its round is out of range');
  checkBlockHash(step, blockHash);
  if (justify !== null && !(justify instanceof Uint8Array)) throw invalid('its justification is not bytes');
  // A copy: the record keeps it, and would keep the whole message that it came in.
  const qc = justify === null ? null : Uint8Array.from(justify);
  const justifyQc = qc === null ? null : decodeQc(qc);
  return { type, height, round, step, blockHash, justify: qc, justifyQc };
}

function checkBlockHash(step: number, blockHash: Uint8Array | null): void {
  if (step === STEP_NEWROUND) {
    if (blockHash !== null) throw invalid('a NEWROUND names no block');
  } else if (!(blockHash instanceof Uint8Array) || blockHash.length !== HASH_BYTES) {
    throw invalid('the block hash is not 32 bytes');
  }
}
