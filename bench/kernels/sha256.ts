import { createHash, hash, randomBytes } from 'node:crypto';
import { HashKernel } from '../../wasm/hash-kernel.ts';
import { type Candidate, compare } from './compare.ts';
import { asSha256, nobleHashes, sodiumNative } from './peers.ts';
import { type Row, rowOf } from './row.ts';

/** Nodes of one batch: a level of a block's changes. */
const BATCH = 1_024;

export async function sha256Rows(wanted: (id: string) => boolean): Promise<Row[]> {
  const nodes = { id: 'sha256-node65', work: 'SHA-256 of 65-byte trie nodes, batches of 1,024', at_least: 6.5 };
  const pairs = { id: 'sha256-pair64', work: 'SHA-256 of 64-byte pairs, batches of 1,024', at_least: 4.5 };
  const rows: Row[] = [];
  if (wanted(nodes.id)) rows.push(rowOf(nodes, await compare(await candidates(65)), 'createHash'));
  if (wanted(pairs.id)) {
    rows.push(rowOf(pairs, await compare([...(await candidates(64)), await asSha256Batch()]), 'as-sha256 batch'));
  }
  return rows;
}

/** Messages stand in the kernel's memory, as the levels of a trie do. */
function kernelBatch(build: 'plain' | 'simd', length: number): Candidate {
  const kernel = new HashKernel(build);
  kernel.input.set(randomBytes(BATCH * length));
  return {
    name: build === 'simd' ? 'potoroo' : 'potoroo, without vectors',
    operations: BATCH,
    work: () => kernel.hashEqual(BATCH, length, length),
  };
}

async function candidates(length: number): Promise<Candidate[]> {
  const messages = randomMessages(length);
  const each = (name: string, one: (message: Uint8Array) => unknown): Candidate => eachOf(messages, name, one);
  const [noble, assembly, { default: sodium }] = await Promise.all([nobleHashes(), asSha256(), sodiumNative()]);
  const digest = Buffer.alloc(32);
  return [
    kernelBatch('simd', length),
    kernelBatch('plain', length),
    each('createHash', byCreateHash),
    each('crypto.hash', (message) => hash('sha256', message, 'buffer')),
    each('@noble/hashes', (message) => noble.sha256(message)),
    each('as-sha256', (message) => assembly.digest(message)),
    each('sodium-native', (message) => sodium.crypto_hash_sha256(digest, message)),
  ];
}

async function asSha256Batch(): Promise<Candidate> {
  const { hashInto } = await asSha256();
  const input = new Uint8Array(randomBytes(BATCH * 64));
  const output = new Uint8Array(BATCH * 32);
  return { name: 'as-sha256 batch', operations: BATCH, work: () => hashInto(input, output) };
}

/** createHash of 65-byte messages: how this machine, at this moment, stands to the one of published figures. */
export function createHash65(): Candidate {
  return eachOf(randomMessages(65), 'createHash', byCreateHash);
}

function randomMessages(length: number): Uint8Array[] {
  return Array.from({ length: BATCH }, () => new Uint8Array(randomBytes(length)));
}

function byCreateHash(message: Uint8Array): Uint8Array {
  return createHash('sha256').update(message).digest();
}

function eachOf(messages: readonly Uint8Array[], name: string, one: (message: Uint8Array) => unknown): Candidate {
  return {
    name,
    operations: messages.length,
    work: () => {
      for (const message of messages) one(message);
    },
  };
}
