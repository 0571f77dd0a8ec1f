import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../measure.ts';

/** The peers have a package of their own: who only runs a node need not install them. */
const fromPeers = createRequire(join(ROOT, 'bench', 'peers', 'package.json'));

async function load<T>(name: string): Promise<T> {
  try {
    return (await import(pathToFileURL(fromPeers.resolve(name)).href)) as T;
  } catch (cause) {
    throw new Error(`the peer ${name} is not installed: \`npm run bench\` installs the peers first`, { cause });
  }
}

/** What is used of mitata: the time of one call, by quantiles. */
interface Mitata {
  measure(work: () => unknown, options: Record<string, unknown>): Promise<{ readonly p50: number }>;
}

interface AsSha256 {
  readonly simdEnabled: boolean;
  digest(data: Uint8Array): Uint8Array;
  hashInto(input: Uint8Array, output: Uint8Array): void;
}

interface NobleHashes {
  sha256(data: Uint8Array): Uint8Array;
}

interface NobleCurves {
  readonly ed25519: { verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean };
}

interface LibsodiumWrappers {
  readonly default: {
    readonly ready: Promise<void>;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  };
}

interface SodiumNative {
  readonly default: {
    crypto_hash_sha256(output: Uint8Array, input: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  };
}

interface ZkKitTrie {
  readonly SparseMerkleTree: new (
    hash: (children: string[]) => string,
  ) => { readonly root: string; add(key: string, value: string): void };
}

export const mitata = (): Promise<Mitata> => load('mitata');
export const asSha256 = (): Promise<AsSha256> => load('@chainsafe/as-sha256');
export const nobleHashes = (): Promise<NobleHashes> => load('@noble/hashes/sha2.js');
export const nobleCurves = (): Promise<NobleCurves> => load('@noble/curves/ed25519.js');
export const sodiumNative = (): Promise<SodiumNative> => load('sodium-native');
export const zkKitTrie = (): Promise<ZkKitTrie> => load('@zk-kit/sparse-merkle-tree');

export async function libsodiumWrappers(): Promise<LibsodiumWrappers['default']> {
  const { default: sodium } = await load<LibsodiumWrappers>('libsodium-wrappers');
  await sodium.ready;
  return sodium;
}
