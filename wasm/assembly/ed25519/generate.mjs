/**
 * Writes what of the field arithmetic is unrolled, one file per build of the kernel: generated/plain.ts, simd.ts and
 * relaxed.ts. Besides multiplication and squaring these are the steps between the multiplications of a point operation,
 * the same formulas in each representation. Bounds are followed through them: a sum that the next multiplication
 * could not take is carried, and one that would overflow fails the build.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Code } from './code.mjs';
import { Narrow } from './narrow.mjs';
import { Wide } from './wide.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'generated');

/** Makes a value fit for the left or the right side of a multiplication. */
const asLeft = (field, code, x) => (field.fitsLeft(x.bound) ? x : field.carry(code, x));
const asRight = (field, code, x) => (field.fitsRight(x.bound) ? x : field.carry(code, x));

/** A function of pointers. */
function define(code, comment, name, parameters, body) {
  code.line(`/** ${comment} */`);
  code.line(`export function ${name}(${parameters.map((parameter) => `${parameter}: usize`).join(', ')}): void {`);
  const result = body();
  code.line('}\n');
  return result;
}

/** What is done between two multiplications of pairs elsewhere: always carried. */
function sums(field, code) {
  for (const name of ['add', 'subtract']) {
    define(code, `Carried: ${name}.`, name, ['target', 'a', 'b'], () => {
      const result = field[name](code, field.load(code, 'a'), field.load(code, 'b'));
      field.store(code, 'target', field.carry(code, result));
    });
  }
}

/**
 * Points are (X | Y) and (T | Z), twisted Edwards with a = -1, XY = ZT. The addition is that of Hisil, Wong, Carter and
 * Dawson with one operand as (Y - X | Y + X) and (2dT | 2Z); the same with both halves of the first exchanged and the
 * sign of the second changed is the subtraction.
 */
function addition(field, code, negative) {
  const [name, what] = negative ? ['subtract', 'a subtraction'] : ['add', 'an addition'];
  const head = define(code, `Before ${what}: differences and sums of X and Y.`, `${name}Head`, ['target', 'xy'], () => {
    const xy = field.load(code, 'xy');
    const yx = field.swap(code, xy);
    const plus = field.add(code, xy, yx);
    const minus = negative ? field.subtract(code, xy, yx) : field.subtract(code, yx, xy);
    const value = asRight(field, code, negative ? field.blend(code, plus, minus) : field.blend(code, minus, plus));
    field.store(code, 'target', value);
    return value.bound;
  });
  const left = field.product(cachedBound(field), head);
  tail(field, code, `After the first products of ${what}.`, `${name}Tail`, () => {
    const x = field.load(code, 'first', left);
    const y = field.load(code, 'second');
    const [xSwapped, ySwapped] = [field.swap(code, x), field.swap(code, y)];
    const xMinus = negative ? field.subtract(code, x, xSwapped) : field.subtract(code, xSwapped, x);
    const xPlus = field.add(code, x, xSwapped);
    const yMinus = field.subtract(code, y, ySwapped);
    const yPlus = field.add(code, y, ySwapped);
    return negative
      ? { eg: field.blend(code, xMinus, yMinus), hf: field.blend(code, xPlus, yPlus) }
      : { eg: field.blend(code, xMinus, yPlus), hf: field.blend(code, xPlus, yMinus) };
  });
}

/** (E | G), (H | F) and (F | H), of which the products are (X | Y) and (T | Z). */
function tail(field, code, comment, name, body) {
  define(code, comment, name, ['eg', 'hf', 'fh', 'first', 'second'], () => {
    const values = body();
    const eg = asLeft(field, code, values.eg);
    const hf = asRight(field, code, values.hf);
    field.product(eg.bound, hf.bound);
    field.store(code, 'eg', eg);
    field.store(code, 'hf', hf);
    field.store(code, 'fh', field.swap(code, hf));
  });
}

/** Doubling: squares of (X | Y) and (X + Y | Z); all of E, F, G, H with the other sign of the usual, which cancels. */
function doubling(field, code) {
  const head = define(code, 'Before a doubling: (X + Y | Z).', 'doubleHead', ['target', 'xy', 'tz'], () => {
    const xy = field.load(code, 'xy');
    const sum = field.add(code, xy, field.swap(code, xy));
    const value = asLeft(field, code, field.blend(code, sum, field.load(code, 'tz')));
    field.store(code, 'target', value);
    return value.bound;
  });
  const squared = field.square(head);
  tail(field, code, 'After the squares of a doubling.', 'doubleTail', () => {
    const xy = field.load(code, 'first');
    const sz = field.load(code, 'second', squared);
    const yx = field.swap(code, xy);
    const sum = field.add(code, xy, yx);
    const difference = field.subtract(code, xy, yx);
    const opposite = field.swap(code, difference);
    const e = field.subtract(code, sz, sum);
    const f = field.add(code, field.add(code, sz, sz), opposite);
    return { eg: field.blend(code, e, difference), hf: field.blend(code, sum, f) };
  });
}

/** The first half of a point that is to be added to others. */
function caching(field, code) {
  define(code, '(Y - X | Y + X), for the left side of a product.', 'cacheHead', ['target', 'xy'], () => {
    const xy = field.load(code, 'xy');
    const yx = field.swap(code, xy);
    const value = field.blend(code, field.subtract(code, yx, xy), field.add(code, xy, yx));
    field.store(code, 'target', asLeft(field, code, value));
  });
}

/** What cacheHead gives at most. */
function cachedBound(field) {
  const code = new Code();
  const value = field.subtract(code, field.load(code, ''), field.load(code, ''));
  return asLeft(field, code, value).bound;
}

function textOf(field) {
  const code = new Code();
  code.line(`/** Generated by generate.mjs: the field of Ed25519 in the build '${field.name}'. */\n`);
  field.arithmetic(code);
  sums(field, code);
  addition(field, code, false);
  addition(field, code, true);
  doubling(field, code);
  caching(field, code);
  return code.toString();
}

/** Writes the files that are not as they should be: one that is keeps its time, and the kernels are not built anew. */
export function generateField() {
  mkdirSync(folder, { recursive: true });
  for (const field of [new Narrow(false), new Narrow(true), new Wide()]) {
    const file = join(folder, `${field.name}.ts`);
    const text = textOf(field);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
  }
}
