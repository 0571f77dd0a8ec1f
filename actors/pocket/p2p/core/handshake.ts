import { CodedError, hasCode } from '../../../../runtime/errors.ts';
import { decodeCertificate, verifyCertificate } from '../../chain/certificate.ts';
import { toHex } from '../../chain/hex.ts';
import type { Offence } from './score.ts';

/** Version of the protocols of this folder. Two nodes of different versions refuse each other. */
export const P2P_VERSION = 1;

/** A hello and a verdict fit: a certificate has at most 1 KB. */
export const MAX_HANDSHAKE_BYTES = 4 * 1024;
const MAX_NETWORK_ID_BYTES = 64;
const MAX_CODE_BYTES = 64;
const MAX_REASON_BYTES = 512;

/** What a consensus stream opens with. The version comes first, and stays first in every version. */
export interface Hello {
  readonly version: number;
  readonly networkId: string;
  /** Canonical bytes of a stream certificate; empty from a node without a validator key. */
  readonly certificate: Uint8Array;
}

/** The answer. A refused peer learns why, so that its operator can read it in the log. */
export interface Verdict {
  readonly accepted: boolean;
  /** Stable code of the refusal; empty when accepted. */
  readonly code: string;
  readonly reason: string;
}

export function encodeHello({ version, networkId, certificate }: Hello): Uint8Array {
  const id = new TextEncoder().encode(networkId);
  const bytes = new Uint8Array(3 + id.length + certificate.length);
  new DataView(bytes.buffer).setUint16(0, version);
  bytes[2] = id.length;
  bytes.set(id, 3);
  bytes.set(certificate, 3 + id.length);
  return bytes;
}

/** @throws HELLO_MALFORMED, HELLO_WRONG_VERSION */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.length < 3) throw malformed();
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
  if (version !== P2P_VERSION) {
    throw new CodedError('HELLO_WRONG_VERSION', `this node speaks p2p version ${P2P_VERSION}, the peer ${version}`, {
      ours: P2P_VERSION,
      theirs: version,
    });
  }
  const length = bytes[2]!;
  if (length === 0 || length > MAX_NETWORK_ID_BYTES || bytes.length < 3 + length) throw malformed();
  const networkId = ascii(bytes.subarray(3, 3 + length));
  return { version, networkId, certificate: bytes.subarray(3 + length) };
}

export function encodeVerdict({ accepted, code, reason }: Verdict): Uint8Array {
  const codeBytes = new TextEncoder().encode(code).subarray(0, MAX_CODE_BYTES);
  const reasonBytes = new TextEncoder().encode(reason).subarray(0, MAX_REASON_BYTES);
  const bytes = new Uint8Array(2 + codeBytes.length + reasonBytes.length);
  bytes[0] = accepted ? 1 : 0;
  bytes[1] = codeBytes.length;
  bytes.set(codeBytes, 2);
  bytes.set(reasonBytes, 2 + codeBytes.length);
  return bytes;
}

/** Codes and reasons are made printable: they go to a log. @throws HELLO_MALFORMED */
export function decodeVerdict(bytes: Uint8Array): Verdict {
  const length = bytes[1];
  if (length === undefined || bytes[0]! > 1 || length > MAX_CODE_BYTES || bytes.length < 2 + length) throw malformed();
  const code = bytes.subarray(2, 2 + length);
  const reason = bytes.subarray(2 + length, 2 + length + MAX_REASON_BYTES);
  return { accepted: bytes[0] === 1, code: ascii(code), reason: ascii(reason) };
}

/** What a hello is judged by. */
export interface Judge {
  readonly networkId: string;
  /** Text form of the peer id that libp2p has proven. */
  readonly peerId: string;
  readonly now_ms: number;
  /** True for the hex address of a validator. */
  isValidator(address: string): boolean;
  /** Whether one more peer that is no validator may stay. */
  readonly roomForObserver: boolean;
}

export type Judgement =
  | {
      readonly accepted: true;
      /** Proven by the certificate, hex; empty without one. */
      readonly address: string;
      readonly expires_ms: number;
    }
  | { readonly accepted: false; readonly offence: Offence; readonly code: string; readonly reason: string };

/** Decides whether the peer behind a hello may stay, and as whom. Never throws. */
export function judgeHello(payload: Uint8Array, judge: Judge): Judgement {
  try {
    return judgeDecoded(decodeHello(payload), judge);
  } catch (error) {
    const { code, message } = error as CodedError;
    return { accepted: false, offence: offenceOf(error), code, reason: message };
  }
}

function judgeDecoded({ networkId, certificate }: Hello, judge: Judge): Judgement {
  if (networkId !== judge.networkId) {
    throw new CodedError('HELLO_WRONG_NETWORK', `this node is of network ${judge.networkId}, the peer of ${networkId}`);
  }
  const isShown = certificate.length > 0;
  // Who is no validator may become one: its address is kept, and it need not come again.
  const address = isShown ? toHex(verifyCertificate(certificate, judge)) : '';
  const expires_ms = isShown ? decodeCertificate(certificate).expires_ms : Number.POSITIVE_INFINITY;
  if (!judge.isValidator(address) && !judge.roomForObserver) {
    throw new CodedError('HELLO_OBSERVERS_FULL', 'this node has no room for another peer that is no validator');
  }
  return { accepted: true, address, expires_ms };
}

function offenceOf(error: unknown): Offence {
  if (hasCode(error, 'HELLO_WRONG_VERSION')) return 'wrong_version';
  if (hasCode(error, 'HELLO_WRONG_NETWORK') || hasCode(error, 'CERTIFICATE_WRONG_NETWORK')) return 'wrong_network';
  if (hasCode(error, 'HELLO_OBSERVERS_FULL')) return 'observers_full';
  if (hasCode(error, 'HELLO_MALFORMED')) return 'hello_malformed';
  return hasCode(error, 'CERTIFICATE_EXPIRED') ? 'certificate_expired' : 'certificate_invalid';
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes).replace(/[^ -~]/g, '?');
}

function malformed(): CodedError {
  return new CodedError('HELLO_MALFORMED', 'the first frame of the stream is not a handshake');
}
