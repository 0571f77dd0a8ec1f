import { CodedError } from '../../../runtime/errors.ts';
import { verify, verifyBatch } from '../../../wasm/ed25519.ts';
import { sha256 } from '../../../wasm/hash.ts';
import { ADDRESS_BYTES } from './address.ts';
import {
  type CodePrefix,
  decodeCanonical,
  encodeCanonical,
  ensure,
  type Format,
  isUint32,
  isUint64,
  NETWORK_ID,
} from './canonical.ts';
import { VRF_PROOF_BYTES } from './ecvrf.ts';
import { ConsensusSignBytesSchema, HotstuffMessageSchema, QuorumCertificateSchema } from './gen/consensus_pb.ts';
import { compareBytes, fromHex, toHex } from './hex.ts';
import { HASH_BYTES, MAX_BLOCK_BYTES, MAX_QC_BYTES, MAX_TIMEOUT_CERTIFICATE_BYTES, SIGNATURE_BYTES } from './sizes.ts';
import { isQuorumOf, type Validator, type ValidatorSet } from './validators.ts';

export const STEP_NEWROUND = 1;
export const STEP_PREPARE = 2;
export const STEP_PRECOMMIT = 3;
export const STEP_COMMIT = 4;
export const STEP_DECIDE = 5;
export const MESSAGE_PROPOSE = 1;
export const MESSAGE_VOTE = 2;

const CONSENSUS_VERSION = 1;

export { MAX_QC_BYTES };

/** The largest block, both certificates and a kilobyte of the rest. */
const MAX_CONSENSUS_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_QC_BYTES + MAX_TIMEOUT_CERTIFICATE_BYTES + 1_024;

const NO_HASH = new Uint8Array();
const DOMAIN = 'potoroo/consensus/v1';
const ADDRESS_HEX = /^[0-9a-f]{40}$/;

export interface PartialSignature {
  /** 20 bytes. */
  address: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array;
}

/** More than two thirds of the validators voted for this block at this step. */
export interface QuorumCertificate {
  height: bigint;
  round: number;
  /** STEP_PREPARE, STEP_PRECOMMIT or STEP_COMMIT. */
  step: number;
  /** 32 bytes. */
  blockHash: Uint8Array;
  /** By ascending address. */
  signatures: PartialSignature[];
}

export interface ConsensusMessage {
  type: number;
  height: bigint;
  round: number;
  step: number;
  /** 32 bytes; null at NEWROUND and only there. */
  blockHash: Uint8Array | null;
  /** Canonical bytes of the block; in PREPARE proposals and only there. */
  block: Uint8Array | null;
  /** Canonical bytes of a QC; null in votes. */
  justify: Uint8Array | null;
  /** A candidate's VRF proof (chain/sortition.ts), 80 bytes; at NEWROUND and in PREPARE proposals, where leaders are drawn. */
  proof: Uint8Array | null;
  /** Canonical bytes of a timeout certificate for the round; in PREPARE proposals of rounds above 0 and only there. */
  timeout: Uint8Array | null;
  /** The sender, 20 bytes. */
  address: Uint8Array;
  /** 64 bytes, over consensusSignBytes. */
  signature: Uint8Array;
  networkId: string;
}

/** What a signature says. */
export interface SignedView {
  networkId: string;
  type: number;
  height: bigint;
  round: number;
  step: number;
  blockHash: Uint8Array | null;
  justify: Uint8Array | null;
}

const QC: Format<typeof QuorumCertificateSchema> = {
  schema: QuorumCertificateSchema,
  name: 'quorum certificate',
  prefix: 'QC',
  maxBytes: MAX_QC_BYTES,
};
const MESSAGE: Format<typeof HotstuffMessageSchema> = {
  schema: HotstuffMessageSchema,
  name: 'consensus message',
  prefix: 'CONSENSUS',
  maxBytes: MAX_CONSENSUS_MESSAGE_BYTES,
};

