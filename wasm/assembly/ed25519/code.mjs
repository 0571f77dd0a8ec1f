/**
 * Text of a function that is written without loops. Values are pairs: two elements of the field modulo p = 2^255 - 19,
 * lane A and lane B, cut into limbs, each part of them under a name. `bound` is the largest that a limb of either lane
 * can be, as a multiple of what a carried one is at most; whoever computes with values keeps it true.
 */
export class Code {
  #lines = [];
  #names = 0;

  line(text) {
    this.#lines.push(text);
  }

  /** Gives an expression a name. */
  name(expression) {
    const name = `t${this.#names++}`;
    this.line(`  const ${name} = ${expression};`);
    return name;
  }

  /** Gives each of some expressions a name. */
  names(expressions) {
    return expressions.map((expression) => this.name(expression));
  }

  toString() {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** The sum of some terms, as an expression. */
export function sum(terms, add) {
  return terms.reduce((left, right) => add(left, right));
}

export function fail(message) {
  throw new Error(`field of Ed25519: ${message}`);
}
