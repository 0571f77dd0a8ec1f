/** SHA-512 (FIPS 180-4) by pointer, block by block, for kernels that hash what they have at hand. */
import { copyShort } from './copy';

const BLOCK_BYTES: usize = 128;

/** Fractional parts of the square roots of the first 8 primes. */
export const INITIAL: usize = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
  0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
]);

/** Fractional parts of the cube roots of the first 80 primes. */
const ROUND: usize = memory.data<u64>([
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
  0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
  0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
  0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
  0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
  0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
  0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
  0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
  0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
  0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
  0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
  0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
  0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
  0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
  0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
]);

/** The eight words of the running hash. */
const STATE: usize = memory.data(64, 16);
/** The message schedule: 80 words. */
const SCHEDULE: usize = memory.data(640, 16);
/** What is not a whole block yet. */
const PENDING: usize = memory.data(128, 16);

let pending: usize = 0;
let total: u64 = 0;

export function begin(): void {
  for (let i: usize = 0; i < 64; i += 8) store<u64>(STATE + i, load<u64>(INITIAL + i));
  pending = 0;
  total = 0;
}

/** Takes `length` more bytes of the message. */
export function update(source: usize, length: usize): void {
  const end = source + length;
  total += length;
  if (pending > 0) {
    const part = min<usize>(BLOCK_BYTES - pending, length);
    append(source, part);
    if (pending < BLOCK_BYTES) return;
    compress(PENDING);
    pending = 0;
    source += part;
  }
  for (; source + BLOCK_BYTES <= end; source += BLOCK_BYTES) compress(source);
  append(source, end - source);
}

/** Keeps what is to be taken later. */
function append(source: usize, length: usize): void {
  copyShort(PENDING + pending, source, length);
  pending += length;
}

/** Writes the 64 bytes of the digest. */
export function end(target: usize): void {
  store<u8>(PENDING + pending++, 0x80);
  // The last 16 bytes of the last block are the length in bits.
  if (pending > 112) {
    memory.fill(PENDING + pending, 0, BLOCK_BYTES - pending);
    compress(PENDING);
    pending = 0;
  }
  memory.fill(PENDING + pending, 0, 120 - pending);
  store<u64>(PENDING, bswap<u64>(total << 3), 120);
  compress(PENDING);
  for (let i: usize = 0; i < 64; i += 8) store<u64>(target + i, bswap<u64>(load<u64>(STATE + i)));
}

/** Takes one block into STATE. */
function compress(block: usize): void {
  expand(block);
  let a = load<u64>(STATE, 0);
  let b = load<u64>(STATE, 8);
  let c = load<u64>(STATE, 16);
  let d = load<u64>(STATE, 24);
  let e = load<u64>(STATE, 32);
  let f = load<u64>(STATE, 40);
  let g = load<u64>(STATE, 48);
  let h = load<u64>(STATE, 56);
  // Eight rounds a turn: after eight, every word is back under its own name.
  for (let i: usize = 0; i < 640; i += 64) {
    h += word(i) + choose(e, f, g) + SIGMA1(e);
    d += h;
    h += SIGMA0(a) + majority(a, b, c);
    g += word(i + 8) + choose(d, e, f) + SIGMA1(d);
    c += g;
    g += SIGMA0(h) + majority(h, a, b);
    f += word(i + 16) + choose(c, d, e) + SIGMA1(c);
    b += f;
    f += SIGMA0(g) + majority(g, h, a);
    e += word(i + 24) + choose(b, c, d) + SIGMA1(b);
    a += e;
    e += SIGMA0(f) + majority(f, g, h);
    d += word(i + 32) + choose(a, b, c) + SIGMA1(a);
    h += d;
    d += SIGMA0(e) + majority(e, f, g);
    c += word(i + 40) + choose(h, a, b) + SIGMA1(h);
    g += c;
    c += SIGMA0(d) + majority(d, e, f);
    b += word(i + 48) + choose(g, h, a) + SIGMA1(g);
    f += b;
    b += SIGMA0(c) + majority(c, d, e);
    a += word(i + 56) + choose(f, g, h) + SIGMA1(f);
    e += a;
    a += SIGMA0(b) + majority(b, c, d);
  }
  add(0, a);
  add(8, b);
  add(16, c);
  add(24, d);
  add(32, e);
  add(40, f);
  add(48, g);
  add(56, h);
}

/** The block's 16 words, and 64 more made of them. */
function expand(block: usize): void {
  for (let i: usize = 0; i < 128; i += 8) store<u64>(SCHEDULE + i, bswap<u64>(load<u64>(block + i)));
  for (let w: usize = SCHEDULE; w < SCHEDULE + 512; w += 32) {
    extend(w);
    extend(w + 8);
    extend(w + 16);
    extend(w + 24);
  }
}

/** The word 16 places further on. */
function extend(w: usize): void {
  store<u64>(w, load<u64>(w) + sigma0(load<u64>(w, 8)) + load<u64>(w, 72) + sigma1(load<u64>(w, 112)), 128);
}

function word(i: usize): u64 {
  return load<u64>(SCHEDULE + i) + load<u64>(ROUND + i);
}

function add(i: usize, value: u64): void {
  store<u64>(STATE + i, load<u64>(STATE + i) + value);
}

function choose(x: u64, y: u64, z: u64): u64 {
  return z ^ (x & (y ^ z));
}

function majority(x: u64, y: u64, z: u64): u64 {
  return ((x ^ y) & (y ^ z)) ^ y;
}

function SIGMA0(x: u64): u64 {
  return rotr<u64>(x, 28) ^ rotr<u64>(x, 34) ^ rotr<u64>(x, 39);
}

function SIGMA1(x: u64): u64 {
  return rotr<u64>(x, 14) ^ rotr<u64>(x, 18) ^ rotr<u64>(x, 41);
}

function sigma0(x: u64): u64 {
  return rotr<u64>(x, 1) ^ rotr<u64>(x, 8) ^ (x >> 7);
}

function sigma1(x: u64): u64 {
  return rotr<u64>(x, 19) ^ rotr<u64>(x, 61) ^ (x >> 6);
}
