/** SHA3-256 (FIPS 202) of one message. */

/** Bytes taken per permutation: 1600 bits less twice the 256 of the digest. */
const RATE: usize = 136;
/** 25 lanes of 64 bits: lane x, y at (x + 5 y) * 8. */
const STATE: usize = memory.data(200, 16);
/** The lanes after theta, rho and pi. */
const MOVED: usize = memory.data(200, 16);
const TAIL: usize = memory.data(136, 16);

const ROUND: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
  0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
  0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
  0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
  0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]);

/** Hashes the `length` bytes at `source` into the 32 at `target`. */
export function sha3(source: usize, length: usize, target: usize): void {
  memory.fill(STATE, 0, 200);
  let rest = length;
  for (; rest >= RATE; rest -= RATE) {
    absorb(source);
    source += RATE;
  }
  memory.copy(TAIL, source, rest);
  memory.fill(TAIL + rest, 0, RATE - rest);
  // The domain of SHA-3 and the first bit of the padding, then its last bit; they may share a byte.
  store<u8>(TAIL + rest, 0x06);
  store<u8>(TAIL + RATE - 1, load<u8>(TAIL + RATE - 1) | 0x80);
  absorb(TAIL);
  memory.copy(target, STATE, 32);
}

function absorb(block: usize): void {
  for (let i: usize = 0; i < RATE; i += 8) store<u64>(STATE + i, load<u64>(STATE + i) ^ load<u64>(block + i));
  for (let i: usize = 0; i < 192; i += 8) {
    mixColumns();
    mixRow(0);
    mixRow(40);
    mixRow(80);
    mixRow(120);
    mixRow(160);
    store<u64>(STATE, load<u64>(STATE) ^ load<u64>(ROUND + i));
  }
}

/** Theta, and with it rho and pi: each lane is turned and put where chi wants it. */
function mixColumns(): void {
  const c0 = column(0);
  const c1 = column(8);
  const c2 = column(16);
  const c3 = column(24);
  const c4 = column(32);
  const d0 = c4 ^ rotl<u64>(c1, 1);
  const d1 = c0 ^ rotl<u64>(c2, 1);
  const d2 = c1 ^ rotl<u64>(c3, 1);
  const d3 = c2 ^ rotl<u64>(c4, 1);
  const d4 = c3 ^ rotl<u64>(c0, 1);
  move(0, d0, 0, 0);
  move(6, d1, 44, 1);
  move(12, d2, 43, 2);
  move(18, d3, 21, 3);
  move(24, d4, 14, 4);
  move(3, d3, 28, 5);
  move(9, d4, 20, 6);
  move(10, d0, 3, 7);
  move(16, d1, 45, 8);
  move(22, d2, 61, 9);
  move(1, d1, 1, 10);
  move(7, d2, 6, 11);
  move(13, d3, 25, 12);
  move(19, d4, 8, 13);
  move(20, d0, 18, 14);
  move(4, d4, 27, 15);
  move(5, d0, 36, 16);
  move(11, d1, 10, 17);
  move(17, d2, 15, 18);
  move(23, d3, 56, 19);
  move(2, d2, 62, 20);
  move(8, d3, 55, 21);
  move(14, d4, 39, 22);
  move(15, d0, 41, 23);
  move(21, d1, 2, 24);
}

function column(x: usize): u64 {
  const lanes = STATE + x;
  return load<u64>(lanes) ^ load<u64>(lanes, 40) ^ load<u64>(lanes, 80) ^ load<u64>(lanes, 120) ^ load<u64>(lanes, 160);
}

function move(from: usize, change: u64, bits: u64, to: usize): void {
  store<u64>(MOVED + (to << 3), rotl<u64>(load<u64>(STATE + (from << 3)) ^ change, bits));
}

/** Chi of the five lanes of a row. */
function mixRow(row: usize): void {
  const a = load<u64>(MOVED + row);
  const b = load<u64>(MOVED + row, 8);
  const c = load<u64>(MOVED + row, 16);
  const d = load<u64>(MOVED + row, 24);
  const e = load<u64>(MOVED + row, 32);
  store<u64>(STATE + row, a ^ (~b & c));
  store<u64>(STATE + row, b ^ (~c & d), 8);
  store<u64>(STATE + row, c ^ (~d & e), 16);
  store<u64>(STATE + row, d ^ (~e & a), 24);
  store<u64>(STATE + row, e ^ (~a & b), 32);
}
