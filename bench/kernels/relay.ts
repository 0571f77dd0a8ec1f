import { createHash, hash, randomBytes } from 'node:crypto';
import { HashKernel } from '../../wasm/hash-kernel.ts';
import { packRelays, relayDifficulty } from '../../wasm/relay-difficulty.ts';
import { type Candidate, compare } from './compare.ts';
import { nobleHashes } from './peers.ts';
import { type Row, rowOf } from './row.ts';

const BATCH = 1_024;
/** Serialized relays of usual size, evenly spread. */
const LEAST_BYTES = 200;
const MOST_BYTES = 1_000;

const PLAN = {
  id: 'relay-mixed',
  work: 'difficulty check of a packed batch of 1,024 relays of 200-1000 bytes',
  at_least: 2,
};

export async function relayRows(wanted: (id: string) => boolean): Promise<Row[]> {
  if (!wanted(PLAN.id)) return [];
  const relays = Array.from({ length: BATCH }, (_, i) => {
    const length = LEAST_BYTES + Math.round((i * (MOST_BYTES - LEAST_BYTES)) / (BATCH - 1));
    return new Uint8Array(randomBytes(length));
  }).sort(() => Math.random() - 0.5);
  // One in 256 counts.
  const target = Buffer.concat([Buffer.of(0), Buffer.alloc(31, 255)]);
  const { sha256 } = await nobleHashes();
  const each = (name: string, digest: (relay: Uint8Array) => Uint8Array): Candidate => ({
    name,
    operations: BATCH,
    work: () => {
      let below = 0;
      for (const relay of relays) if (target.compare(digest(relay)) > 0) below++;
      return below;
    },
  });
  const packed = packRelays(relays);
  const kernel = (name: string, build: 'plain' | 'simd'): Candidate => {
    const instance = new HashKernel(build);
    return { name, operations: BATCH, work: () => relayDifficulty(packed, target, instance) };
  };
  const candidates = [
    kernel('potoroo', 'simd'),
    kernel('potoroo, without vectors', 'plain'),
    each('createHash', (relay) => createHash('sha256').update(relay).digest()),
    each('crypto.hash', (relay) => hash('sha256', relay, 'buffer')),
    each('@noble/hashes', sha256),
  ];
  return [rowOf(PLAN, await compare(candidates), 'createHash')];
}
