import { createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto';
import { publicKeyOf, sign } from '../../wasm/ed25519.ts';
import { Ed25519Kernel } from '../../wasm/ed25519-kernel.ts';
import { type Build, bestBuild } from '../../wasm/kernel.ts';
import type { SignedMessage } from '../../wasm/verify-format.ts';
import { type Candidate, compare } from './compare.ts';
import { libsodiumWrappers, nobleCurves, sodiumNative } from './peers.ts';
import { type Row, rowOf } from './row.ts';

/** Length of a small transaction. */
const MESSAGE_BYTES = 200;
/** Signatures of one call of those who verify one by one: more only take longer. */
const ONE_BY_ONE = 32;
/** noble needs a millisecond for one. */
const NOBLE = 4;
const KNOWN_SIGNERS = 16;
/** The kernel remembers 4,096 keys: of so many signers, it has forgotten one before he comes again. */
const STRANGERS = 3 * 4_096;

/** Sizes of batches, with what they are to reach. */
const SIZES = [
  [8, 2],
  [64, 4.4],
  [1_024, 6.8],
  [4_096, 7.4],
] as const;

interface Signed extends SignedMessage {
  readonly key: KeyObject;
}

/** Keys are made from seeds: Node 20 can lock itself up when it exports a key that it has generated. */
function signed(count: number, signers = count): Signed[] {
  const known = Array.from({ length: signers }, () => {
    const seed = new Uint8Array(randomBytes(32));
    const publicKey = publicKeyOf(seed);
    const x = Buffer.from(publicKey).toString('base64url');
    return { seed, publicKey, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) };
  });
  return Array.from({ length: count }, (_, i) => {
    const { seed, publicKey, key } = known[i % signers]!;
    const message = new Uint8Array(randomBytes(MESSAGE_BYTES));
    return { publicKey, message, signature: sign(seed, message), key };
  });
}

function sure(valid: boolean): void {
  if (!valid) throw new Error('a valid signature is refused');
}

/** Takes the next `count` of the items in every call, and begins anew after the last ones. */
function batch(name: string, build: Build, items: readonly Signed[], count: number): Candidate {
  const kernel = new Ed25519Kernel(build);
  let next = 0;
  return {
    name,
    operations: count,
    work: () => {
      sure(kernel.verifyBatch(items.slice(next, next + count)).every(Boolean));
      next = next + 2 * count > items.length ? 0 : next + count;
    },
  };
}

function oneByOne(name: string, items: readonly Signed[], valid: (item: Signed) => boolean): Candidate {
  return {
    name,
    operations: items.length,
    work: () => {
      for (const item of items) sure(valid(item));
    },
  };
}

/** The kernel in its best build first, then in the others. */
function builds(): readonly (readonly [string, Build])[] {
  const all = [
    ['potoroo, relaxed SIMD', 'relaxed'],
    ['potoroo, SIMD', 'simd'],
    ['potoroo, without vectors', 'plain'],
  ] as const;
  const best = bestBuild();
  return all.slice(all.findIndex(([, build]) => build === best));
}

const IDS = [...SIZES.map(([count]) => batchId(count)), 'ed25519-cached-1024', 'ed25519-single', 'ed25519-native-1024'];

function batchId(count: number): string {
  return `ed25519-batch-${count}`;
}

export async function ed25519Rows(wanted: (id: string) => boolean): Promise<Row[]> {
  if (!IDS.some(wanted)) return [];
  const [curves, wrappers, { default: native }] = await Promise.all([
    nobleCurves(),
    libsodiumWrappers(),
    sodiumNative(),
  ]);
  const few = signed(ONE_BY_ONE);
  const peers = [
    oneByOne('crypto.verify', few, ({ message, key, signature }) => verify(null, message, key, signature)),
    oneByOne('sodium-native', few, ({ message, publicKey, signature }) =>
      native.crypto_sign_verify_detached(signature as Buffer, message as Buffer, publicKey as Buffer),
    ),
    oneByOne('libsodium-wrappers', few, ({ message, publicKey, signature }) =>
      wrappers.crypto_sign_verify_detached(signature, message, publicKey),
    ),
    oneByOne('@noble/curves', few.slice(0, NOBLE), ({ message, publicKey, signature }) =>
      curves.ed25519.verify(signature, message, publicKey),
    ),
  ];
  const rows: Row[] = [];
  const row = async (
    id: string,
    at_least: number,
    work: string,
    ours: () => Candidate[],
    against = 'crypto.verify',
  ) => {
    if (wanted(id)) rows.push(rowOf({ id, work, at_least }, await compare([...ours(), ...peers]), against));
  };
  const strangers = signed(STRANGERS);
  const friends = signed(4 * 1_024, KNOWN_SIGNERS);
  const batches = (items: readonly Signed[], count: number): Candidate[] =>
    builds().map(([name, build]) => batch(name, build, items, count));
  for (const [count, at_least] of SIZES) {
    const work = `${count} signatures of distinct unknown keys, 200-byte messages`;
    await row(batchId(count), at_least, work, () => batches(strangers, count));
  }
  await row('ed25519-cached-1024', 11, `1,024 signatures of ${KNOWN_SIGNERS} known signers`, () =>
    batches(friends, 1_024),
  );
  await row('ed25519-single', 1.4, 'one signature of an unknown key', () =>
    builds().map(([name, build]) => {
      const kernel = new Ed25519Kernel(build);
      let next = 0;
      const verifyNext = (): boolean => {
        const { publicKey, message, signature } = strangers[next++ % strangers.length]!;
        return kernel.verify(publicKey, message, signature);
      };
      return oneByOne(name, few, verifyNext);
    }),
  );
  const native1024 = '1,024 signatures, against native code one by one';
  await row('ed25519-native-1024', 2.9, native1024, () => batches(strangers, 1_024), 'sodium-native');
  return rows;
}
