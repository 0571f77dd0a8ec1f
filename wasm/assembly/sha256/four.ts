/**
 * SHA-256 of four messages at once: word i of all four stands in one vector. Block by block, so that callers who know
 * what they hash build their blocks themselves: begin, compressFour for each block, end.
 */
import { BLOCK_BYTES, INITIAL, ROUND } from './constants';
import { completeSchedule } from './one';

/** The eight words of the four running hashes: word i of lane j at i * 16 + j * 4. */
const STATE: usize = memory.data(128, 16);
/** The message schedule: 64 vectors. */
const SCHEDULE: usize = memory.data(1024, 16);
/**
 * Four intermediate values of a round are stored here and never read. It keeps V8 from holding them in registers for
 * longer than needed, of which it has sixteen: a twentieth of the time.
 */
const ANCHOR: usize = memory.data(64, 16);
/** Four digests on their way to four places. */
const DIGESTS: usize = memory.data(128, 16);
/** Round constants plus schedule of the block that pads a message of 64 bytes: it is always the same. */
const PADDING_64: usize = memory.data(256, 16);

/** What the rounds are fed with: words of the schedule, words plus round constants, or the padding of 64 bytes. */
const WORDS: u32 = 0;
const COMPLETE: u32 = 1;
const PADDING: u32 = 2;

/** Starts four hashes. */
export function begin(): void {
  for (let i: usize = 0; i < 32; i += 4) v128.store(STATE + (i << 2), v128.load_splat<u32>(INITIAL + i));
}

/** Starts the hash of one lane anew. */
export function beginLane(lane: usize): void {
  for (let i: usize = 0; i < 32; i += 4) store<u32>(STATE + (i << 2) + (lane << 2), load<u32>(INITIAL + i));
}

/** Writes the digest of one lane to `target`. */
export function endLane(lane: usize, target: usize): void {
  for (let i: usize = 0; i < 32; i += 4) store<u32>(target + i, bswap<u32>(load<u32>(STATE + (i << 2) + (lane << 2))));
}

/** Writes the digests of all lanes, one after the other, to `target`. */
export function endFour(target: usize): void {
  transpose(v128.load(STATE), v128.load(STATE, 16), v128.load(STATE, 32), v128.load(STATE, 48), target, 32);
  transpose(v128.load(STATE, 64), v128.load(STATE, 80), v128.load(STATE, 96), v128.load(STATE, 112), target + 16, 32);
}

/** Writes the digests of the first `count` lanes to the addresses at `targets`, u32 each. */
export function endFourAt(targets: usize, count: usize): void {
  endFour(DIGESTS);
  for (let lane: usize = 0; lane < count; lane++) {
    const target = <usize>load<u32>(targets + (lane << 2));
    v128.store(target, v128.load(DIGESTS + (lane << 5)));
    v128.store(target, v128.load(DIGESTS + (lane << 5), 16), 16);
  }
}

/** Takes one block of each message into STATE. */
export function compressFour(p0: usize, p1: usize, p2: usize, p3: usize): void {
  for (let i: usize = 0; i < BLOCK_BYTES; i += 16)
    transpose(v128.load(p0 + i), v128.load(p1 + i), v128.load(p2 + i), v128.load(p3 + i), SCHEDULE + (i << 2), 16);
  expand();
  rounds(WORDS);
}

/** Takes the padding of a message of 64 bytes into STATE: its schedule is known beforehand. */
export function compressPadding64(): void {
  rounds(PADDING);
}

/**
 * Starts four hashes with the first 64 bytes of a prefix and two halves of 32, without putting them together: `pairs` has
 * the addresses of the halves, u32 each. The byte before each half is read, and not used.
 */
export function beginPairs(prefix: u8, pairs: usize): void {
  const a = <usize>load<u32>(pairs);
  const b = <usize>load<u32>(pairs, 8);
  const c = <usize>load<u32>(pairs, 16);
  const d = <usize>load<u32>(pairs, 24);
  const e = <usize>load<u32>(pairs, 4);
  const f = <usize>load<u32>(pairs, 12);
  const g = <usize>load<u32>(pairs, 20);
  const h = <usize>load<u32>(pairs, 28);
  begin();
  transpose(shifted(a, prefix), shifted(b, prefix), shifted(c, prefix), shifted(d, prefix), SCHEDULE, 16);
  transpose(v128.load(a, 15), v128.load(b, 15), v128.load(c, 15), v128.load(d, 15), SCHEDULE + 64, 16);
  transpose(between(a, e), between(b, f), between(c, g), between(d, h), SCHEDULE + 128, 16);
  transpose(v128.load(e, 15), v128.load(f, 15), v128.load(g, 15), v128.load(h, 15), SCHEDULE + 192, 16);
  expand();
  rounds(WORDS);
}

/** Takes one block of each message into STATE whose schedule, 64 words plus round constants, is known beforehand. */
export function compressScheduled(p0: usize, p1: usize, p2: usize, p3: usize): void {
  for (let i: usize = 0; i < 256; i += 16) {
    const a = v128.load(p0 + i);
    const b = v128.load(p1 + i);
    const c = v128.load(p2 + i);
    const d = v128.load(p3 + i);
    columns(a, b, c, d, SCHEDULE + (i << 2), 16);
  }
  rounds(COMPLETE);
}

/** One byte and the first 15 of a half. */
function shifted(half: usize, first: u8): v128 {
  return v128.replace_lane<u8>(v128.load(half - 1), 0, first);
}

/** The last byte of one half and the first 15 of the next. */
function between(half: usize, next: usize): v128 {
  return shifted(next, load<u8>(half, 31));
}

