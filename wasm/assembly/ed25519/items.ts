/** What the host writes of the signatures to verify, and where the kernel keeps what it makes of them. */

/** Signatures of one batch at most. */
export const ITEMS_MAX: u32 = 4096;

/** 64 bytes each: R and S. */
const SIGNATURES: usize = memory.data(262144, 16);
/** 32 bytes each. */
const KEYS: usize = memory.data(131072, 16);
/** 64 bytes each: SHA-512 of R, key and message. */
const CHALLENGES: usize = memory.data(262144, 16);
/** 16 bytes each: random. */
const COEFFICIENTS: usize = memory.data(65536, 16);
/** u8 each: 1 if S is below L and both points are points. */
const WELL_FORMED: usize = memory.data(4096, 16);
/** -R, cached. */
const POINTS: usize = memory.data(655360, 16);
/** u32 each: number of the key among the different ones. */
const SIGNERS: usize = memory.data(16384, 16);

export { CHALLENGES, COEFFICIENTS, KEYS, SIGNATURES, WELL_FORMED };

export function signature(item: u32): usize {
  return SIGNATURES + ((<usize>item) << 6);
}

/** S, the second half of the signature. */
export function response(item: u32): usize {
  return signature(item) + 32;
}

export function key(item: u32): usize {
  return KEYS + ((<usize>item) << 5);
}

export function challenge(item: u32): usize {
  return CHALLENGES + ((<usize>item) << 6);
}

export function coefficient(item: u32): usize {
  return COEFFICIENTS + ((<usize>item) << 4);
}

export function wellFormed(item: u32): usize {
  return WELL_FORMED + <usize>item;
}

export function point(item: u32): usize {
  return POINTS + <usize>item * 160;
}

export function signer(item: u32): usize {
  return SIGNERS + ((<usize>item) << 2);
}
