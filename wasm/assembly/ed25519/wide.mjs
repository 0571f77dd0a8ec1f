/**
 * Radix 2^51 in doubles: five signed limbs, limb i of lane A and of lane B side by side as two f64 at byte 16 * i. For the
 * build with relaxed SIMD, whose fused multiply-add gives both halves of a product exactly:
 *
 *     high = a * b + 1.5 * 2^103    rounds a * b to a multiple of 2^51, its distance from the constant in its low bits
 *     low  = a * b - rounded + 1.5 * 2^52    is what was rounded away, at most 2^50, in its low bits
 *
 * The bits are added up as integers, constants and all; what the constants amount to is subtracted once per column.
 */
import { fail } from './code.mjs';

const LIMBS = 5;
const PARTS = [0, 1, 2, 3, 4];
const ALL_BITS = (1n << 64n) - 1n;

const HIGH = 1.5 * 2 ** 103;
const LOW = 1.5 * 2 ** 52;
/** Integers up to 2^51 and some thousand more or less stand in the low bits of this, and stay within its power of two. */
const OUT = 2 ** 52 + 2 ** 50;

/** A carried limb is at most 2^50 and some thousand. */
const REDUCED = 1.000001;
/** A product is below 2^102, so that its sum with HIGH stays within one power of two. */
const PRODUCT_MAX = 3.999;
/** Sums of limbs are exact below 2^53. */
const SUM_MAX = 7.9;

/** Columns are made positive before they are carried: by 2^61, which carries this much, and by half a limb. */
const LIFT_CARRY = 1n << 10n;
const LIFT = (LIFT_CARRY << 51n) + (1n << 50n);

const bits = (x) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return view.getBigUint64(0);
};
const table = [];
const splat = (x) => {
  const v = BigInt.asUintN(64, x);
  let i = table.indexOf(v);
  if (i < 0) i = table.push(v) - 1;
  return `v128.load(CONSTANTS, ${16 * i})`;
};
const times19 = (x) => `i64x2.add(i64x2.add(i64x2.shl(${x}, 4), i64x2.shl(${x}, 1)), ${x})`;

export class Wide {
  name = 'relaxed';
  carried = REDUCED;

  fitsLeft(bound) {
    return bound <= REDUCED;
  }

  fitsRight(bound) {
    return bound * REDUCED <= PRODUCT_MAX;
  }

  /** The bound of a product. @throws where it would not be exact */
  product(left, right) {
    if (left * right > PRODUCT_MAX) fail(`${left} times ${right} is too much`);
    return REDUCED;
  }

  /** Products of different limbs are taken twice. */
  square(bound) {
    return this.product(2 * bound, bound);
  }

  load(code, pointer, bound = REDUCED) {
    return { parts: code.names(PARTS.map((i) => `v128.load(${pointer}, ${16 * i})`)), bound };
  }

  store(code, pointer, { parts }) {
    for (const i of PARTS) code.line(`  v128.store(${pointer}, ${parts[i]}, ${16 * i});`);
  }

  add(code, x, y) {
    return this.#each(code, x, y, 'f64x2.add');
  }

  subtract(code, x, y) {
    return this.#each(code, x, y, 'f64x2.sub');
  }

