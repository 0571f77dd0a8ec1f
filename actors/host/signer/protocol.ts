import { defineProtocol, question } from '../../../runtime/protocol.ts';

/** What a consensus message says; the signer builds the signed bytes itself, so they cannot differ from it. */
export interface SignRequest {
  /** MESSAGE_PROPOSE or MESSAGE_VOTE of pocket/chain. */
  type: number;
  height: bigint;
  round: number;
  /** STEP_NEWROUND … STEP_DECIDE of pocket/chain. */
  step: number;
  /** 32 bytes, or null at NEWROUND. */
  blockHash: Uint8Array | null;
  /** Canonical bytes of the QC that the message carries, or null. */
  justify: Uint8Array | null;
}

/** What the signer remembers on disk; consensus restores its lock from it. */
export interface SafetyRecord {
  /** Where the last signature was given; 0, 0, 0 for none. */
  height: bigint;
  round: number;
  step: number;
  /** Canonical bytes of the highest prepareQC and of the lockedQC, or null. */
  prepareQc: Uint8Array | null;
  lockedQc: Uint8Array | null;
}

/**
 * The validator key and the safety rules. Asking again with the same request gives the same signature, so
 * whoever lost an answer repeats the ask.
 */
export const signerProtocol = defineProtocol('signer', {
  ask: {
    /** The validator's public key (32 bytes) and address (20 bytes). */
    identity: question<object, { publicKey: Uint8Array; address: Uint8Array }>(
      'control',
      5_000,
      [],
      ['publicKey', 'address'],
    ),
    /** @throws SIGN_CONFLICT, SIGN_BEHIND, SIGN_LOCKED: the request breaks a safety rule; nothing was signed. */
    sign: question<SignRequest, { signature: Uint8Array }>(
      'consensus',
      5_000,
      ['type', 'height', 'round', 'step', 'blockHash', 'justify'],
      ['signature'],
    ),
    /**
     * The VRF proof (80 bytes, RFC 9381) with which this validator stands for the lead of a round: chain/sortition.ts. It
     * binds nobody to anything, so no record is kept of it.
     * @throws SORTITION_INVALID
     */
    prove: question<{ height: bigint; round: number; parentHash: Uint8Array }, { proof: Uint8Array }>(
      'consensus',
      5_000,
      ['height', 'round', 'parentHash'],
      ['proof'],
    ),
    record: question<object, SafetyRecord>('control', 5_000, [], ['height', 'round', 'step', 'prepareQc', 'lockedQc']),
    /** A consensus-stream certificate for this node's libp2p peer id (canonical bytes). */
    certify: question<{ peerId: string; expires_ms: number }, { certificate: Uint8Array }>(
      'control',
      5_000,
      ['peerId', 'expires_ms'],
      ['certificate'],
    ),
  },
});
export type SignerProtocol = typeof signerProtocol;
