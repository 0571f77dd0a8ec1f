/**
 * Radix 2^25.5: ten unsigned limbs of 26 and 25 bits by turns, limb i of lane A and of lane B side by side as two u32 at
 * byte 8 * i. Both builds without relaxed SIMD have it: 'plain' holds two limbs in a u64 and multiplies lane by lane,
 * 'simd' holds four in a vector and multiplies both lanes at once.
 */
import { fail, sum } from './code.mjs';

const LIMBS = 10;
const bitsOf = (limb) => (limb % 2 === 0 ? 26 : 25);
const maskOf = (limb) => 2 ** bitsOf(limb) - 1;

/** Limbs of p. */
const primeLimb = (limb) => (limb === 0 ? 2 ** 26 - 19 : maskOf(limb));

/** After a multiplication a limb is at most its mask plus a carry of 18 bits: 1.005 times 2^25 in the worst place. */
const REDUCED = 1.01;
/** A right operand times 19 fits 32 bits. */
const RIGHT_MAX = 3.36;
/** A left operand is doubled, in a square twice: that fits 32 bits. */
const LEFT_MAX = 16;
/** The largest column is 498 * 2^50 times both bounds, and takes carries of 44 bits: that fits 64 bits. */
const PRODUCT_MAX = 30;

export class Narrow {
  carried = REDUCED;

  constructor(vectors) {
    this.vectors = vectors;
    this.name = vectors ? 'simd' : 'plain';
    this.type = vectors ? 'v128' : 'u64';
    this.partBytes = vectors ? 16 : 8;
    this.parts = Array.from({ length: vectors ? LIMBS / 2 : LIMBS }, (_, i) => i);
  }

  fitsLeft(bound) {
    return bound <= LEFT_MAX;
  }

  fitsRight(bound) {
    return bound <= RIGHT_MAX;
  }

  /** The bound of a product. @throws where it would overflow */
  product(left, right) {
    if (left > LEFT_MAX || right > RIGHT_MAX || left * right > PRODUCT_MAX) fail(`${left} times ${right} is too much`);
    return REDUCED;
  }

  square(bound) {
    return this.product(bound, bound);
  }

  load(code, pointer, bound = REDUCED) {
    const load = this.vectors ? 'v128.load' : 'load<u64>';
    return { parts: code.names(this.parts.map((i) => `${load}(${pointer}, ${i * this.partBytes})`)), bound };
  }

  store(code, pointer, { parts }) {
    const store = this.vectors ? 'v128.store' : 'store<u64>';
    for (const i of this.parts) code.line(`  ${store}(${pointer}, ${parts[i]}, ${i * this.partBytes});`);
  }

  add(code, x, y) {
    return { parts: code.names(this.#each(x, y, (a, b) => this.#plus(a, b))), bound: x.bound + y.bound };
  }

  /** Adds a multiple of p that is larger than y limb by limb: no limb falls below zero. */
  subtract(code, x, y) {
    const times = Math.ceil(y.bound / 0.999);
    const parts = this.parts.map((i) => {
      const lifted = this.#plus(
        x.parts[i],
        this.#constant(i, (limb) => times * primeLimb(limb)),
      );
      return this.vectors ? `i32x4.sub(${lifted}, ${y.parts[i]})` : `${lifted} - ${y.parts[i]}`;
    });
    return { parts: code.names(parts), bound: x.bound + times };
  }

  swap(code, x) {
    const swap = (a) => (this.vectors ? `v128.shuffle<u32>(${a}, ${a}, 1, 0, 3, 2)` : `rotl<u64>(${a}, 32)`);
    return { ...x, parts: code.names(x.parts.map(swap)) };
  }

  /** Lane A of x, lane B of y. */
  blend(code, x, y) {
    const blend = (a, b) =>
      this.vectors ? `v128.shuffle<u32>(${a}, ${b}, 0, 5, 2, 7)` : `(${a} & 0xffffffff) | (${b} & 0xffffffff00000000)`;
    return { parts: code.names(this.#each(x, y, blend)), bound: Math.max(x.bound, y.bound) };
  }

  /** Every limb hands on what it has too much, all at once: no more than 19 * 2^7 comes in. */
  carry(code, x) {
    return {
      parts: this.vectors ? this.#carryVectors(code, x.parts) : this.#carryWords(code, x.parts),
      bound: REDUCED,
    };
  }

  #carryWords(code, parts) {
    const low = (limb) => this.#constant(limb, (i) => 2 ** (32 - bitsOf(i)) - 1);
    const over = code.names(parts.map((x, i) => `(${x} >> ${bitsOf(i)}) & ${low(i)}`));
    const into = (i) => (i === 0 ? `${over[9]} * 19` : over[i - 1]);
    return code.names(parts.map((x, i) => `(${x} & ${this.#constant(i, maskOf)}) + ${into(i)}`));
  }

  #carryVectors(code, parts) {
    const even = 'i32x4(-1, -1, 0, 0)';
    const over = code.names(parts.map((x) => `v128.bitselect(i32x4.shr_u(${x}, 26), i32x4.shr_u(${x}, 25), ${even})`));
    const wrapped = code.name(`i32x4.mul(${over[4]}, i32x4.splat(19))`);
    const into = (i) => `v128.shuffle<u32>(${i === 0 ? wrapped : over[i - 1]}, ${over[i]}, 2, 3, 4, 5)`;
    return code.names(parts.map((x, i) => `i32x4.add(v128.and(${x}, ${this.#constant(i, maskOf)}), ${into(i)})`));
  }

  #each(x, y, expression) {
    return this.parts.map((i) => expression(x.parts[i], y.parts[i]));
  }

