/** Signatures for the tests of Ed25519, good and bad ones, and the verdict of another implementation on them. */
import { createHash, randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { publicKeyOf, sign } from './ed25519.ts';
import type { SignedMessage } from './verify-format.ts';

export interface Case extends SignedMessage {
  readonly name: string;
}

/** p and L, and a y coordinate of the points of order 8. */
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
export const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SIGN = 1n << 255n;

export const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** RFC 8032, section 7.1: seed, public key, message, signature. */
export const RFC_8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

export function littleEndian(n: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}

function numberOf(littleEndianBytes: Uint8Array): bigint {
  return littleEndianBytes.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
}

const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** The 8 canonical encodings of points of small order and the 6 non-canonical ones: 14 in all. */
function smallOrderEncodings(): Uint8Array[] {
  // x = 0 for y = 1 and y = -1, so the encodings with the sign bit are non-canonical there; so is y = 1 + p and,
  // for y = 0 (x = ±sqrt(-1)), y = p.
  return [1n, P - 1n, 0n, Y8, P - Y8, P, P + 1n].flatMap((y) => [littleEndian(y), littleEndian(y | SIGN)]);
}

/** A signature with torsion: the key is A + T, the commitment R + U, of which the cofactored equation takes no notice. */
export function signWithTorsion(
  message: Uint8Array,
  keyTorsion: Uint8Array,
  commitmentTorsion: Uint8Array,
): SignedMessage {
  const { BASE, Fn, fromBytes } = pointClass();
  const { scalar } = ed25519.utils.getExtendedPublicKey(randomBytes(32));
  const r = Fn.create(numberOf(randomBytes(32)));
  const publicKey = BASE.multiply(scalar).add(fromBytes(keyTorsion)).toBytes();
  const commitment = BASE.multiply(r).add(fromBytes(commitmentTorsion)).toBytes();
  const k = numberOf(createHash('sha512').update(commitment).update(publicKey).update(message).digest());
  const s = Fn.add(r, Fn.mul(Fn.create(k), Fn.create(scalar)));
  return { publicKey, message, signature: joined(commitment, littleEndian(s)) };
}

function pointClass() {
  const { BASE, Fn } = ed25519.Point;
  return { BASE, Fn, fromBytes: (encoding: Uint8Array) => ed25519.Point.fromBytes(encoding, true) };
}

export function signed(seed: Uint8Array, message: Uint8Array): SignedMessage {
  return { publicKey: publicKeyOf(seed), message, signature: sign(seed, message) };
}

/** The verdict of noble. It throws for wrong lengths, which no signature has. */
export function expected({ publicKey, message, signature }: SignedMessage): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return ed25519.verify(signature, message, publicKey, { zip215: true });
}

/** S = 0 holds for all pairs of points of small order, and S = L would. */
export function smallOrderCases(): Case[] {
  const message = new TextEncoder().encode('Zcash');
  const encodings = smallOrderEncodings();
  return encodings.flatMap((publicKey, a) =>
    encodings.flatMap((commitment, r) =>
      [0n, L].map((s) => {
        const name = `points of small order ${a} and ${r}, S = ${s}`;
        return { name, publicKey, message, signature: joined(commitment, littleEndian(s)) };
      }),
    ),
  );
}

/** Keys and commitments with every torsion. */
export function torsionCases(): Case[] {
  const message = new TextEncoder().encode('torsion');
  const encodings = smallOrderEncodings().slice(0, 10);
  return encodings.flatMap((torsion, i) => {
    const other = encodings[(7 * i + 3) % encodings.length] as Uint8Array;
    return [
      { name: `key with torsion ${i}`, ...signWithTorsion(message, torsion, littleEndian(1n)) },
      { name: `commitment with torsion ${i}`, ...signWithTorsion(message, littleEndian(1n), torsion) },
      { name: `both with torsion ${i}`, ...signWithTorsion(message, torsion, other) },
    ];
  });
}

/** Encodings at the edges of the field and of limbs; most are of no point, or of one that nobody can sign for. */
function edgeEncodings(): bigint[] {
  const edges = [26n, 51n, 77n, 102n, 128n, 153n, 179n, 204n, 230n, 254n].flatMap((bit) => [
    1n << bit,
    (1n << bit) - 1n,
  ]);
  const above = Array.from({ length: 19 }, (_, i) => P + BigInt(i));
  return [2n, 3n, 4n, 5n, 18n, 19n, 20n, P - 2n, P - 19n, 2n ** 255n - 1n, ...edges, ...above];
}

/** One good signature, and what can be done to it. */
export function tamperedCases(): Case[] {
  const good = signed(new Uint8Array(32).fill(9), new TextEncoder().encode('tampered'));
  const { publicKey, message, signature } = good;
  const [commitment, response] = [signature.subarray(0, 32), signature.subarray(32)];
  const s = numberOf(response);
  const withS = (n: bigint): SignedMessage => ({ ...good, signature: joined(commitment, littleEndian(n)) });
  const zeros = new Uint8Array(32);
  const changed: [string, SignedMessage][] = [
    ['untouched', good],
    ['no message', { ...good, message: new Uint8Array(0) }],
    ['longer message', { ...good, message: joined(message, new Uint8Array(1)) }],
    ['opposite key', { ...good, publicKey: littleEndian(numberOf(publicKey) ^ SIGN) }],
    ['opposite commitment', { ...good, signature: joined(littleEndian(numberOf(commitment) ^ SIGN), response) }],
    ['halves exchanged', { ...good, signature: joined(response, commitment) }],
    ['all zeros', { ...good, signature: new Uint8Array(64) }],
    ['all ones', { ...good, signature: new Uint8Array(64).fill(255) }],
    ['zeros everywhere', { publicKey: zeros, message: zeros, signature: new Uint8Array(64) }],
    ['short key', { ...good, publicKey: publicKey.subarray(1) }],
    ['long key', { ...good, publicKey: joined(publicKey, zeros) }],
    ['short signature', { ...good, signature: signature.subarray(0, 63) }],
    ['long signature', { ...good, signature: joined(signature, new Uint8Array(1)) }],
    ['no signature', { ...good, signature: new Uint8Array(0) }],
    ...[
      0n,
      1n,
      s - 1n,
      s + 1n,
      L - s,
      L - 1n,
      L,
      L + 1n,
      s + L,
      s + 2n * L,
      s + 8n * L,
      s | SIGN,
      2n ** 253n,
      2n ** 256n - 1n,
    ].map((n): [string, SignedMessage] => [`S = ${n}`, withS(n)]),
    ...edgeEncodings().flatMap((y): [string, SignedMessage][] => [
      [`key ${y}`, { ...good, publicKey: littleEndian(y) }],
      [`key ${y} with sign`, { ...good, publicKey: littleEndian(y | SIGN) }],
      [`commitment ${y}`, { ...good, signature: joined(littleEndian(y), response) }],
    ]),
  ];
  return changed.map(([name, item]) => ({ name, ...item }));
}
