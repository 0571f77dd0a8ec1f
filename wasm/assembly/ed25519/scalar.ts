/** Numbers of 32-bit limbs, least first, and their remainders modulo the order L of the base point. */

const SCALAR_LIMBS: i32 = 8;
/** A sum has 21 limbs, the largest number that is reduced: 4096 products of 128 and 512 bits, added up, have 652 bits. */
export const SUM_BYTES: usize = 96;
/** Scalars stand with zeros behind them, so that digits can be read past their end. */
const SCALAR_BYTES: usize = 48;

/** L = 2^252 + 27742317777372353535851937790883648493 */
const ORDER: usize = memory.data<u32>([
  0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0x00000000, 0x00000000, 0x00000000, 0x10000000,
]);
/** 2^672 / L, rounded down: 2^672 is the first number that is too large for a sum. */
const INVERSE: usize = memory.data<u32>([
  0xb5c63aa9, 0x7f5be65c, 0xeec73d21, 0xc309a3dc, 0x399411b7, 0x0a2c131b, 0xed9ce5a3, 0x086329a7, 0x2106215d,
  0xffffffeb, 0xffffffff, 0xffffffff, 0xffffffff, 0x0000000f,
]);
const INVERSE_LIMBS: i32 = 14;

/** Products, at most 28 limbs. */
const PRODUCT: usize = memory.data(112, 16);
const REMAINDER: usize = memory.data(32, 16);

/** True if the 32 bytes are less than L. */
export function isBelowOrder(scalar: usize): bool {
  let borrow: i64 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    borrow = (<i64>load<u32>(scalar + i) - <i64>load<u32>(ORDER + i) + borrow) >> 32;
  }
  return borrow < 0;
}

/** sum += a * b */
export function addProduct(sum: usize, a: usize, aLimbs: i32, b: usize, bLimbs: i32): void {
  multiply(a, aLimbs, b, bLimbs);
  let carry: u64 = 0;
  const end = (<usize>(aLimbs + bLimbs)) << 2;
  for (let i: usize = 0; i < end; i += 4) {
    carry += <u64>load<u32>(sum + i) + <u64>load<u32>(PRODUCT + i);
    store<u32>(sum + i, <u32>carry);
    carry >>= 32;
  }
  for (let i = end; carry > 0; i += 4) {
    carry += <u64>load<u32>(sum + i);
    store<u32>(sum + i, <u32>carry);
    carry >>= 32;
  }
}

/** PRODUCT = a * b */
function multiply(a: usize, aLimbs: i32, b: usize, bLimbs: i32): void {
  const bEnd = b + ((<usize>bLimbs) << 2);
  for (let i: usize = 0; i < (<usize>bLimbs) << 2; i += 4) store<u32>(PRODUCT + i, 0);
  let row = PRODUCT;
  for (const aEnd = a + ((<usize>aLimbs) << 2); a < aEnd; a += 4) {
    const factor = <u64>load<u32>(a);
    let carry: u64 = 0;
    let at = row;
    for (let y = b; y < bEnd; y += 4) {
      carry += factor * <u64>load<u32>(y) + <u64>load<u32>(at);
      store<u32>(at, <u32>carry);
      carry >>= 32;
      at += 4;
    }
    store<u32>(at, <u32>carry);
    row += 4;
  }
}

/**
 * Writes the remainder of a sum modulo L, as a scalar (Barrett). The quotient is estimated from the
 * limbs above 2^224 <= L and is at most 2 too small.
 */
export function reduce(scalar: usize, sum: usize): void {
  multiply(sum + 28, INVERSE_LIMBS, INVERSE, INVERSE_LIMBS);
  multiplyOrderLow(PRODUCT + 56);
  let borrow: i64 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    borrow += <i64>load<u32>(sum + i) - <i64>load<u32>(REMAINDER + i);
    store<u32>(scalar + i, <u32>borrow);
    borrow >>= 32;
  }
  while (!isBelowOrder(scalar)) subtractOrder(scalar);
  for (let i: usize = 32; i < SCALAR_BYTES; i += 8) store<u64>(scalar + i, 0);
}

/** REMAINDER = quotient * L modulo 2^256, which is enough: the difference is below 3 L. */
function multiplyOrderLow(quotient: usize): void {
  for (let i: usize = 0; i < 32; i += 8) store<u64>(REMAINDER + i, 0);
  for (let i = 0; i < SCALAR_LIMBS; i++) {
    const factor = <u64>load<u32>(quotient + ((<usize>i) << 2));
    let carry: u64 = 0;
    for (let j = 0; j < SCALAR_LIMBS - i; j++) {
      const at = REMAINDER + ((<usize>(i + j)) << 2);
      carry += factor * <u64>load<u32>(ORDER + ((<usize>j) << 2)) + <u64>load<u32>(at);
      store<u32>(at, <u32>carry);
      carry >>= 32;
    }
  }
}

function subtractOrder(scalar: usize): void {
  let borrow: i64 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    borrow += <i64>load<u32>(scalar + i) - <i64>load<u32>(ORDER + i);
    store<u32>(scalar + i, <u32>borrow);
    borrow >>= 32;
  }
}

/** Writes 128 bits as a scalar. */
export function setScalar128(scalar: usize, source: usize): void {
  store<u64>(scalar, load<u64>(source));
  store<u64>(scalar, load<u64>(source, 8), 8);
  for (let i: usize = 16; i < SCALAR_BYTES; i += 8) store<u64>(scalar + i, 0);
}

/** Bits of the lower half of a scalar. */
export const HALF_BITS: u32 = 127;

/** Writes both halves of a scalar as scalars. */
export function split(low: usize, high: usize, scalar: usize): void {
  const w1 = load<u64>(scalar, 8);
  const w2 = load<u64>(scalar, 16);
  const w3 = load<u64>(scalar, 24);
  store<u64>(low, load<u64>(scalar));
  store<u64>(low, w1 & 0x7fffffffffffffff, 8);
  store<u64>(high, (w1 >> 63) | (w2 << 1));
  store<u64>(high, (w2 >> 63) | (w3 << 1), 8);
  for (let i: usize = 16; i < SCALAR_BYTES; i += 8) {
    store<u64>(low + i, 0);
    store<u64>(high + i, 0);
  }
}

export function clearSum(sum: usize): void {
  for (let i: usize = 0; i < SUM_BYTES; i += 8) store<u64>(sum + i, 0);
}