/** The signatures are sorted here. @throws QC_MALFORMED, QC_DUPLICATE_SIGNER */
export function encodeQc(qc: QuorumCertificate): Uint8Array {
  const signatures = [...qc.signatures].sort((a, b) => compareBytes(a.address, b.address));
  checkQc({ ...qc, signatures });
  return encodeCanonical(QuorumCertificateSchema, {
    height: qc.height,
    round: qc.round,
    step: qc.step,
    blockHash: qc.blockHash,
    version: CONSENSUS_VERSION,
    thresholdSignature: {
      signatures: signatures.map(({ address, signature }) => ({ address: toHex(address), signature })),
    },
  });
}

/** Reads a QC and checks its form; verifyQc checks what it claims. @throws QC_* */
export function decodeQc(bytes: Uint8Array): QuorumCertificate {
  const wire = decodeCanonical(QC, bytes);
  checkVersion(wire.version, 'QC');
  const { height, round, step, blockHash } = wire;
  const partials = wire.thresholdSignature?.signatures ?? [];
  const signatures = partials.map(({ address, signature }) => ({ address: addressIn(address, 'QC'), signature }));
  const qc = { height, round, step, blockHash, signatures };
  checkQc(qc);
  return qc;
}

/** @throws CONSENSUS_MALFORMED: only a message of valid form has an encoding. */
export function encodeConsensusMessage(message: ConsensusMessage): Uint8Array {
  checkMessage(message);
  const { type, height, step, round, networkId, signature } = message;
  return encodeCanonical(HotstuffMessageSchema, {
    type,
    height,
    step,
    round,
    networkId,
    ...(message.block && { block: message.block }),
    ...(message.justify && { quorumCertificate: message.justify }),
    ...(message.blockHash && { blockHash: message.blockHash }),
    partialSignature: { signature, address: toHex(message.address) },
    version: CONSENSUS_VERSION,
    ...(message.proof && { vrfProof: message.proof }),
    ...(message.timeout && { timeoutCertificate: message.timeout }),
  });
}

/**
 * Reads a message and checks its form. The block and the justify QC inside are not decoded; that the block has the
 * hash that the message names is for the caller to check.
 * @throws CONSENSUS_*
 */
export function decodeConsensusMessage(bytes: Uint8Array): ConsensusMessage {
  const wire = decodeCanonical(MESSAGE, bytes);
  checkVersion(wire.version, 'CONSENSUS');
  ensure(wire.partialSignature !== undefined, 'CONSENSUS', 'partial_signature', 'is missing');
  const { type, height, step, round, networkId, partialSignature } = wire;
  const message: ConsensusMessage = {
    type,
    height,
    round,
    step,
    blockHash: nullIfEmpty(wire.blockHash),
    block: nullIfEmpty(wire.block),
    justify: nullIfEmpty(wire.quorumCertificate),
    proof: nullIfEmpty(wire.vrfProof),
    timeout: nullIfEmpty(wire.timeoutCertificate),
    address: addressIn(partialSignature.address, 'CONSENSUS'),
    signature: partialSignature.signature,
    networkId,
  };
  checkMessage(message);
  return message;
}

/** The bytes that the sender of a message signs. */
export function consensusSignBytes(view: SignedView): Uint8Array {
  return signBytesOf(view, view.justify ? sha256(view.justify) : NO_HASH);
}

/** The same, where only the hash of the QC is at hand; empty for none. */
export function signBytesOf(view: Omit<SignedView, 'justify'>, justifyHash: Uint8Array): Uint8Array {
  const { networkId, type, height, round, step, blockHash } = view;
  return encodeCanonical(ConsensusSignBytesSchema, {
    domain: DOMAIN,
    networkId,
    version: CONSENSUS_VERSION,
    type,
    height,
    round,
    step,
    ...(blockHash && { blockHash }),
    justifyHash,
  });
}

