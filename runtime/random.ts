import { randomBytes } from 'node:crypto';

/** Randomness as a parameter: cryptographic in a node, seeded in a simulation. */
export interface Random {
  /** `size` random bytes. */
  bytes(size: number): Uint8Array;
  /** A number in [0, 1). Not for secrets. */
  fraction(): number;
}

/** The system's cryptographic source. */
export const systemRandom: Random = {
  bytes: (size) => randomBytes(size),
  // 48 bits are all a fraction needs and fit a double exactly.
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

/**
 * A reproducible source for simulations (xorshift128+, seeded through splitmix64; Vigna 2014). Never for keys.
 * @param seed any integer; the same seed gives the same sequence
 */
export function seededRandom(seed: bigint): Random {
  const mask = (1n << 64n) - 1n;
  let mix = seed & mask;
  const splitmix = (): bigint => {
    mix = (mix + 0x9e3779b97f4a7c15n) & mask;
    let z = mix;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
  let a = splitmix();
  let b = splitmix();
  const next = (): bigint => {
    let x = a;
    const y = b;
    a = y;
    x ^= (x << 23n) & mask;
    b = (x ^ y ^ (x >> 18n) ^ (y >> 5n)) & mask;
    return (b + y) & mask;
  };
  return {
    bytes(size) {
      const out = new Uint8Array(size);
      for (let i = 0; i < size; i++) out[i] = Number(next() & 0xffn);
      return out;
    },
    fraction: () => Number(next() >> 11n) / 2 ** 53,
  };
}