  #plus(a, b) {
    return this.vectors ? `i32x4.add(${a}, ${b})` : `${a} + ${b}`;
  }

  /** A part of which both lanes hold the same limbs. */
  #constant(part, limbOf) {
    const limbs = this.vectors ? [2 * part, 2 * part + 1] : [part];
    const values = limbs.flatMap((limb) => [limbOf(limb), limbOf(limb)]);
    if (this.vectors) return `i32x4(${values.join(', ')})`;
    return `0x${(BigInt(values[0]) * 0x1_0000_0001n).toString(16)}`;
  }

  /** Functions that multiply and square, by pointer. */
  arithmetic(code) {
    if (this.vectors) {
      this.#multiplyVectors(code);
      this.#squareVectors(code);
    } else {
      this.#multiplyWords(code);
      this.#squareWords(code);
    }
  }

  #multiplyWords(code) {
    code.line('function multiplyLane(target: usize, a: usize, b: usize): void {');
    const f = limbsOf(code, 'a');
    const g = limbsOf(code, 'b');
    const doubled = f.map((x, i) => (i % 2 === 0 ? '' : code.name(`${x} << 1`)));
    const wrapped = code.names(g.map((x) => `${x} * 19`));
    const columns = columnsOf(false, (i, j, twice, wraps) => {
      return `${twice > 1 ? doubled[i] : f[i]} * ${wraps ? wrapped[j] : g[j]}`;
    });
    this.#storeWords(code, columns);
    code.line('}\n');
    code.line('export function multiply(target: usize, a: usize, b: usize): void {');
    code.line('  multiplyLane(target, a, b);\n  multiplyLane(target + 4, a + 4, b + 4);\n}\n');
  }

  #squareWords(code) {
    code.line('function squareLane(target: usize, a: usize): void {');
    const f = limbsOf(code, 'a');
    const multiples = [f, code.names(f.map((x) => `${x} << 1`)), code.names(f.map((x) => `${x} << 2`))];
    const wrapped = code.names(f.map((x) => `${x} * 19`));
    const columns = columnsOf(true, (i, j, twice, wraps) => {
      return `${multiples[Math.log2(twice)][i]} * ${wraps ? wrapped[j] : f[j]}`;
    });
    this.#storeWords(code, columns);
    code.line('}\n');
    code.line('/** Squares `times` times over. */');
    code.line('export function square(target: usize, a: usize, times: u32): void {');
    code.line('  for (; times > 0; times--) {\n    squareLane(target, a);\n    squareLane(target + 4, a + 4);');
    code.line('    a = target;\n  }\n}\n');
  }

  #storeWords(code, columns) {
    const word = {
      add: (a, b) => `${a} + ${b}`,
      shift: (a, bits) => `${a} >> ${bits}`,
      mask: (a, mask) => `${a} & ${mask}`,
      wrap: (a) => `${a} * 19`,
    };
    const limbs = carryColumns(code, columns, word);
    limbs.forEach((limb, i) => {
      code.line(`  store<u32>(target, <u32>(${limb}), ${8 * i});`);
    });
  }

  #multiplyVectors(code) {
    code.line('export function multiply(target: usize, a: usize, b: usize): void {');
    const f = this.load(code, 'a').parts;
    const g = this.load(code, 'b').parts;
    const doubled = code.names(f.map((x) => `i32x4.shl(${x}, 1)`));
    const right = withWrapped(code, g);
    const columns = columnsOf(false, (i, j, twice, wraps) => {
      return extended(twice > 1 ? doubled : f, i, wraps ? right.wrapped : right.straight, j);
    });
    this.store(code, 'target', { parts: this.#packColumns(code, columns) });
    code.line('}\n');
  }

  #squareVectors(code) {
    code.line('/** Squares `times` times over. */');
    code.line('export function square(target: usize, a: usize, times: u32): void {');
    const f = this.parts.map((i) => `f${i}`);
    for (const i of this.parts) code.line(`  let ${f[i]} = v128.load(a, ${16 * i});`);
    code.line('  for (; times > 0; times--) {');
    const multiples = [
      f,
      code.names(f.map((x) => `i32x4.shl(${x}, 1)`)),
      code.names(f.map((x) => `i32x4.shl(${x}, 2)`)),
    ];
    const right = withWrapped(code, f);
    const columns = columnsOf(true, (i, j, twice, wraps) => {
      return extended(multiples[Math.log2(twice)], i, wraps ? right.wrapped : right.straight, j);
    });
    this.#packColumns(code, columns).forEach((part, i) => {
      code.line(`  ${f[i]} = ${part};`);
    });
    code.line('  }');
    this.store(code, 'target', { parts: f });
    code.line('}\n');
  }

  #packColumns(code, columns) {
    const vector = {
      add: (a, b) => `i64x2.add(${a}, ${b})`,
      shift: (a, bits) => `i64x2.shr_u(${a}, ${bits})`,
      mask: (a, mask) => `v128.and(${a}, i64x2.splat(${mask}))`,
      wrap: (a) => `i64x2.add(i64x2.add(i64x2.shl(${a}, 4), i64x2.shl(${a}, 1)), ${a})`,
    };
    const limbs = carryColumns(code, columns, vector);
    return code.names(this.parts.map((i) => `v128.shuffle<u32>(${limbs[2 * i]}, ${limbs[2 * i + 1]}, 0, 2, 4, 6)`));
  }
}