/** The bytes that every signature of a QC signs. */
export function voteSignBytes(vote: Omit<SignedView, 'type' | 'justify'>): Uint8Array {
  return consensusSignBytes({ ...vote, type: MESSAGE_VOTE, justify: null });
}

/**
 * Checks who signed a message and answers its sender. Compare the message's network id with your own first: the
 * signature covers it, whatever it is.
 * @throws CONSENSUS_SIGNER_UNKNOWN, CONSENSUS_SIGNATURE_INVALID
 */
export function verifyConsensusMessage(message: ConsensusMessage, validators: ValidatorSet): Validator {
  const address = toHex(message.address);
  const validator = validators.byAddress(address);
  if (!validator) {
    throw new CodedError('CONSENSUS_SIGNER_UNKNOWN', 'the sender is not a validator at this height', { address });
  }
  if (!verify(validator.publicKey, consensusSignBytes(message), message.signature)) {
    throw new CodedError('CONSENSUS_SIGNATURE_INVALID', 'the signature does not fit the message', { address });
  }
  return validator;
}

/**
 * Checks that more than two thirds of the validators (of their powers), each counted once, voted for what the QC says.
 * @throws QC_DUPLICATE_SIGNER, QC_UNKNOWN_SIGNER, QC_TOO_FEW_SIGNERS, QC_SIGNATURE_INVALID
 */
export function verifyQc(qc: QuorumCertificate, validators: ValidatorSet, networkId: string): void {
  const signers = knownSigners(qc, validators);
  if (!isQuorumOf(validators, qc.signatures)) {
    throw new CodedError(
      'QC_TOO_FEW_SIGNERS',
      'a QC needs more than two thirds of the validators, or of their stakes',
      {
        signers: signers.size,
        validators: validators.list.length,
      },
    );
  }
  const { height, round, step, blockHash } = qc;
  const signed = voteSignBytes({ networkId, height, round, step, blockHash });
  const items = [...signers].map(([{ publicKey }, signature]) => ({ publicKey, message: signed, signature }));
  const wrong = verifyBatch(items).indexOf(false);
  if (wrong >= 0) {
    const [{ address }] = [...signers][wrong]!;
    throw new CodedError('QC_SIGNATURE_INVALID', 'a signature in the QC is wrong', { address: toHex(address) });
  }
}

function knownSigners(qc: QuorumCertificate, validators: ValidatorSet): Map<Validator, Uint8Array> {
  const signers = new Map<Validator, Uint8Array>();
  for (const { address, signature } of qc.signatures) {
    const hex = toHex(address);
    const validator = validators.byAddress(hex);
    if (!validator)
      throw new CodedError('QC_UNKNOWN_SIGNER', 'a signer of the QC is not a validator', { address: hex });
    if (signers.has(validator)) throw duplicateSigner(hex);
    signers.set(validator, signature);
  }
  return signers;
}

function duplicateSigner(address: string): CodedError {
  return new CodedError('QC_DUPLICATE_SIGNER', 'a validator stands twice in the QC', { address });
}

function checkQc(qc: QuorumCertificate): void {
  checkView(qc, 'QC');
  ensure(isVoteStep(qc.step), 'QC', 'step', 'must be PREPARE, PRECOMMIT or COMMIT');
  ensure(qc.blockHash.length === HASH_BYTES, 'QC', 'block_hash', 'must be 32 bytes');
  ensure(qc.signatures.length > 0, 'QC', 'threshold_signature', 'has no signature');
  let last: Uint8Array | null = null;
  for (const { address, signature } of qc.signatures) {
    ensure(address.length === ADDRESS_BYTES, 'QC', 'address', 'must be 20 bytes');
    ensure(signature.length === SIGNATURE_BYTES, 'QC', 'signature', 'must be 64 bytes');
    const order: number = last ? compareBytes(last, address) : -1;
    if (order === 0) throw duplicateSigner(toHex(address));
    ensure(order < 0, 'QC', 'threshold_signature', 'must be sorted by address');
    last = address;
  }
}