/** Turns rows into columns, `stride` bytes apart, and the bytes of each word from big-endian to ours or back. */
function transpose(a: v128, b: v128, c: v128, d: v128, target: usize, stride: usize): void {
  columns(swapBytes(a), swapBytes(b), swapBytes(c), swapBytes(d), target, stride);
}

/** Turns rows into columns, `stride` bytes apart. */
function columns(a: v128, b: v128, c: v128, d: v128, target: usize, stride: usize): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  v128.store(target, v128.shuffle<u64>(ab, cd, 0, 2));
  v128.store(target + stride, v128.shuffle<u64>(ab, cd, 1, 3));
  const ef = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const gh = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  v128.store(target + 2 * stride, v128.shuffle<u64>(ef, gh, 0, 2));
  v128.store(target + 3 * stride, v128.shuffle<u64>(ef, gh, 1, 3));
}

/** 48 more words made of the first 16; eight a turn. */
function expand(): void {
  for (let w: usize = SCHEDULE; w < SCHEDULE + 768; w += 128) {
    extend(w);
    extend(w + 16);
    extend(w + 32);
    extend(w + 48);
    extend(w + 64);
    extend(w + 80);
    extend(w + 96);
    extend(w + 112);
  }
}

function extend(w: usize): void {
  const far = i32x4.add(v128.load(w), v128.load(w, 144));
  v128.store(w, i32x4.add(far, i32x4.add(sigma0(v128.load(w, 16)), sigma1(v128.load(w, 224)))), 256);
}

/** Eight rounds a turn: after eight, every word is back under its own name. More only make V8 spill. */
function rounds(source: u32): void {
  let a = v128.load(STATE, 0);
  let b = v128.load(STATE, 16);
  let c = v128.load(STATE, 32);
  let d = v128.load(STATE, 48);
  let e = v128.load(STATE, 64);
  let f = v128.load(STATE, 80);
  let g = v128.load(STATE, 96);
  let h = v128.load(STATE, 112);
  let bc = v128.xor(b, c);
  let ab: v128;
  for (let i: usize = 0; i < 256; i += 32) {
    h = first(h, e, f, g, word(i, source));
    d = i32x4.add(d, h);
    ab = v128.xor(a, b);
    h = second(h, a, b, ab, bc);
    g = first(g, d, e, f, word(i + 4, source));
    c = i32x4.add(c, g);
    bc = v128.xor(h, a);
    g = second(g, h, a, bc, ab);
    f = first(f, c, d, e, word(i + 8, source));
    b = i32x4.add(b, f);
    ab = v128.xor(g, h);
    f = second(f, g, h, ab, bc);
    e = first(e, b, c, d, word(i + 12, source));
    a = i32x4.add(a, e);
    bc = v128.xor(f, g);
    e = second(e, f, g, bc, ab);
    d = first(d, a, b, c, word(i + 16, source));
    h = i32x4.add(h, d);
    ab = v128.xor(e, f);
    d = second(d, e, f, ab, bc);
    c = first(c, h, a, b, word(i + 20, source));
    g = i32x4.add(g, c);
    bc = v128.xor(d, e);
    c = second(c, d, e, bc, ab);
    b = first(b, g, h, a, word(i + 24, source));
    f = i32x4.add(f, b);
    ab = v128.xor(c, d);
    b = second(b, c, d, ab, bc);
    a = first(a, f, g, h, word(i + 28, source));
    e = i32x4.add(e, a);
    bc = v128.xor(b, c);
    a = second(a, b, c, bc, ab);
  }
  add(0, a);
  add(16, b);
  add(32, c);
  add(48, d);
  add(64, e);
  add(80, f);
  add(96, g);
  add(112, h);
}

/** T1 of a round: h + Sigma1(e) + choose(e, f, g) + constant + schedule. */
function first(h: v128, e: v128, f: v128, g: v128, word: v128): v128 {
  const sigma = SIGMA1(e);
  v128.store(ANCHOR, sigma);
  const sum = i32x4.add(i32x4.add(i32x4.add(h, word), v128.xor(g, v128.and(e, v128.xor(f, g)))), sigma);
  v128.store(ANCHOR, sum, 16);
  return sum;
}

/** T1 + T2: T2 = Sigma0(a) + majority(a, b, c), the latter from a xor b and the b xor c of the round before. */
function second(t1: v128, a: v128, b: v128, ab: v128, bc: v128): v128 {
  const sigma = SIGMA0(a);
  v128.store(ANCHOR, sigma, 32);
  const sum = i32x4.add(i32x4.add(t1, sigma), v128.xor(v128.and(ab, bc), b));
  v128.store(ANCHOR, sum, 48);
  return sum;
}

function word(i: usize, source: u32): v128 {
  if (source === PADDING) return v128.load_splat<u32>(PADDING_64 + i);
  const scheduled = v128.load(SCHEDULE + (i << 2));
  return source === COMPLETE ? scheduled : i32x4.add(scheduled, v128.load_splat<u32>(ROUND + i));
}

function add(i: usize, value: v128): void {
  v128.store(STATE + i, i32x4.add(value, v128.load(STATE + i)));
}

function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

function SIGMA0(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 2), rotate(x, 13)), rotate(x, 22));
}

function SIGMA1(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 6), rotate(x, 11)), rotate(x, 25));
}

function sigma0(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 7), rotate(x, 18)), i32x4.shr_u(x, 3));
}

function sigma1(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 17), rotate(x, 19)), i32x4.shr_u(x, 10));
}

function swapBytes(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

/** The padding, once: a one bit, zeros, and the length of 512 bits. */
function fillPadding64(): void {
  store<u32>(PADDING_64, 0x80000000);
  store<u32>(PADDING_64, 512, 60);
  completeSchedule(PADDING_64);
}

if (ASC_FEATURE_SIMD) fillPadding64();
