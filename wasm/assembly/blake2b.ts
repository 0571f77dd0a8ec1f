/** BLAKE2b with a digest of 32 bytes and without a key (RFC 7693), of one message. It begins with the values of SHA-512. */
import { INITIAL } from './sha512';

const BLOCK_BYTES: usize = 128;
const DIGEST_BYTES: usize = 32;

const STATE: usize = memory.data(64, 16);
/** The working vector: 16 words. */
const WORK: usize = memory.data(128, 16);
const TAIL: usize = memory.data(128, 16);

/** Order in which the words of a block are used, per round; after ten it begins anew. */
const ORDER: usize = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3, 11, 8, 12,
  0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8, 9, 0, 5, 7, 2, 4, 10,
  15, 14, 1, 11, 12, 6, 8, 3, 13, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9, 12, 5, 1, 15, 14, 13, 4, 10, 0,
  7, 6, 3, 9, 2, 8, 11, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7,
  1, 4, 10, 5, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
]);
const ROUNDS: usize = 12;
const ORDERS: usize = 10;

/** Hashes the `length` bytes at `source` into the 32 at `target`. */
export function blake2b(source: usize, length: usize, target: usize): void {
  memory.copy(STATE, INITIAL, 64);
  // Parameters: a digest of 32 bytes, no key, one tree of one leaf.
  store<u64>(STATE, load<u64>(STATE) ^ 0x01010000 ^ DIGEST_BYTES);
  let taken: usize = 0;
  // The last block is another one, even if it is full.
  for (; length - taken > BLOCK_BYTES; ) {
    taken += BLOCK_BYTES;
    compress(source, taken, false);
    source += BLOCK_BYTES;
  }
  memory.copy(TAIL, source, length - taken);
  memory.fill(TAIL + (length - taken), 0, BLOCK_BYTES - (length - taken));
  compress(TAIL, length, true);
  memory.copy(target, STATE, DIGEST_BYTES);
}

/** @param taken bytes of the message up to the end of this block */
function compress(block: usize, taken: usize, isLast: bool): void {
  memory.copy(WORK, STATE, 64);
  memory.copy(WORK + 64, INITIAL, 64);
  store<u64>(WORK, load<u64>(WORK, 96) ^ taken, 96);
  if (isLast) store<u64>(WORK, ~load<u64>(WORK, 112), 112);
  for (let round: usize = 0; round < ROUNDS; round++) {
    const order = ORDER + (round % ORDERS) * 16;
    mix(0, 32, 64, 96, word(block, order, 0), word(block, order, 1));
    mix(8, 40, 72, 104, word(block, order, 2), word(block, order, 3));
    mix(16, 48, 80, 112, word(block, order, 4), word(block, order, 5));
    mix(24, 56, 88, 120, word(block, order, 6), word(block, order, 7));
    mix(0, 40, 80, 120, word(block, order, 8), word(block, order, 9));
    mix(8, 48, 88, 96, word(block, order, 10), word(block, order, 11));
    mix(16, 56, 64, 104, word(block, order, 12), word(block, order, 13));
    mix(24, 32, 72, 112, word(block, order, 14), word(block, order, 15));
  }
  for (let i: usize = 0; i < 64; i += 8)
    store<u64>(STATE + i, load<u64>(STATE + i) ^ load<u64>(WORK + i) ^ load<u64>(WORK + i, 64));
}

function word(block: usize, order: usize, i: usize): u64 {
  return load<u64>(block + ((<usize>load<u8>(order + i)) << 3));
}

function mix(pa: usize, pb: usize, pc: usize, pd: usize, x: u64, y: u64): void {
  let a = load<u64>(WORK + pa);
  let b = load<u64>(WORK + pb);
  let c = load<u64>(WORK + pc);
  let d = load<u64>(WORK + pd);
  a += b + x;
  d = rotr<u64>(d ^ a, 32);
  c += d;
  b = rotr<u64>(b ^ c, 24);
  a += b + y;
  d = rotr<u64>(d ^ a, 16);
  c += d;
  b = rotr<u64>(b ^ c, 63);
  store<u64>(WORK + pa, a);
  store<u64>(WORK + pb, b);
  store<u64>(WORK + pc, c);
  store<u64>(WORK + pd, d);
}