function checkMessage(message: ConsensusMessage): void {
  const { type, step, blockHash, block, justify, proof, timeout, address, signature, networkId } = message;
  checkView(message, 'CONSENSUS');
  const isVote = type === MESSAGE_VOTE;
  ensure(isVote || type === MESSAGE_PROPOSE, 'CONSENSUS', 'type', 'must be PROPOSE or VOTE');
  const isStep = isVote ? isVoteStep(step) : step >= STEP_NEWROUND && step <= STEP_DECIDE;
  ensure(isStep, 'CONSENSUS', 'step', 'is not one of this type of message');
  if (step === STEP_NEWROUND) ensure(blockHash === null, 'CONSENSUS', 'block_hash', 'must be absent at NEWROUND');
  else ensure(blockHash?.length === HASH_BYTES, 'CONSENSUS', 'block_hash', 'must be 32 bytes');
  const carriesBlock = !isVote && step === STEP_PREPARE;
  ensure(carriesBlock === (block !== null), 'CONSENSUS', 'block', 'travels in PREPARE proposals and only there');
  ensure(!isVote || justify === null, 'CONSENSUS', 'quorum_certificate', 'must be absent in votes');
  ensure(justify === null || justify.length <= MAX_QC_BYTES, 'CONSENSUS', 'quorum_certificate', 'is too large');
  const needsQc = !isVote && step >= STEP_PRECOMMIT;
  ensure(!needsQc || justify !== null, 'CONSENSUS', 'quorum_certificate', 'is missing');
  const needsTimeout = carriesBlock && message.round > 0;
  ensure(
    needsTimeout === (timeout !== null),
    'CONSENSUS',
    'timeout_certificate',
    'is for PREPARE proposals of later rounds',
  );
  const isSmall = timeout === null || timeout.length <= MAX_TIMEOUT_CERTIFICATE_BYTES;
  ensure(isSmall, 'CONSENSUS', 'timeout_certificate', 'is too large');
  const mayProve = !isVote && step <= STEP_PREPARE;
  const proofFits = proof === null || (mayProve && proof.length === VRF_PROOF_BYTES);
  ensure(proofFits, 'CONSENSUS', 'vrf_proof', 'has 80 bytes, at NEWROUND and in PREPARE proposals only');
  ensure(address.length === ADDRESS_BYTES, 'CONSENSUS', 'address', 'must be 20 bytes');
  ensure(signature.length === SIGNATURE_BYTES, 'CONSENSUS', 'signature', 'must be 64 bytes');
  ensure(NETWORK_ID.test(networkId), 'CONSENSUS', 'network_id', 'must be 1 to 64 printable ASCII characters');
}

/** Height 0 is genesis: nobody votes on it. */
function checkView({ height, round }: { height: bigint; round: number }, prefix: CodePrefix): void {
  ensure(isUint64(height) && height > 0n, prefix, 'height', 'must be from 1 to 2^64 - 1');
  ensure(isUint32(round), prefix, 'round', 'must be from 0 to 2^32 - 1');
}

function checkVersion(version: number, prefix: 'QC' | 'CONSENSUS'): void {
  if (version === CONSENSUS_VERSION) return;
  throw new CodedError(`${prefix}_VERSION_UNSUPPORTED`, `this node knows consensus version ${CONSENSUS_VERSION} only`, {
    version,
  });
}

function isVoteStep(step: number): boolean {
  return step === STEP_PREPARE || step === STEP_PRECOMMIT || step === STEP_COMMIT;
}

function addressIn(hex: string, prefix: CodePrefix): Uint8Array {
  ensure(ADDRESS_HEX.test(hex), prefix, 'address', 'must be 40 lower-case hex digits');
  return fromHex(hex);
}

function nullIfEmpty(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === 0 ? null : bytes;
}
