/**
 * Values looked at, bytes sampled at each end of a binary field (of a transaction: its first fields and its
 * signature), and characters at each end of a text: less than a µs for a vote, some µs for a block.
 */
const MAX_VALUES = 24;
const SAMPLE_BYTES = 8;
const SAMPLE_CHARACTERS = 16;
/** Of a list or record inside a message. */
const MAX_DEPTH = 4;

/** Multipliers of FNV-1a and of murmur's finaliser: two independent 32-bit walks make 52 bits. */
const FNV_PRIME = 0x01000193;
const FNV_OFFSET = 0x811c9dc5;
const MIX_PRIME = 0x85ebca6b;
const HIGH_BITS = 20;

/**
 * A short name for a message, equal for equal content whatever life of an actor computes it. It samples large
 * content: good enough to tell requests apart that are in hand, not for anything that an adversary gains by. The
 * result is a whole number below 2^52.
 */
export function fingerprint(op: number, type: number, body: unknown): number {
  const walk = new Walk();
  walk.add(op * 256 + type);
  walk.visit(body, MAX_DEPTH);
  return walk.result;
}

class Walk {
  #low = FNV_OFFSET;
  #high = FNV_OFFSET ^ MIX_PRIME;
  #left = MAX_VALUES;

  get result(): number {
    return (this.#high >>> (32 - HIGH_BITS)) * 2 ** 32 + (this.#low >>> 0);
  }

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, FNV_PRIME);
    this.#high = Math.imul(this.#high ^ (value + (this.#low >>> 15)), MIX_PRIME);
  }

  visit(value: unknown, depth: number): void {
    if (this.#left-- <= 0) return;
    if (value instanceof Uint8Array) this.#bytes(value);
    else if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (typeof value === 'boolean') this.add(value ? 3 : 5);
    else if (typeof value === 'object' && value !== null) this.#object(value, depth);
    else this.add(7);
  }

  #object(value: object, depth: number): void {
    const items = Array.isArray(value) ? value : Object.values(value);
    this.add(items.length + 11);
    if (depth === 0) return;
    for (const item of items) {
      if (this.#left <= 0) return;
      this.visit(item, depth - 1);
    }
  }

  #number(value: number): void {
    this.add(value | 0);
    this.add((value / 2 ** 32) | 0);
    this.add(((value % 1) * 2 ** 31) | 0);
  }

  #bigint(value: bigint): void {
    this.add(Number(BigInt.asIntN(32, value)));
    this.add(Number(BigInt.asIntN(32, value >> 32n)));
    this.add(Number(BigInt.asIntN(32, value >> 64n)));
  }

  #text(text: string): void {
    this.add(text.length + 13);
    const { length } = text;
    for (let i = 0; i < Math.min(length, SAMPLE_CHARACTERS); i++) this.add(text.charCodeAt(i));
    for (let i = Math.max(SAMPLE_CHARACTERS, length - SAMPLE_CHARACTERS); i < length; i++) this.add(text.charCodeAt(i));
  }

  #bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.add(length + 17);
    for (let i = 0; i < Math.min(length, SAMPLE_BYTES); i++) this.add(bytes[i]!);
    for (let i = Math.max(SAMPLE_BYTES, length - SAMPLE_BYTES); i < length; i++) this.add(bytes[i]!);
  }
}