  #each(code, x, y, operation) {
    const bound = x.bound + y.bound;
    if (bound > SUM_MAX) fail(`a limb of ${bound} is too much`);
    return { parts: code.names(PARTS.map((i) => `${operation}(${x.parts[i]}, ${y.parts[i]})`)), bound };
  }

  swap(code, x) {
    return { ...x, parts: code.names(x.parts.map((a) => `v128.shuffle<u64>(${a}, ${a}, 1, 0)`)) };
  }

  /** Lane A of x, lane B of y. */
  blend(code, x, y) {
    const parts = PARTS.map((i) => `v128.shuffle<u64>(${x.parts[i]}, ${y.parts[i]}, 0, 3)`);
    return { parts: code.names(parts), bound: Math.max(x.bound, y.bound) };
  }

  /** Every limb hands on its nearest multiple of 2^51, all at once: not more than 19 * 4 comes in. */
  carry(code, x) {
    const constant = code.name(`f64x2.splat(${HIGH})`);
    const over = code.names(x.parts.map((a) => `f64x2.sub(f64x2.add(${a}, ${constant}), ${constant})`));
    const into = (i) => `f64x2.mul(${over[(i + 4) % LIMBS]}, f64x2.splat(${i === 0 ? 19 * 2 ** -51 : 2 ** -51}))`;
    const parts = x.parts.map((a, i) => `f64x2.add(f64x2.sub(${a}, ${over[i]}), ${into(i)})`);
    return { parts: code.names(parts), bound: REDUCED };
  }

  /** Functions that multiply and square, by pointer. */
  arithmetic(code) {
    table.length = 0;
    code.line('export function multiply(target: usize, a: usize, b: usize): void {');
    const f = this.load(code, 'a').parts;
    const g = this.load(code, 'b').parts;
    const pairs = PARTS.flatMap((i) => PARTS.map((j) => ({ i, j, left: f[i], right: g[j] })));
    this.store(code, 'target', { parts: products(code, pairs) });
    code.line('}\n');
    code.line('/** Squares `times` times over. */');
    code.line('export function square(target: usize, a: usize, times: u32): void {');
    for (const i of PARTS) code.line(`  let f${i} = v128.load(a, ${16 * i});`);
    code.line('  for (; times > 0; times--) {');
    const doubled = code.names(PARTS.map((i) => `f64x2.add(f${i}, f${i})`));
    const triangle = PARTS.flatMap((i) => PARTS.slice(i).map((j) => ({ i, j })));
    const squares = triangle.map(({ i, j }) => ({ i, j, left: i === j ? `f${i}` : doubled[i], right: `f${j}` }));
    products(code, squares).forEach((part, i) => {
      code.line(`  f${i} = ${part};`);
    });
    code.line('  }');
    this.store(code, 'target', { parts: PARTS.map((i) => `f${i}`) });
    code.line('}\n');
    code.line(
      `const CONSTANTS: usize = memory.data<u64>([${table.flatMap((v) => [`0x${v.toString(16)}`, `0x${v.toString(16)}`]).join(', ')}], 16);`,
    );
  }
}

/** The carried limbs of a sum of products, column by column: V8 then holds few of them at a time. */
function products(code, pairs) {
  const high = code.name(splat(bits(HIGH)));
  const both = code.name(splat(bits(HIGH + LOW)));
  const columns = Array.from({ length: 2 * LIMBS }, () => ({ total: undefined, constant: 0n }));
  const collect = (column, value, constant) => {
    const { total } = columns[column];
    columns[column].total = total === undefined ? value : code.name(`i64x2.add(${total}, ${value})`);
    columns[column].constant += constant;
  };
  for (const { i, j, left, right } of [...pairs].sort((x, y) => x.i + x.j - y.i - y.j)) {
    const upper = code.name(`f64x2.relaxed_madd(${left}, ${right}, ${high})`);
    const lower = code.name(`f64x2.relaxed_madd(${left}, ${right}, f64x2.sub(${both}, ${upper}))`);
    collect(i + j, lower, bits(LOW));
    collect(i + j + 1, upper, bits(HIGH));
  }
  return carryColumns(code, columns);
}

/** Upper columns come back times 19. The lift of a column leaves it as a carry, so the next one starts without. */
function carryColumns(code, columns) {
  const mask = code.name(splat((1n << 51n) - 1n));
  const limbs = PARTS.map((i) => {
    const [lower, upper] = [columns[i], columns[i + LIMBS]];
    const constant = LIFT - (i > 0 ? LIFT_CARRY : 0n) - lower.constant - 19n * upper.constant;
    const lifted = `i64x2.add(${lower.total}, ${splat(constant & ALL_BITS)})`;
    return code.name(`i64x2.add(${lifted}, ${times19(upper.total)})`);
  });
  for (const i of PARTS) {
    const over = code.name(`i64x2.shr_u(${limbs[i]}, 51)`);
    limbs[i] = code.name(`v128.and(${limbs[i]}, ${mask})`);
    const next = (i + 1) % LIMBS;
    limbs[next] = code.name(`i64x2.add(${limbs[next]}, ${next === 0 ? code.name(times19(over)) : over})`);
  }
  const back = code.name(splat(bits(OUT + 2 ** 50)));
  return code.names(
    PARTS.map((i) => {
      const offset = bits(OUT) - (i === 0 ? 19n * LIFT_CARRY : 0n);
      return `f64x2.sub(i64x2.add(${limbs[i]}, ${splat(offset)}), ${back})`;
    }),
  );
}
