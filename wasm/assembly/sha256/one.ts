/** SHA-256 of one message (FIPS 180-4), by pointer: one lane, where four would wait for company. */
import { BLOCK_BYTES, INITIAL, ROUND, tailBytes, writeTail } from './constants';

/** The eight words of the running hash. */
const STATE: usize = memory.data(32, 16);
/** The message schedule: 64 words. In memory, which keeps the code short; V8 spills a rolling one to the stack anyway. */
const SCHEDULE: usize = memory.data(256, 16);
/** The end of a message with its padding: one or two blocks. */
const TAIL: usize = memory.data(128, 16);

/** Hashes the `length` bytes at `source` into the 32 at `target`. */
export function hashOne(source: usize, length: usize, target: usize): void {
  memory.copy(STATE, INITIAL, 32);
  const end = source + length;
  for (; source + BLOCK_BYTES <= end; source += BLOCK_BYTES) compress(source);
  const rest = end - source;
  writeTail(TAIL, source, rest, length);
  compress(TAIL);
  if (tailBytes(rest) > BLOCK_BYTES) compress(TAIL + BLOCK_BYTES);
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

/** Makes a whole schedule with the round constants of its first 16 words, in place: 256 bytes. */
export function completeSchedule(words: usize): void {
  for (let w = words; w < words + 192; w += 4) extend(w);
  for (let i: usize = 0; i < 256; i += 4) store<u32>(words + i, load<u32>(words + i) + load<u32>(ROUND + i));
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
