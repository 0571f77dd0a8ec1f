/**
 * SHA-256 (FIPS 180-4) by pointer. Nothing is allocated and no object crosses the border: the host writes messages at
 * INPUT, calls, and reads digests at OUTPUT. All memory is laid out when the module is compiled.
 */

/** Where the host writes messages. Some 500 trie nodes fit: from 64 on, the cost of a call no longer shows. */
export const INPUT_BYTES: usize = 65536;
export const INPUT: usize = memory.data(65536, 16);
/** Where the digests of a batch appear: 1024 of 32 bytes. */
export const OUTPUT_BYTES: usize = 32768;
export const OUTPUT: usize = memory.data(32768, 16);

const BLOCK_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;
/** The padding: a one bit, zeros, and the length of the message in bits in the last 8 bytes of a block. */
const LENGTH_BYTES: usize = 8;

/** The eight words of the running hash. */
const STATE: usize = memory.data(32, 16);
/** The message schedule: 64 words. In memory, which keeps the code short; V8 spills a rolling one to the stack anyway. */
const SCHEDULE: usize = memory.data(256, 16);
/** The end of a message with its padding: one or two blocks. */
const TAIL: usize = memory.data(128, 16);

/** Fractional parts of the square roots of the first 8 primes. */
const INITIAL: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** Fractional parts of the cube roots of the first 64 primes. */
const ROUND: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** Hashes `count` messages of `length` bytes, `stride` bytes apart, into consecutive digests. */
export function hashBatch(source: usize, count: u32, length: u32, stride: u32, target: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    hashOne(source, length, target);
    source += stride;
    target += DIGEST_BYTES;
  }
}

export function hashOne(source: usize, length: u32, target: usize): void {
  memory.copy(STATE, INITIAL, 32);
  const end = source + length;
  for (; source + BLOCK_BYTES <= end; source += BLOCK_BYTES) compress(source);
  const rest = end - source;
  const tailBytes = rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  memory.fill(TAIL, 0, tailBytes);
  memory.copy(TAIL, source, rest);
  store<u8>(TAIL + rest, 0x80);
  store<u64>(TAIL + tailBytes - LENGTH_BYTES, bswap<u64>((<u64>length) << 3));
  compress(TAIL);
  if (tailBytes > BLOCK_BYTES) compress(TAIL + BLOCK_BYTES);
  for (let i: usize = 0; i < 32; i += 4) store<u32>(target + i, bswap<u32>(load<u32>(STATE + i)));
}

/** Takes one block of 64 bytes into STATE. */
function compress(block: usize): void {
  expand(block);
  let a = load<u32>(STATE, 0);
  let b = load<u32>(STATE, 4);
  let c = load<u32>(STATE, 8);
  let d = load<u32>(STATE, 12);
  let e = load<u32>(STATE, 16);
  let f = load<u32>(STATE, 20);
  let g = load<u32>(STATE, 24);
  let h = load<u32>(STATE, 28);
  // Eight rounds a turn: after eight, every word is back under its own name. More only make V8 spill.
  for (let i: usize = 0; i < 256; i += 32) {
    h += word(i) + choose(e, f, g) + SIGMA1(e);
    d += h;
    h += SIGMA0(a) + majority(a, b, c);
    g += word(i + 4) + choose(d, e, f) + SIGMA1(d);
    c += g;
    g += SIGMA0(h) + majority(h, a, b);
    f += word(i + 8) + choose(c, d, e) + SIGMA1(c);
    b += f;
    f += SIGMA0(g) + majority(g, h, a);
    e += word(i + 12) + choose(b, c, d) + SIGMA1(b);
    a += e;
    e += SIGMA0(f) + majority(f, g, h);
    d += word(i + 16) + choose(a, b, c) + SIGMA1(a);
    h += d;
    d += SIGMA0(e) + majority(e, f, g);
    c += word(i + 20) + choose(h, a, b) + SIGMA1(h);
    g += c;
    c += SIGMA0(d) + majority(d, e, f);
    b += word(i + 24) + choose(g, h, a) + SIGMA1(g);
    f += b;
    b += SIGMA0(c) + majority(c, d, e);
    a += word(i + 28) + choose(f, g, h) + SIGMA1(f);
    e += a;
    a += SIGMA0(b) + majority(b, c, d);
  }
  add(0, a);
  add(4, b);
  add(8, c);
  add(12, d);
  add(16, e);
  add(20, f);
  add(24, g);
  add(28, h);
}

/** The block's 16 words, and 48 more made of them. */
function expand(block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(SCHEDULE + i, bswap<u32>(load<u32>(block + i)));
  for (let w: usize = SCHEDULE; w < SCHEDULE + 192; w += 32) {
    extend(w);
    extend(w + 4);
    extend(w + 8);
    extend(w + 12);
    extend(w + 16);
    extend(w + 20);
    extend(w + 24);
    extend(w + 28);
  }
}

/** The word 16 places further on. */
function extend(w: usize): void {
  store<u32>(w, load<u32>(w) + sigma0(load<u32>(w, 4)) + load<u32>(w, 36) + sigma1(load<u32>(w, 56)), 64);
}

function word(i: usize): u32 {
  return load<u32>(SCHEDULE + i) + load<u32>(ROUND + i);
}

function add(i: usize, value: u32): void {
  store<u32>(STATE + i, load<u32>(STATE + i) + value);
}

function choose(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

function majority(x: u32, y: u32, z: u32): u32 {
  return ((x ^ y) & (y ^ z)) ^ y;
}

function SIGMA0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

function SIGMA1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

function sigma0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
}

function sigma1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}