/** The limbs of one lane. */
function limbsOf(code, pointer) {
  return Array.from({ length: LIMBS }, (_, i) => code.name(`<u64>load<u32>(${pointer}, ${8 * i})`));
}

/** A right operand, straight and times 19, each also with its two limbs exchanged. */
function withWrapped(code, parts) {
  const exchanged = (list) => code.names(list.map((x) => `v128.shuffle<u32>(${x}, ${x}, 2, 3, 0, 1)`));
  const times19 = code.names(parts.map((x) => `i32x4.mul(${x}, i32x4.splat(19))`));
  return {
    straight: { same: parts, other: exchanged(parts) },
    wrapped: { same: times19, other: exchanged(times19) },
  };
}

/** Limb i times limb j in both lanes: the limbs must stand in the same half of their vectors. */
function extended(left, i, right, j) {
  const half = i % 2 === 0 ? 'low' : 'high';
  const parts = i % 2 === j % 2 ? right.same : right.other;
  return `i64x2.extmul_${half}_i32x4_u(${left[i >> 1]}, ${parts[j >> 1]})`;
}

/**
 * The products of each column. Two odd limbs count twice (their weights are rounded up), what passes 2^255 comes back
 * times 19, and a square takes the two products of different limbs as one.
 */
function columnsOf(squares, product) {
  return Array.from({ length: LIMBS }, (_, column) => {
    const terms = [];
    for (let i = 0; i < LIMBS; i++) {
      const j = (column - i + LIMBS) % LIMBS;
      if (squares && i > j) continue;
      const twice = (i % 2 === 1 && j % 2 === 1 ? 2 : 1) * (squares && i !== j ? 2 : 1);
      terms.push(product(i, j, twice, i + j >= LIMBS));
    }
    return terms;
  });
}

/** Carries in two chains side by side, then once around: limbs end below 2^26 or 2^25 plus little. */
function carryColumns(code, columns, { add, shift, mask, wrap }) {
  const limbs = columns.map((terms) => code.name(sum(terms, add)));
  const carry = (i) => {
    const over = code.name(shift(limbs[i], bitsOf(i)));
    limbs[i] = code.name(mask(limbs[i], maskOf(i)));
    const next = (i + 1) % LIMBS;
    limbs[next] = code.name(add(limbs[next], next === 0 ? code.name(wrap(over)) : over));
  };
  for (const i of [0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 9, 0]) carry(i);
  return limbs;
}
