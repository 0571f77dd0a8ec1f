/**
 * Hashes by pointer. Nothing is allocated and no object crosses the border: the host writes messages at INPUT (and where
 * they begin at OFFSETS), calls, and reads digests at OUTPUT. All memory is laid out when the module is compiled.
 */
export { hashEqual, hashMixed } from './sha256/batch';

/** Where the host writes messages: a whole batch of relays of usual size. */
export const INPUT_BYTES: usize = 1048576;
export const INPUT: usize = memory.data(1048576, 16);
/** Messages of one batch at most. */
export const BATCH_MAX: u32 = 4096;
/** Where messages of different lengths begin, u32 each, and where the last one ends. */
export const OFFSETS: usize = memory.data(16400, 16);
/** Where the digests of a batch appear: 32 bytes each. */
export const OUTPUT: usize = memory.data(131072, 16);
