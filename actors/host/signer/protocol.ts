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

/** One of those who decide a height. */
export interface Voter {
  /** 20 bytes. */
  address: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** What its vote weighs, as chain/validators.ts has it. */
  power: bigint;
}

/** A committed header that changed who decides, with its proof. */
export interface ShownHeader {
  /** Canonical bytes of the header. */
  header: Uint8Array;
  /** Canonical bytes of its commit QC. */
  commitQc: Uint8Array;
  /** Who decides from the next height on: those of its `nextValSetHash`. */
  validators: Voter[];
}

/**
 * The validator key and the safety rules. Asking again with the same request gives the same signature, so
 * whoever lost an answer repeats the ask. Where the signer is another process, every ask may fail with
 * SIGNER_UNREACHABLE while it is away: it passes, and the ask is repeated.
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
    /**
     * Asks for a signature. Nothing was signed if it throws.
     * @throws SIGN_CONFLICT, SIGN_BEHIND, SIGN_LOCKED, SIGN_BELOW_FLOOR: the request breaks a safety rule
     * @throws SIGNER_RECORD_STALE: nothing will be signed until an operator has decided
     */
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
    /** What the signer remembers; consensus takes its lock from it. */
    record: question<object, SafetyRecord>('control', 5_000, [], ['height', 'round', 'step', 'prepareQc', 'lockedQc']),
    /**
     * Shows the signer a quorum certificate (canonical bytes) of the chain: the one of the tip at each start, those of
     * blocks that were synced, and whatever else names this key. It looks for a vote of its own key that its record does
     * not hold: then the record is an old copy or another signer uses the key, and from then on nothing is signed.
     * A record that was just made takes from the first one where the chain is. Cheap where nothing is news: no signature
     * is verified and nothing is written. May be repeated and shown in any order.
     * @returns ok: false once the signer refuses to sign because of what it was shown, now or before
     * @throws QC_*: the bytes are no certificate, or a fresh record was shown one that the validators did not sign
     */
    witness: question<{ qc: Uint8Array }, { ok: boolean }>('sync', 5_000, ['qc'], ['ok']),
    /**
     * Shows the signer a header that changed the set of validators (chain/light-client.ts), so that it can tell the
     * certificates of the heights after it. All such headers are shown, in order; repeats, and headers that change
     * nothing, are harmless. What is proven is kept over restarts; a signer that lost it begins at the genesis again.
     * @returns from: first height of the newest set known: changes at this height or later are still to be shown
     * @throws LIGHT_*, QC_*, HEADER_*, VALIDATORS_INVALID, SIGNER_VOTERS_FOREIGN: it does not follow; nothing is changed
     */
    trust: question<ShownHeader, { from: bigint }>('sync', 5_000, ['header', 'commitQc', 'validators'], ['from']),
    /** Where the signer is with `trust`: what to show it first after a start. */
    voters: question<object, { from: bigint }>('control', 5_000, [], ['from']),
    /** A consensus-stream certificate for this node's libp2p peer id (canonical bytes). */
    certify: question<{ peerId: string; expires_ms: number }, { certificate: Uint8Array }>(
      'control',
      5_000,
      ['peerId', 'expires_ms'],
      ['certificate'],
    ),
  },
  records: [['address', 'publicKey', 'power']],
});
export type SignerProtocol = typeof signerProtocol;
