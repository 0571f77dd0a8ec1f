/**
 * Hashes by pointer. Nothing is allocated and no object crosses the border: the host writes messages at INPUT (and where
 * they begin at OFFSETS), calls, and reads digests at OUTPUT. All memory is laid out when the module is compiled.
 */
import { blake2b } from './blake2b';
import { sha3 } from './sha3';
import { begin, end, update } from './sha512';

export { markBelow } from './relay';
export { hashEqual, hashMixed } from './sha256/batch';

/** Where the host writes messages: a whole batch of relays of usual size. */
export const INPUT_BYTES: usize = 1048576;
export const INPUT: usize = memory.data(1048576, 16);
/** Messages of one batch at most. */
export const BATCH_MAX: u32 = 4096;
/** Where messages of different lengths begin, u32 each, and where the last one ends. */
export const OFFSETS: usize = memory.data(16400, 16);
/** Where the digests of a batch appear: 32 bytes each, of SHA-512 64. */
export const OUTPUT: usize = memory.data(262144, 16);
/** The target of relay difficulty, a 256-bit number, big-endian. */
export const TARGET: usize = memory.data(32, 16);
/** One bit per message of a batch. */
export const BITMAP: usize = memory.data(512, 16);

/** SHA3-256 of messages of different lengths, laid out as for hashMixed. */
export function sha3Mixed(source: usize, offsets: usize, count: u32, target: usize): void {
  hashEach(source, offsets, count, target, 32, sha3);
}

/** BLAKE2b-256 of messages of different lengths, laid out as for hashMixed. */
export function blake2bMixed(source: usize, offsets: usize, count: u32, target: usize): void {
  hashEach(source, offsets, count, target, 32, blake2b);
}

/** SHA-512 of messages of different lengths, laid out as for hashMixed. */
export function sha512Mixed(source: usize, offsets: usize, count: u32, target: usize): void {
  hashEach(source, offsets, count, target, 64, sha512);
}

function sha512(source: usize, length: usize, target: usize): void {
  begin();
  update(source, length);
  end(target);
}

/** One message after the other. */
function hashEach(
  source: usize,
  offsets: usize,
  count: u32,
  target: usize,
  digestBytes: usize,
  hash: (source: usize, length: usize, target: usize) => void,
): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const from = load<u32>(offsets + (i << 2));
    hash(source + from, load<u32>(offsets + (i << 2), 4) - from, target + i * digestBytes);
  }
}
